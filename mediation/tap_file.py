"""TAP files as TD.57 has them judged: a file is accepted or refused as a whole, then each event by itself.

Enters: a file and its layout, or the fields of its events. Leaves: findings, and in the layout whether the file is
fatal; the events that go on and those that are set aside. Always holds: the whole file is read before any of it lands;
an event that TD.57 calls severe waits in suspense with the rule that it breaks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from mediation import stage
from mediation.ber.columns import Source
from mediation.ber.controls import with_trailer
from mediation.ber.records import decode_elements
from mediation.controls import Found
from mediation.frame import control_lines, frame
from mediation.layout import Layout
from mediation.pickup import SourceFile, blocks
from mediation.reasons import CODE
from mediation.records import Chunk, Fields, set_aside
from mediation.tap import control_findings, fatal, file_findings
from mediation.tap_checks import COLUMNS, RECORD_CHECKS, Check, Severity, severity
from mediation.tap_header import Totals, below, read_header
from mediation.tap_records import check_of, severe_faults, totals_of


def judged(file: SourceFile, layout: Layout) -> tuple[Layout, list[Found]]:
    """``layout``, bound to ``file``, with the verdict on it; and all that is found."""
    source = layout.framing.ber
    if layout.tap is None or source is None or source.said is None:
        return layout, []
    found = _findings(file, layout, source)
    worst = fatal(found, dict(layout.tap.severities))
    said = replace(source.said, fatal=", ".join(f.finding for f in worst))
    return replace(layout, framing=replace(layout.framing, ber=replace(source, said=said))), found


def check(fields: Fields, layout: Layout) -> tuple[Fields, pa.RecordBatch]:
    """The events that go on, and as rejected rows the severe ones, or all events of a fatal file."""
    source = layout.framing.ber
    if layout.tap is None or source is None or source.said is None or not len(fields.records):
        return fields, stage.empty("rejected")
    if source.said.fatal:
        why = source.said.fatal
        reason = np.full(len(fields.records), CODE["tap_fatal"], np.uint8)
        return _apart(fields, stage.Fault(reason, lambda _: "transferBatch", lambda _: why))
    changed = dict(layout.tap.severities)
    batch = next(below(source.said.header, "transferBatch"), {})
    faults = severe_faults(fields, read_header(batch), layout.tap.max_age_days)
    severe = [False, *(severity(c.code, changed) is Severity.SEVERE for c in RECORD_CHECKS)]
    reason = np.where(np.array(severe)[faults], CODE["tap_severe"], 0).astype(np.uint8)
    return _apart(
        fields,
        stage.Fault(reason, lambda row: check_of(faults[row]).item, lambda row: _shown(check_of(faults[row]))),
    )


def _apart(fields: Fields, fault: stage.Fault) -> tuple[Fields, pa.RecordBatch]:
    return fields.take(fault.reason == 0), set_aside(fields.records, fault.reason, fault)


def _shown(broken: Check) -> str:
    number = f", TD.57 error {broken.number}" if broken.number else ""
    return f"{broken.code}: {broken.meaning}{number}"


def _findings(file: SourceFile, layout: Layout, source: Source) -> list[Found]:
    """What is wrong with the file as a whole: one pass over it, and nothing kept but sums."""
    totals, trailer = Totals(), b""
    for block in blocks(file, layout.framing, 0):
        chunk = Chunk(file.source, block.offset, 1, block.bytes, block.last)
        records, aside = frame(chunk, layout)
        totals += totals_of(decode_elements(records, COLUMNS, source)[0])
        trailer += b"".join(control_lines(aside, "trailer"))
    header = source.said.header if source.said else {}
    whole = with_trailer(header, trailer, source.format)
    batch, notification = (next(below(whole, name), None) for name in ("transferBatch", "notification"))
    if batch is None:
        return control_findings(notification or {}, file.sequence_no)
    return file_findings(batch, totals, file.sequence_no)
