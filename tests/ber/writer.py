"""BER written by hand, well or badly: elements, containers, files of a layout, and the worst that may come.

Enters: tags, contents, a layout. Leaves: bytes. Always holds: nothing here is taken from the reader under test but the
numbers of tags.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from mediation.ber.columns import Source, resolved
from mediation.ber.format import GROUP
from mediation.layout import Layout
from mediation.pickup import bind_header

MIB = 1 << 20
END = b"\0\0"


def tag(key: int, *, constructed: bool) -> bytes:
    """The octets of a tag, by its key (number and class)."""
    first, number = (key & 3) << 6 | constructed << 5, key >> 2
    if number < 31:
        return bytes([first | number])
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(0x80 | (number & 0x7F))
    return bytes([first | 31, *reversed(septets)])


def length(count: int, octets: int = 0) -> bytes:
    """A length, in as many octets behind the first as wished, or as few as can be."""
    if count < 128 and not octets:
        return bytes([count])
    wanted = octets or (count.bit_length() + 7) // 8
    return bytes([0x80 | wanted]) + count.to_bytes(wanted, "big")


def primitive(key: int, content: bytes, octets: int = 0) -> bytes:
    return tag(key, constructed=False) + length(len(content), octets) + content


def structure(key: int, *inside: bytes, octets: int = 0, indefinite: bool = False) -> bytes:
    content = b"".join(inside)
    if indefinite:
        return tag(key, constructed=True) + b"\x80" + content + END
    return tag(key, constructed=True) + length(len(content), octets) + content


def file_header(body: bytes, records: int = 0, extra: bytes = b"\0\0") -> bytes:
    """A file header of 50 octets and ``extra`` (TS 32.297, 6.1.1)."""
    size = 50 + len(extra)
    header = bytearray(50) + extra
    for at, number in ((0, size + len(body)), (4, size), (18, records), (22, 7)):
        header[at : at + 4] = number.to_bytes(4, "big")
    return bytes(header)


def cdr(record: bytes, *, extended: bool = False) -> bytes:
    """A record behind its header of four octets, or five (TS 32.297, 6.1.2)."""
    return len(record).to_bytes(2, "big") + (b"\xe3\x53\x04" if extended else b"\x60\x20") + record


def prefixed(source: Source, record: bytes) -> bytes:
    """A record behind what stands before each in the container of ``source``."""
    if source.container == "ts32297":
        return cdr(record)
    if source.container == "prefixed":
        return len(record).to_bytes(source.prefix_bytes, "big") + record
    return record


def contained(source: Source, body: bytes, *, indefinite: bool = False) -> bytes:
    """A file whose records are ``body``."""
    if source.container == "ts32297":
        return file_header(body) + body
    if source.container == "nested":
        for key in reversed(list_keys(source)):
            body = structure(key, body, indefinite=indefinite)
    return body


def list_keys(source: Source) -> list[int]:
    """The tags from a file's first element down to the list of its records."""
    keys, known = [], {**source.format.tags, **source.format.records}
    for step in source.list_path:
        key, field = next((k, f) for k, f in known.items() if f.name == step.name)
        keys.append(key)
        inside = source.format.inside(field)
        known = {**(source.format.tags if field.of == GROUP or not inside else {}), **inside}
    return keys or [16 << 2]


def source_of(layout: Layout) -> Source:
    assert layout.framing.ber is not None
    return layout.framing.ber


def file_of(layout: Layout, body: bytes, *, indefinite: bool = False) -> tuple[Layout, bytes]:
    """A file whose records are ``body``, and the layout bound to it."""
    content = contained(source_of(layout), body, indefinite=indefinite)
    return bind_header(layout, content, "here"), content


def full_records(layout: Layout, value: bytes, times: int = 1) -> Iterator[bytes]:
    """For each kind of record one that has every path that the layout reads, its values ``times`` over."""
    source = source_of(layout)
    elements: dict[int, list[bytes]] = {key: [] for key in source.format.records}
    for name in layout.source_columns():
        for path in source.column(name).paths:
            for (root, _), *chain in resolved(source.format, path):
                element = b""
                for (key, field), last in zip(reversed(chain), [True] + [False] * len(chain), strict=False):
                    is_value = last and not field.of
                    element = primitive(key, value) * times if is_value else structure(key, element)
                elements[root].append(element)
    for root, inside in elements.items():
        yield structure(root, *inside)


def filled(part: bytes, size: int = MIB) -> bytes:
    return (part * (size // len(part) + 1))[:size]


def adversaries(layout: Layout, size: int = MIB) -> Iterator[tuple[str, bytes]]:
    """Bodies of ``size`` bytes by which a reader might be slowed down, swollen or broken."""
    source, limit = source_of(layout), layout.framing.max_record_bytes
    root = next(iter(source.format.records))
    open_root, empty, field = tag(root, constructed=True) + b"\x80", structure(root), b"\x80\x00"
    wide = limit - 20
    bad = structure(root, b"\x80\x7f" + bytes(30))

    def record(part: bytes) -> bytes:
        return prefixed(source, structure(root, filled(part, wide)[: wide // len(part) * len(part)]))

    yield "zeros", bytes(size)
    yield "filler", b"\xff" * size
    yield "noise", random.Random(4).randbytes(size)
    yield "depth", filled(open_root, size)
    yield "depth of known lists", filled(open_root * 50 + b"\x30\x80" * 40 + END * 90, size)
    yield "definite depth", filled(nested(root, 98), size)
    yield "empty records", filled(prefixed(source, empty), size)
    yield "bare empty records", filled(empty, size)
    yield "small bad records", filled(prefixed(source, bad), size)
    yield "small unknown records", filled(prefixed(source, structure(3, bytes(28))), size)
    yield "small records between rubbish", filled(prefixed(source, structure(root, field * 14)) + b"\x1f\xff", size)
    yield "never closed", filled(open_root + field * (wide // 2), size)
    yield "never closed and empty by turns", filled(open_root + empty, size)
    yield "lengths beyond", filled(tag(root, constructed=True) + b"\x84\x7f\xff\xff\xff", size)
    yield "lengths just beyond", filled(tag(root, constructed=True) + b"\x82" + limit.to_bytes(4, "big")[2:], size)
    yield "lengths of eight octets", filled(tag(root, constructed=True) + b"\x88" + b"\xff" * 8, size)
    yield "long tags", filled(b"\xbf\xff\xff\xff\x7f\x01\x00", size)
    yield "endless tags", filled(b"\xbf" + b"\xff" * 60, size)
    yield "many small fields", filled(record(field), size)
    yield "many unknown structures", filled(record(b"\xbf\xff\x7f\x80\x00\x00"), size)
    yield "long prefixes", filled(b"\xff\xff\x60\x20" + empty, size)
    yield "short prefixes", filled(b"\x00\x05\x60\x20" + empty, size)
    for name, value, times in (
        ("empty", b"", 3),
        ("short", b"\x01", 3),
        ("long", b"\x91" * 100, 1),
        ("many", b"1", 99),
    ):
        records = [prefixed(source, r) for r in full_records(layout, value, times) if len(r) <= limit]
        yield f"every path, {name} values", filled(b"".join(records), size)
        for one in sorted(records, key=len)[-2:]:
            yield f"one kind with every path, {name} values", filled(one, size)


def nested(key: int, depth: int) -> bytes:
    element = b""
    for _ in range(depth):
        element = structure(key, element)
    return element


def shuffled(parts: Sequence[bytes], rng: random.Random) -> list[bytes]:
    mixed = list(parts)
    rng.shuffle(mixed)
    return mixed
