"""What lots that ended in closed time have left is written off, whether or not their holder came back since.

Enters: the plan of a run, what a part of it changes. Leaves: the same with ``expire`` rows. Always holds: after a run
the rows of each lot that ended before the line, and that the run is about, come to nothing: granted and rolled over =
used and expired. A close is about all lots, any other run about those of the households that it replays. What may yet
roll over is written off, too: whoever rolls it over takes it back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mediation.fields import schema
from rating.columns import integers
from rating.rerating.changes import Changes
from rating.rerating.compare import numbered, words
from rating.rerating.openings import LOT
from rating.rerating.plan import Plan
from rating.rerating.runs import Run
from rating.rerating.scope import CLOSE
from tariffs.catalogue import NONE

_MOVED: Final = "holder, shared, allowance, period_utc, rolled, expires_utc, kind, units, unit, tariff_version"
_ENDED: Final = f"""
SELECT
    NULL::UUID AS event_id, '' AS leg, 'expire' AS kind, '' AS account, holder, shared, allowance, period_utc, rolled,
    max(expires_utc) AS expires_utc, max(expires_utc) AS start_utc, -sum(units)::BIGINT AS units, max(unit) AS unit,
    0::BIGINT AS free_usage, 0::BIGINT AS total, max(tariff_version) AS tariff_version, $run::BIGINT AS rating_run
FROM (
    SELECT {_MOVED} FROM balance_movement m LEFT JOIN read_parquet($holders) h USING (holder, shared)
    WHERE md5_number_lower(coalesce(h.household, holder)) % $parts = $part AND (h.household IS NOT NULL OR $every)
    UNION ALL
    SELECT {_MOVED} FROM read_parquet($made)
)
WHERE kind NOT IN ('count', 'uncount') AND period_utc < $settled
GROUP BY holder, shared, allowance, period_utc, rolled
HAVING sum(units) > 0 AND max(expires_utc) <= $settled
ORDER BY holder, shared, allowance, period_utc, rolled"""  # noqa: S608 (our own columns)
_OPEN: Final = """
SELECT count(*) FILTER (kind <> 'expire') - count(*) FILTER (kind = 'expire') AS lots
FROM balance_movement WHERE kind IN ('grant', 'rollover', 'expire') AND expires_utc <= $settled"""


def moves_balances(plan: Plan) -> bool:
    """Whether a run of ``plan`` may move balances."""
    return plan.replays or plan.scope.kind == CLOSE


def parts(plan: Plan, rows_a_part: int) -> int:
    """How many parts of about so many legs, and lots that a close may have to write off, at least one."""
    lots = plan.query(_OPEN, settled=plan.settled)["lots"][0].as_py() if plan.scope.kind == CLOSE else 0
    return max(plan.parts(rows_a_part), -(-lots // rows_a_part))


def written_off(plan: Plan, made: Changes, run: Run, part: int) -> Changes:
    """``made`` of ``part``, and what is then left of lots that ended before the line."""
    if plan.settled is None or not moves_balances(plan):
        return made
    pq.write_table(made.movements.select([name.strip() for name in _MOVED.split(",")]), plan.path("made"))
    values = {"run": run.number, "part": part, "parts": run.parts, "every": plan.scope.kind == CLOSE}
    with plan.lake.frugal():
        rows = plan.query(_ENDED, made=str(plan.path("made")), settled=plan.settled, **values)
    ended = rows.cast(schema("balance_movement"))
    own = np.asarray(pc.equal(made.movements["kind"].cast(pa.string()), "expire"))
    rest = made.movements.filter(pa.array(~own))
    return replace(made, movements=pa.concat_tables([rest, _once(made.movements.filter(pa.array(own)), ended)]))


def _once(expiries: pa.Table, further: pa.Table) -> pa.Table:
    """Both, one row for each lot, without those that come to nothing."""
    whole = pa.concat_tables([expiries, further])
    (lots,), count = numbered(words([whole], LOT))
    sums, first = np.zeros(count, np.int64), np.full(count, NONE)
    np.add.at(sums, lots, integers(whole["units"].combine_chunks()))
    first[lots[::-1]] = np.arange(len(lots))[::-1]
    rows = whole.take(pa.array(first[sums != 0]))
    at = rows.schema.get_field_index("units")
    return rows.set_column(at, rows.schema.field(at), pa.array(sums[sums != 0]))
