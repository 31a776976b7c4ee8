"""What a file is: which layout or format reads it, told by its first bytes.

Enters: a path, and what is known of it. Leaves: a :class:`Recognised` file, ready to be read. Always holds: what is
given is not questioned; a file that nothing fits is refused, with what it looks like.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

from mediation.ber.columns import Source
from mediation.ber.format import NO_FORMAT, read_format
from mediation.ber.recognise import SAMPLE_BYTES, has_file_header, recognise, sources
from mediation.decode import decode
from mediation.frame import frame
from mediation.layout import Framing, Kind, Layout, Limits, NumberRules
from mediation.layout_file import read_layout, shipped
from mediation.normalise import normalise
from mediation.pickup import InputError, SourceFile, blocks, bound, content, pick_up
from mediation.reasons import Disposition
from mediation.records import Chunk

_TEXT_BYTES = 16 << 10
"""Bytes of a text file that the shipped layouts are tried on."""
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
_LEAST_PERCENT = 50


class UnrecognisedError(InputError):
    """A file that no format or layout fits; the message says what it looks like and what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is known of a file: the names of its format, container and layout; empty: to be found out."""

    format: str = ""
    container: str = ""
    layout: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """A file, the layout that reads it, by what that was told, and the shipped layouts that rate such files."""

    file: SourceFile
    layout: Layout
    why: str
    layouts: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What the file is, in a line."""
        ber = self.layout.framing.ber
        what = f"{self.layout.title} ({self.layout.name}, {ber.container})" if ber else self.layout.title
        return f"{self.file.name}: {what}"


def recognise_file(path: str, choice: Choice) -> Recognised:
    """What the file at ``path`` is.

    Raises:
        UnrecognisedError: nothing fits it.
        InputError: it cannot be read, or does not begin as what it is said to be.
        LayoutError, FormatError: ``choice`` names what there is not.

    """
    file = pick_up(path, plain_layout(Source(NO_FORMAT, "bare")))
    if not file.content_bytes:
        raise UnrecognisedError(f"{path}: has no bytes")
    if choice.layout:
        layout = read_layout(choice.layout)
        return Recognised(file, bound(file, layout), "the layout is given", (layout.name,))
    with content(file) as stream:
        head = bytes(stream.read(SAMPLE_BYTES))
    if looks_like_text(head) and not (choice.format or choice.container):
        return _recognised_text(file)
    return _recognised_records(file, head, choice)


def raw_source(path: str, choice: Choice) -> tuple[SourceFile, Source, str]:
    """The file at ``path``, what its elements are taken for, and by what; elements of no known format if it is none.

    Raises:
        InputError: it cannot be read.

    """
    file = pick_up(path, plain_layout(Source(NO_FORMAT, "bare")))
    if choice.layout:
        source = read_layout(choice.layout).framing.ber
        if source is None:
            raise UnrecognisedError(f"layout {choice.layout} reads text: --raw shows tags and lengths")
        return file, source, "the layout is given"
    with content(file) as stream:
        head = bytes(stream.read(SAMPLE_BYTES))
    found = recognise(head, file.content_bytes, choice.format, choice.container)
    if found:
        return file, found.source, f"{found.source.format.name}, {found.source.container}: {found.why}"
    container = choice.container or ("ts32297" if has_file_header(head, file.content_bytes) else "")
    usual = next(sources([read_format(choice.format) if choice.format else NO_FORMAT], container or "bare"))
    return file, usual, f"no known format: {_looks(head, file.content_bytes)}"


def plain_layout(source: Source) -> Layout:
    """A layout that reads records from ``source`` and maps none of their fields."""
    return Layout(
        name=source.format.name,
        title=source.format.title,
        framing=Framing(kind=Kind.BER, columns=(), ber=source),
        mappings=(),
        identity=(),
        namespace="",
        numbers=NumberRules(),
        limits=Limits(0, 0),
        text="",
        version="",
    )


def looks_like_text(head: bytes) -> bool:
    """Whether ``head`` has no control characters but those of texts."""
    return head.translate(None, _CONTROLS) == head


def _recognised_records(file: SourceFile, head: bytes, choice: Choice) -> Recognised:
    found = recognise(head, file.content_bytes, choice.format, choice.container)
    if found is None:
        what = " ".join(name for name in (choice.format, choice.container) if name) or "any format that is known"
        raise UnrecognisedError(
            f"{file.path}: no file of {what}: {_looks(head, file.content_bytes)}; name its --format, --container or "
            f"--layout, or look at it with --raw"
        )
    name = found.source.format.name
    fitting = tuple(one.name for one in _shipped_layouts() if one.framing.ber and one.framing.ber.format.name == name)
    return Recognised(file, bound(file, plain_layout(found.source)), found.why, fitting)


def _looks(head: bytes, size: int) -> str:
    """What a file that nothing fits begins like."""
    if looks_like_text(head):
        return "it looks like text"
    if has_file_header(head, size):
        header = int.from_bytes(head[4:8], "big")
        records = head[header : header + 16].hex(" ")
        return f"a TS 32.297 file header of {header} bytes, but no known record behind it ({records})"
    return f"it begins with {head[:16].hex(' ')}"


def _recognised_text(file: SourceFile) -> Recognised:
    """The shipped layout that accepts the largest share of the first records."""
    tried = [(layout, *_accepted(file, layout)) for layout in _shipped_layouts() if not layout.framing.ber]
    fitting = [t for t in tried if 100 * t[1] >= _LEAST_PERCENT * max(t[2], 1)]
    if not fitting:
        names = ", ".join(layout.name for layout, _, _ in tried)
        raise UnrecognisedError(
            f"{file.path}: text that none of the layouts {names} reads; name one of yours by --layout"
        )
    fitting.sort(key=lambda t: (-100 * t[1] // t[2], t[2]))
    layout, accepted, records = fitting[0]
    why = f"the layout accepts {accepted} of the first {records} records"
    return Recognised(file, bound(file, layout), why, tuple(t[0].name for t in fitting))


@cache
def _shipped_layouts() -> tuple[Layout, ...]:
    return tuple(read_layout(name) for name in shipped())


def _accepted(file: SourceFile, layout: Layout) -> tuple[int, int]:
    """How many of the first records ``layout`` accepts: (accepted, records)."""
    try:
        layout = bound(file, layout)
        block = next(blocks(file, layout.framing, 0, _TEXT_BYTES))
    except InputError:
        return 0, 1
    records, unframed = frame(Chunk(file.source, 0, 1, block.bytes, block.last), layout)
    fields, undecoded = decode(records, layout)
    usage, abnormal = normalise(fields, layout)
    ends = Counter(end for part in (unframed, undecoded, abnormal) for end in part["disposition"].to_pylist())
    accepted = usage.num_rows + ends[Disposition.FILTERED]
    return accepted, max(accepted + ends[Disposition.SUSPENDED], 1)
