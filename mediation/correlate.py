"""Correlation: two records of one call become one event.

Enters: a ``usage`` batch whose ``record_type`` tells begin (INVITE, ACK) from end (BYE) and whose
``call_reference`` names the dialog; and the halves that wait from earlier batches. Leaves: whole events
with their duration, the halves that merged into them, and the halves that still wait. Always holds:
rows in = events + rejected, where a merged half is a rejected row of disposition ``merged``; an event
takes identity, coordinates and bytes from its begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mediation import stage
from mediation.fields import schema
from mediation.layout import Pairing
from mediation.reasons import CODE

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Row numbers of begins and of their ends, and what becomes of every row."""

    begin: list[int]
    end: list[int]
    reason: npt.NDArray[np.uint8]


def dialog_key(call_reference: str) -> str:
    """The key of a dialog: call id and both tags, the tags in one order whoever hung up (RFC 3261, 12)."""
    call_id, *tags = call_reference.split(" ")
    return " ".join([call_id, *sorted(tags)])


def correlate(usage: pa.RecordBatch, pairing: Pairing | None) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Pair the halves in ``usage``: (whole events, rejected rows). Without ``pairing`` all are whole."""
    if pairing is None or usage.num_rows == 0:
        return usage, stage.empty("rejected")
    pairs = _pair(usage, pairing)
    whole, rest = stage.split(usage, stage.Fault(pairs.reason, lambda _: "call_reference", _reference(usage)))
    return _with_durations(whole, usage, pairs), rest


def _reference(usage: pa.RecordBatch) -> Callable[[int], str]:
    return lambda row: str(usage["call_reference"][row])


def _pair(usage: pa.RecordBatch, pairing: Pairing) -> _Pairs:
    """Pair the earliest begin and the earliest end of each dialog.

    Later ones (a re-INVITE, a retransmission) merge into the event; what neither begins nor ends a call is
    whole by itself.
    """
    starts = np.asarray(usage["start_utc"].cast(pa.int64()))
    types, causes = usage["record_type"].to_pylist(), usage["cause"].to_pylist()
    references = usage["call_reference"].to_pylist()
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    reason = np.zeros(len(types), np.uint8)
    for row in np.argsort(starts, kind="stable").tolist():
        opens = types[row] in pairing.begin and causes[row] in pairing.answered
        if opens or types[row] in pairing.end:
            first = (begins if opens else ends).setdefault(dialog_key(references[row]), row)
            reason[row] = CODE["awaiting_pair" if first == row else "merged"]
    return _matched(begins, ends, starts, reason, pairing.max_span_s * _SECOND_US)


def _matched(
    begins: dict[str, int],
    ends: dict[str, int],
    starts: npt.NDArray[np.int64],
    reason: npt.NDArray[np.uint8],
    most_us: int,
) -> _Pairs:
    pairs = _Pairs([], [], reason)
    for key, begin in begins.items():
        end = ends.get(key)
        if end is None:
            continue
        if not 0 <= starts[end] - starts[begin] <= most_us:
            reason[[begin, end]] = CODE["negative_span"]
            continue
        reason[begin], reason[end] = 0, CODE["merged"]
        pairs.begin.append(begin)
        pairs.end.append(end)
    return pairs


def _with_durations(whole: pa.RecordBatch, usage: pa.RecordBatch, pairs: _Pairs) -> pa.RecordBatch:
    starts = np.asarray(usage["start_utc"].cast(pa.int64()))
    seconds = np.asarray(usage["duration_s"]).copy()
    span_us = starts[pairs.end] - starts[pairs.begin]
    seconds[pairs.begin] = -(-span_us // _SECOND_US)
    column = pa.array(seconds[pairs.reason == 0])
    replaced = {"duration_s": column, "usage": column}
    names = schema("usage").names
    return pa.RecordBatch.from_arrays([replaced.get(n, whole[n]) for n in names], schema=schema("usage"))


def part_again(merged: pa.RecordBatch, failed: pa.RecordBatch) -> pa.RecordBatch:
    """``merged`` rows, where those whose event is among the ``failed`` usage rows wait for it again.

    A whole call that cannot be priced goes to suspense as the two records that it was.
    """
    lost = {dialog_key(r) for r in failed["call_reference"].to_pylist()}
    rows = merged.to_pylist()
    for row in rows:
        if row["reason"] == "merged" and dialog_key(row["value"]) in lost:
            row |= {"disposition": "suspended", "reason": "awaiting_pair"}
    return pa.RecordBatch.from_pylist(rows, schema("rejected"))
