"""Usage flows: what rated events contribute to the measure of a rule.

Enters: rated events, of a batch or as the lake has them. Leaves: contributions: ``subject``, ``source``,
``record_no``, ``at`` and ``to`` (from when and until when it counts, microseconds UTC), ``weight`` (128-bit, smallest
unit), ``cell`` (number of the window). Always holds: the same events give the same contributions, wherever they
come from; what stands in the lake is read in pieces, of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from mediation.fields import EVENT_ID
from rating.alerts.rule import Rule
from rating.alerts.windows import EPOCH, SECOND_US
from rating.lake import Lake
from rating.pipeline import Rated
from rating.streaming.coordinates import is_stream

Spans = Sequence[tuple[int, int]]

FILES: Final = "file:"
"""The scope of all files together."""
EVER_US: Final = 4_102_444_800_000_000
"""2100-01-01: later than any start that a layout accepts."""
CONTRIBUTION: Final = pl.Schema(
    {
        "subject": pl.String(),
        "source": pl.String(),
        "record_no": pl.Int64(),
        "at": pl.Int64(),
        "to": pl.Int64(),
        "weight": pl.Int128(),
        "cell": pl.Int64(),
    }
)
_STORED: Final = files("rating.alerts").joinpath("flows.sql").read_text("utf-8")
_OF_USAGE: Final = (
    "event_id", "source", "record_no", "start_utc", "duration_s", "volume_up_bytes", "volume_down_bytes", "partial_no",
    "service", "direction", "network", "a_number", "b_number", "trunk_in", "trunk_out",
)  # fmt: skip
_OF_CHARGE: Final = ("event_id", "leg", "account", "plan", "rate", "zone", "prefix", "amount", "currency")
_BY_BEGINNING: Final = frozenset({"a_number", "b_number", "prefix"})


def scope_of(source: str) -> str:
    """Whose state events of ``source`` move: that of their partition, or that of all files."""
    return source if is_stream(source) else FILES


def instant(at_us: int) -> datetime:
    """``at_us`` as queries take it, within the years that there can be."""
    return EPOCH + timedelta(microseconds=min(max(at_us, 0), EVER_US))


def batch_flows(rated: Rated) -> pl.DataFrame:
    """The events of a batch in the order of their records, once per leg."""
    usage = _frame(pa.table(rated.usage).select(_OF_USAGE))
    charges = _frame(pa.table(rated.charges).select(_OF_CHARGE))
    return (
        usage.join(charges, on="event_id")
        .with_columns(
            at=pl.col("start_utc").dt.epoch("us"),
            bytes=pl.col("volume_up_bytes").cast(pl.Int128) + pl.col("volume_down_bytes"),
        )
        .sort("source", "record_no")
    )


def stored(lake: Lake, rule: Rule, scope: str, spans: Spans, subjects: pl.Series | None = None) -> pl.DataFrame:
    """Contributions to ``rule`` that ``lake`` has in ``spans`` of starts (first, end), of some subjects or all."""
    parts = [CONTRIBUTION.to_frame()]
    for first, end in spans:
        place = {"leg": rule.leg, "scope": scope, "first": instant(first), "end": instant(end)}
        for batch in lake.stream(_STORED, place):
            found = contributions(rule, _frame(pa.table(batch)))
            parts.append(found if subjects is None else found.filter(pl.col("subject").is_in(subjects.implode())))
    return pl.concat(parts)


def contributions(rule: Rule, flows: pl.DataFrame) -> pl.DataFrame:
    """What ``flows`` contribute to ``rule``, in their order."""
    if "leg" in flows.columns:
        flows = flows.filter(pl.col("leg") == rule.leg)
    chosen = flows.filter(*_conditions(rule)).select(
        pl.col(rule.per).alias("subject"),
        "source",
        "record_no",
        "at",
        _until(rule).alias("to"),
        _weight(rule).cast(pl.Int128).alias("weight"),
    )
    if rule.is_level:
        chosen = chosen.filter(pl.col("to") > pl.col("at"), pl.col("weight") > 0)
    cells = rule.window.numbers(np.asarray(chosen["at"], np.int64))
    return chosen.with_columns(cell=pl.Series(cells, dtype=pl.Int64))


def _conditions(rule: Rule) -> Iterator[pl.Expr]:
    yield pl.col(rule.per) != ""
    if rule.measure == "spend":
        yield pl.col("currency") == rule.currency
    if rule.measure == "events":
        yield pl.col("partial_no") <= 1  # a session is one event, however many partials tell of it
    if rule.shortest_s:
        yield pl.col("duration_s") >= rule.shortest_s
    if rule.longest_s is not None:
        yield pl.col("duration_s") <= rule.longest_s
    for column, values in rule.where:
        if column in _BY_BEGINNING:
            yield pl.any_horizontal(pl.col(column).str.starts_with(value) for value in values)
        else:
            yield pl.col(column).is_in(values)


def _weight(rule: Rule) -> pl.Expr:
    weights = {
        "spend": pl.col("amount").to_physical(),
        "minutes": pl.col("duration_s"),
        "bytes": pl.col("bytes"),
        "events": pl.lit(1),
        "simultaneous": pl.lit(1),
    }
    return weights[rule.measure]


def _until(rule: Rule) -> pl.Expr:
    length = pl.lit(rule.reach_us)
    if rule.measure == "simultaneous":
        length = pl.min_horizontal(pl.col("duration_s"), rule.reach_us // SECOND_US) * SECOND_US
    return (pl.col("at") + length).cast(pl.Int64)


def _frame(table: pa.Table) -> pl.DataFrame:
    """``table`` in Polars, with labels as texts and ids as bytes."""
    plain = [
        column.cast(pa.string())
        if pa.types.is_dictionary(column.type)
        else pa.chunked_array([chunk.storage for chunk in column.chunks], EVENT_ID.storage_type)
        if column.type == EVENT_ID
        else column
        for column in table.columns
    ]
    frame = pl.from_arrow(pa.table(plain, table.column_names))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table is a frame")
    return frame
