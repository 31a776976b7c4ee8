"""What a BER file says of itself, in its header and its trailer, held against what is there.

Enters: a source that is bound to a file, the bytes of its trailer, counted records. Leaves: the file's place in its
series, and findings. Always holds: a trailer that cannot be read says nothing; a finding never stops a file.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mediation.ber.columns import Path, Said, Source
from mediation.ber.format import Format
from mediation.ber.meaning import values
from mediation.ber.tlv import FINE, TOO_DEEP, element_end
from mediation.ber.tree import Tree, TreeError, tree_of
from mediation.ber.ts32297 import ABNORMAL
from mediation.controls import Found
from mediation.pickup import whole_number

_END = bytes(2)


def place_in_series(source: Source) -> tuple[str, int | None]:
    """The series that the file belongs to, and its number there; None if it says none."""
    header = (source.said or Said()).header
    number = whole_number(next(values(header, source.controls.sequence), "")) if source.controls.sequence else None
    return " ".join(next(values(header, path), "") for path in source.controls.stream), number


def with_trailer(file: Tree, trailer: bytes, format_: Format) -> Tree:
    """``file``, of which the header is known, with the bytes behind its records; as it is if these are no BER.

    ``trailer`` begins where the last record ends: with the end of the list, if its length is indefinite.
    """
    octets, at = np.frombuffer(trailer, np.uint8), 0
    behind: dict[str, list[Tree | str]] = {}
    while at < len(trailer):
        ends = trailer[at : at + 2] == _END
        stop, fault = (at + len(_END), FINE) if ends else element_end(octets, at, len(trailer))
        try:
            element = {} if ends or fault else tree_of(trailer[at:stop], format_)
        except TreeError:
            fault = TOO_DEEP
        if fault:
            return file
        for name, occurrences in element.items():
            behind.setdefault(name, []).extend(occurrences)
        at = stop
    return {name: [{**root, **behind} for root in roots if not isinstance(root, str)] for name, roots in file.items()}


def control_findings(source: Source, trailer: bytes, records: int) -> list[Found]:
    """How a file disagrees with what it says: of its ``records``, of its length, of how it was closed."""
    whole = with_trailer((source.said or Said()).header, trailer, source.format)
    return [*_counted(whole, source.controls.records, records), *_closed(whole, source)]


def _counted(whole: Tree, path: Path, records: int) -> Iterator[Found]:
    said = whole_number(next(values(whole, path), "")) if path else None
    if said is not None and said != records:
        yield Found("trailer_mismatch", f"records {said}", f"records {records}")


def _closed(whole: Tree, source: Source) -> Iterator[Found]:
    if source.said and source.said.cut:
        yield Found("truncated", "the end of the list of records", "the end of the file")
    for header in whole.get("file", ()) if source.container == "ts32297" else ():
        if isinstance(header, str):
            continue
        reason, lost = (str(header[name][0]) for name in ("closureReason", "lostCdrs"))
        if int(reason) >= ABNORMAL:
            yield Found("closed_abnormally", "normal closure", f"{reason}: {header['closure'][0]}")
        if lost != "0":
            yield Found("records_lost", "none", lost)
