"""What a file says of itself and of its series, held against what the lake has.

Enters: an open lake, a file, its bound layout, and what was rated of it. Leaves: the file with its sequence number, and
findings. Always holds: a finding is stored beside the batch that shows it, and stops nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from mediation.ber.controls import control_findings, place_in_series
from mediation.controls import Counted, Found, declared, sequence_findings, trailer_findings
from mediation.frame import control_lines
from mediation.layout import Layout
from mediation.pickup import SourceFile
from rating.lake import Lake
from rating.pipeline import Mediated, Rated


def numbered(file: SourceFile, layout: Layout, first: Mediated) -> SourceFile:
    """``file`` with the sequence number that its header record gives, if the layout says where."""
    if layout.framing.ber:
        stream, number = place_in_series(layout.framing.ber)
        if number is not None:
            return replace(file, stream=stream or file.stream or layout.name, sequence_no=number)
    for line in control_lines(first.rejected[0], "header"):
        number = declared(line, layout.controls.sequence, layout)
        if number is not None:
            return replace(file, stream=file.stream or layout.name, sequence_no=number)
    return file


def series_findings(lake: Lake, file: SourceFile, layout: Layout) -> list[Found]:
    """How ``file`` follows on those of its series that the lake has."""
    return sequence_findings(file, _series(lake, file, layout))


def _series(lake: Lake, file: SourceFile, layout: Layout) -> dict[int, str]:
    if file.sequence_no is None:
        return {}
    rows = lake.query(
        "SELECT sequence_no, source FROM source_file WHERE layout = $layout AND stream = $stream "
        "AND sequence_no IS NOT NULL",
        {"layout": layout.name, "stream": file.stream},
    )
    return dict(zip(rows["sequence_no"].to_pylist(), rows["source"].to_pylist(), strict=True))


def closing_findings(lake: Lake, file: SourceFile, layout: Layout, rated: Rated) -> list[Found]:
    """What the end of a file shows: a cut record, totals that disagree with the trailer."""
    reasons = rated.rejected["reason"].cast(pa.string())
    found = (
        [Found("truncated", "the end of a record", "the end of the file")]
        if pc.any(pc.equal(reasons, "truncated_record")).as_py()
        else []
    )
    if not (layout.framing.trailer_prefix or layout.framing.ber):
        return found
    before = lake.query(
        "SELECT coalesce(sum(records), 0)::BIGINT AS records, coalesce(sum(duration_s), 0)::BIGINT AS duration_s "
        "FROM control_total WHERE source = $source AND disposition <> 'control'",
        {"source": file.source},
    ).to_pylist()[0]
    details = rated.rejected.filter(pc.not_equal(rated.rejected["disposition"].cast(pa.string()), "control"))
    counted = Counted(
        before["records"] + rated.usage.num_rows + details.num_rows,
        before["duration_s"] + _seconds(rated.usage) + _seconds(details),
    )
    trailers = [line for batch in rated.rejected.to_batches() for line in control_lines(batch, "trailer")]
    if layout.framing.ber:
        return found + control_findings(layout.framing.ber, b"".join(trailers), counted.records)
    return found + trailer_findings(trailers, counted, layout)


def _seconds(rows: pa.RecordBatch | pa.Table) -> int:
    return int(pc.sum(rows["duration_s"]).as_py() or 0)
