"""What a file says about itself, held against what is there.

Enters: header and trailer lines, counted totals, and the series of files before. Leaves: findings. Always
holds: a finding never stops a file; it names what was expected and what was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mediation.layout import Layout, Position
from mediation.pickup import SourceFile, whole_number


@dataclass(frozen=True, slots=True)
class Found:
    """A finding about one file: code of :data:`mediation.reasons.FINDINGS`, expected and found."""

    finding: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What a file holds: detail records, and the seconds of those that could be read."""

    records: int
    duration_s: int


def declared(line: bytes, position: Position | None, layout: Layout) -> int | None:
    """The whole number at ``position`` of a header or trailer ``line``; None if there is none."""
    if position is None:
        return None
    if position.length:
        text = line[position.start : position.start + position.length]
    else:
        cells = line.rstrip(b"\r\n").split(bytes([layout.framing.separator]))
        text = cells[position.start] if position.start < len(cells) else b""
    return whole_number(text.strip(b' "').decode("latin-1"))


def trailer_findings(trailers: Iterable[bytes], counted: Counted, layout: Layout) -> list[Found]:
    """How the trailer of a file disagrees with what was ``counted``."""
    if not layout.framing.trailer_prefix:
        return []
    lines = list(trailers)
    if not lines:
        return [Found("trailer_missing", "a trailer record", "none")]
    wanted = (
        ("records", layout.controls.records, counted.records),
        ("duration_s", layout.controls.duration_s, counted.duration_s),
    )
    figures = [(name, declared(lines[-1], position, layout), found) for name, position, found in wanted]
    return [
        Found("trailer_mismatch", f"{name} {figure}", f"{name} {found}")
        for name, figure, found in figures
        if figure is not None and figure != found
    ]


def sequence_findings(file: SourceFile, series: dict[int, str]) -> list[Found]:
    """How ``file`` fits its ``series``: the sources of the files before it, by sequence number."""
    number = file.sequence_no
    if number is None or not series:
        return []
    last = max(series)
    if number in series:
        return [Found("sequence_reused", series[number], file.source)] if series[number] != file.source else []
    if number > last + 1:
        missing = f"{last + 1}" if number == last + 2 else f"{last + 1} to {number - 1}"
        return [Found("sequence_gap", f"{file.stream} {missing}", f"{file.stream} {number}")]
    if number < last:
        return [Found("sequence_out_of_order", f"{file.stream} after {last}", f"{file.stream} {number}")]
    return []
