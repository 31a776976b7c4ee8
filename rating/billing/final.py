"""From an approved run to final bills: numbers without gaps.

Enters: an approved run. Leaves: rows of ``bill_number``. Always holds: once a run is final it stays so, and its bills
never change; the offset of a series is its last number, moved in the transaction that gives numbers, so that no number
is given twice and none is left out, whoever else is numbering, and whatever crashed.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import pyarrow as pa

from mediation.fields import schema
from mediation.stage import constant
from rating.billing.settings import Settings, from_json
from rating.billing.steps import FINAL, NUMBERED, Signed, Watch, run_of, take, unwatched
from rating.lake import Delta, Lake
from rating.lake.delta import Extent

NUMBERS_AT_ONCE: Final = 100_000
"""Bills that are numbered in one transaction."""

_COUNT: Final = "SELECT count(*) AS bills FROM bill WHERE run = $run"
_NEXT: Final = """
SELECT bill_no, kind FROM bill WHERE run = $run AND bill_no > $after ORDER BY bill_no LIMIT $most"""


def finish(lake: Lake, run: int, signed: Signed, watch: Watch = unwatched) -> int:
    """Make the approved ``run`` final, or go on with numbering where it was killed; return how many bills it has.

    Raises:
        BillRunError: it is not approved, or another run has billed customers of it since it began.

    """
    state = run_of(lake, run)
    if state["state"] not in {FINAL, NUMBERED}:
        take(lake, run, FINAL, signed)
    settings, issued_on = from_json(state["settings"]), state["issued_on"]
    count = lake.query(_COUNT, {"run": run})["bills"][0].as_py()
    while _number(lake, run, settings, issued_on):
        watch(lake.offset(_source(run)).next_offset, count)
    if run_of(lake, run)["state"] == FINAL:
        take(lake, run, NUMBERED, signed)
    return int(count)


def _source(run: int) -> str:
    return f"bill_number:{run}"


def _number(lake: Lake, run: int, settings: Settings, issued_on: date) -> int:
    """Number the next bills of ``run`` in one transaction; how many there were."""
    with lake.alone():
        done = lake.offset(_source(run)).next_offset
        bills = lake.query(_NEXT, {"run": run, "after": done, "most": NUMBERS_AT_ONCE})
        if not bills.num_rows:
            return 0
        by_series: dict[str, list[int]] = {}
        for bill_no, kind in zip(bills["bill_no"].to_pylist(), bills["kind"].to_pylist(), strict=True):
            by_series.setdefault(settings.series_of(kind, issued_on), []).append(bill_no)
        given = {series: (_last(lake, series), numbers) for series, numbers in sorted(by_series.items())}
        rows = [_rows(run, series, last, bill_nos, settings.digits) for series, (last, bill_nos) in given.items()]
        beside = [Extent.numbered(_series(name), last, len(nos)) for name, (last, nos) in given.items()]
        numbers = {"bill_number": pa.concat_tables(rows)}
        lake.commit(Delta.numbered(_source(run), done, bills.num_rows, beside=tuple(beside), bills=numbers))
        return int(bills.num_rows)


def _last(lake: Lake, series: str) -> int:
    return lake.offset(_series(series)).next_offset


def _series(name: str) -> str:
    """The source whose ordinals are the numbers of a series."""
    return f"bill_series:{name}"


def _rows(run: int, series: str, last: int, bill_nos: list[int], digits: int) -> pa.Table:
    """Rows of ``bill_number``: the bills ``bill_nos`` follow number ``last`` of ``series``."""
    places = range(last + 1, last + 1 + len(bill_nos))
    out = schema("bill_number")
    columns = {
        "series": constant(series, len(bill_nos)),
        "sequence_no": pa.array(places, pa.int64()),
        "number": pa.array([f"{series}{place:0{digits}}" for place in places], pa.string()),
        "run": pa.array([run] * len(bill_nos), pa.int64()),
        "bill_no": pa.array(bill_nos, pa.int64()),
    }
    return pa.table([columns[name] for name in out.names], schema=out)
