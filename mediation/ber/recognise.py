"""What format of ASN.1 records a file has, and in which container: found by trying.

Enters: the first bytes of a file. Leaves: a :class:`Recognised` format, or None. Always holds: a format is told by
how many of the first elements are what it says of their tags, so that a vendor's own tags do not hide it; nothing is
raised, whatever the bytes are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice

from mediation.ber.columns import Source, parse_path
from mediation.ber.containers import prefix_of
from mediation.ber.elements import PLAIN
from mediation.ber.format import CONTAINERS, Field, Format, Value, read_format, shipped, tag_text
from mediation.ber.raw import Element, Fault, pieces
from mediation.ber.tlv import END_OF_CONTENTS
from mediation.ber.ts32297 import HEADER_BYTES

SAMPLE_BYTES = 64 << 10
"""Bytes of a file by which it is recognised."""
_SAMPLE_PIECES = 600
_LEAST_PERCENT = 60
_LENGTHS = {Value.TIMESTAMP: (9,), Value.PLMN: (3,), Value.IP: (4, 16), Value.BOOLEAN: (1,), Value.NULL: (0,)}
"""Octets that values of a kind have."""
_PREFIX_BYTES = (2, 4, 1)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A format and its container; ``why`` says by what they were told, ``percent`` how well they fit."""

    source: Source
    why: str
    percent: int
    has_records: bool


def recognise(head: bytes, size: int, format_name: str = "", container: str = "") -> Recognised | None:
    """What a file of ``size`` bytes is that begins with ``head``; names that are given are not questioned.

    Raises:
        FormatError: there is no format ``format_name``.

    """
    formats = [read_format(format_name)] if format_name else [read_format(name) for name in shipped()]
    found = [tried for source in sources(formats, container) if (tried := _tried(source, head, size))]
    best = max(found, key=_rank, default=None)
    if format_name and container:
        return best or Recognised(next(sources(formats, container)), "format and container are given", 0, False)
    return best if best and best.percent >= _LEAST_PERCENT else None


def _rank(tried: Recognised) -> tuple[int, bool, int]:
    """The better of two fits; of equal ones that of the format that knows less besides."""
    return tried.percent, tried.has_records, -len(tried.source.format.tags)


def sources(formats: list[Format], container: str = "") -> Iterator[Source]:
    """Every way in which records of ``formats`` may stand in a file, or those by ``container``; the usual first."""
    for kind in (container,) if container else ("ts32297", *(c for c in CONTAINERS if c != "ts32297")):
        for format_ in formats:
            if kind == "prefixed":
                yield from (Source(format_, kind, prefix_bytes=octets) for octets in _PREFIX_BYTES)
                continue
            if kind == "nested" and format_.list:
                yield Source(format_, kind, parse_path(format_.list))
            yield Source(format_, kind)


def has_file_header(head: bytes, size: int) -> bool:
    """Whether ``head`` begins with a TS 32.297 file header that names the ``size`` of the file."""
    length, header = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    return length == size and HEADER_BYTES <= header <= size


@dataclass(slots=True)
class _Seen:
    """Elements seen, those that are what the format says, records by name, and the name of a list's root."""

    all: int = 0
    fitting: int = 0
    records: Counter[str] = field(default_factory=Counter)
    root: str = ""


def _tried(source: Source, head: bytes, size: int) -> Recognised | None:
    """How ``head`` fits ``source``; None where nothing of it does."""
    seen, level = _Seen(), _record_level(source)
    for piece in islice(pieces(BytesIO(head), size, source), _SAMPLE_PIECES):
        if piece.place >= len(head):
            break
        seen.all += isinstance(piece, Fault)
        if isinstance(piece, Element) and piece.key != END_OF_CONTENTS:
            _see(seen, source, piece, level)
    if not seen.records and not (source.list_path and seen.fitting > 1 and seen.root):
        return None
    percent = 100 * seen.fitting // max(seen.all, 1)
    return Recognised(source, _why(source, head, seen), percent, bool(seen.records))


def _see(seen: _Seen, source: Source, element: Element, level: int) -> None:
    seen.all += 1
    seen.fitting += fits(source.format, element)
    if element.depth == level and element.key in source.format.records:
        seen.records[source.format.records[element.key].name] += 1
    elif element.depth == 0 and not seen.root and source.container == "nested":
        seen.root = element.field.name if element.field else tag_text(element.key)


def _record_level(source: Source) -> int:
    """How many levels above a record :func:`~mediation.ber.raw.pieces` counts."""
    if source.container == "nested":
        return len(source.list_path) or 1
    return 0 if prefix_of(source) == PLAIN else 1


def fits(format_: Format, element: Element) -> bool:
    """Whether ``element`` is what ``format_`` says of its tag: known, a structure or a value, of a plausible length."""
    known = element.field
    if known is None:
        return element.depth == 0 and element.constructed and format_.container != "nested"
    if element.constructed:
        return bool(known.of or known.depth or known.value is Value.ANY)
    if known.of or known.depth:
        return element.length == 0
    return _plausible(format_, known, element)


def _plausible(format_: Format, known: Field, element: Element) -> bool:
    if known.enum:
        return int.from_bytes(element.octets, "big", signed=True) in format_.enums[known.enum]
    return element.length in _LENGTHS.get(known.value, (element.length,))


def _why(source: Source, head: bytes, seen: _Seen) -> str:
    """By what the file was recognised, in words."""
    parts = []
    if source.container == "ts32297":
        parts.append(f"it begins with a TS 32.297 file header of {int.from_bytes(head[4:8], 'big')} bytes")
    elif source.container == "prefixed":
        parts.append(f"a length of {source.prefix_bytes} bytes stands before each record")
    elif seen.root:
        parts.append(f"its first element is {seen.root}")
    shown = ", ".join(f"{count} {name}" for name, count in seen.records.most_common(4))
    parts.append(f"its first records are {shown}" if seen.records else "it has no records")
    return f"{'; '.join(parts)}; {seen.fitting} of its first {seen.all} elements are what the format says"
