# ruff: noqa: S608  (queries are made of our own text; values are bound)
"""Planning a run: whose balances are to be replayed, from when on, and into how many parts the work is divided.

Enters: a lake, a scope. Leaves: a :class:`Plan`, whose tables stand as Parquet files in a folder of its own. Always
holds: legs that depend on no order are rated alone; of the others all those of their household from the first one on
are replayed; a household is in one part, which its name decides, and so is an event with all that is asked of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mediation.fields import EVENT_ID, INSTANT
from rating.columns import tariff_starts
from rating.guide import guide
from rating.lake import Lake
from rating.lake.closed import closed_until
from rating.rerating.corrections import Corrections
from rating.rerating.households import households, ordered_plan_codes, ordered_plans
from rating.rerating.scope import CLOSE, ORDERED, TARIFF_START, Scope
from rating.rerating.settling import settled_since, settling
from rating.stored import USAGE_COLUMNS, stored_catalogue, stored_usage
from tariffs.catalogue import NONE, VERSION_PLAN, Catalogue

EVER: Final = datetime.min.replace(tzinfo=UTC)
_NAMED: Final = re.compile(r"\$(\w+)")
_JOINED: Final = "FROM charge_now c JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc"
_VERSIONS: Final = "SELECT DISTINCT tariff_version FROM charge WHERE kind = 'charge' ORDER BY tariff_version"
_LATE: Final = "SELECT DISTINCT event_id FROM rerate_due"
_DRAWING: Final = f"SELECT c.event_id, c.account, {TARIFF_START} AS start_utc {_JOINED} WHERE {ORDERED} AND ({{asked}})"
_EVENTS: Final = (
    f"SELECT {USAGE_COLUMNS} FROM usage u WHERE u.event_id IN (SELECT c.event_id {_JOINED} WHERE {{asked}})"
)
_FIRST: Final = "SELECT account, min(start_utc) AS since FROM read_parquet($drawing) GROUP BY account ORDER BY account"
_TIES: Final = """
SELECT DISTINCT a.account AS one, b.account AS other
FROM read_parquet($drawing) a JOIN read_parquet($drawing) b ON b.event_id = a.event_id AND b.account > a.account"""
_PLACED: Final = """
SELECT d.event_id, min(h.household) AS household FROM read_parquet($drawing) d
JOIN read_parquet($holders) h ON NOT h.shared AND h.holder = d.account GROUP BY d.event_id"""
_WORK: Final = f"""
{_JOINED}
LEFT JOIN read_parquet($placed) p ON p.event_id = c.event_id
LEFT JOIN read_parquet($holders) h ON NOT h.shared AND h.holder = c.account AND {ORDERED} AND {TARIFF_START} >= h.since
WHERE c.start_utc >= $earliest AND (h.household IS NOT NULL OR ({{asked}}))"""
_OF_PART: Final = " AND md5_number_lower(coalesce(h.household, p.household, c.event_id::VARCHAR)) % $parts = $part"
_DRAWS: Final = pa.schema([("event_id", EVENT_ID), ("account", pa.string()), ("start_utc", INSTANT)])


@dataclass(frozen=True)
class Plan:
    """What ``scope`` asks for of ``lake``, the ``tariff`` for it, the ``catalogues`` that have priced, by version.

    ``folder`` has the tables ``late`` (events that came for closed time), ``drawing`` (asked legs that depend on order:
    event, account, start), ``holders`` (of households to replay) and ``placed`` (the household of an event).
    ``values`` are those that conditions may name. Time before ``settled`` is closed, or is by this run.
    What landed after the batch ``seen`` is not part of the plan. ``corrected`` are events to take the place of what is
    asked for.
    """

    lake: Lake
    scope: Scope
    tariff: Catalogue | None
    catalogues: Mapping[str, Catalogue]
    folder: Path
    values: Mapping[str, Any]
    seen: int
    settled: datetime | None
    corrected: Corrections | None = None

    @property
    def replays(self) -> bool:
        """Whether balances are at stake."""
        return bool(pq.read_metadata(self.path("holders")).num_rows)

    def query(self, sql: str, **more: Any) -> pa.Table:  # noqa: ANN401 (values of SQL)
        """The answer of ``sql``, which may name values and tables of the plan, and ``asked`` in braces."""
        return self.lake.query(*self._named(sql, more))

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """The same in batches."""
        return self.lake.stream(*self._named(sql, {}))

    def work(self, columns: str, part: int, parts: int) -> pa.Table:
        """``columns`` of the legs of ``part``: charge ``c`` as it is live, usage ``u``, household ``h`` or none."""
        sql = f"SELECT {columns} {_WORK}{_OF_PART if parts > 1 else ''}"
        return self.query(sql, part=part, parts=parts)

    def parts(self, legs_a_part: int) -> int:
        """How many parts of about so many legs the work is divided into, at least one."""
        legs = int(self.query(f"SELECT count(*) AS legs {_WORK}")["legs"][0].as_py())
        return max(-(-legs // legs_a_part), 1)

    def path(self, table: str) -> Path:
        """Where ``table`` is."""
        return self.folder / f"{table}.parquet"

    def _named(self, sql: str, more: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The text with its condition, and those values that it names: DuckDB takes no others."""
        text = sql.replace("{asked}", self.scope.asked()[0])
        return text, {name: value for name, value in {**self.values, **more}.items() if name in _NAMED.findall(text)}


def make_plan(
    lake: Lake, scope: Scope, tariff: Catalogue | None, folder: Path, corrected: Corrections | None = None
) -> Plan:
    """Plan what ``scope`` asks for; the tables are written to ``folder``."""
    seen = lake.next_batch_id() - 1
    versions = lake.query(_VERSIONS)["tariff_version"].to_pylist()
    catalogues = {version: stored_catalogue(lake, version) for version in versions}
    if tariff:
        catalogues[tariff.version] = tariff
    ordered = [f"{version} {plan}" for version, each in catalogues.items() for plan in ordered_plans(each)]
    tables = {name: str(folder / f"{name}.parquet") for name in ("late", "drawing", "holders", "placed", "replaced")}
    values = {"ordered": ordered or [""], **scope.asked()[1], **tables}
    line = closed_until(lake)
    settled = max(filter(None, [line, scope.end_utc if scope.kind == CLOSE else None]), default=None)
    if scope.kind == CLOSE and line and settled:
        values["start"] = settling(catalogues.values(), line, settled)
    prices = None if corrected else tariff  # only what is corrected has a tariff of its own then, which it names
    plan = Plan(lake, scope, prices, catalogues, folder, values, seen, settled, corrected)
    pq.write_table(plan.query(_LATE), plan.path("late"))
    if corrected:
        pq.write_table(pa.table({"event_id": corrected.replaces}), plan.path("replaced"))
    _keep_drawing(plan)
    holders = households(_first(plan), plan.query(_TIES), catalogues.values())
    pq.write_table(holders, plan.path("holders"))
    pq.write_table(plan.query(_PLACED), plan.path("placed"))
    starts = [scope.earliest] if scope.earliest else []
    starts += plan.query("SELECT since FROM read_parquet($holders) ORDER BY since LIMIT 1")["since"].to_pylist()
    return replace(plan, values={**plan.values, "earliest": min(starts, default=EVER)})


def _keep_drawing(plan: Plan) -> None:
    """Write the asked legs that depend on order: as they are, and as the tariff of the run guides them.

    A corrected event stands under the id of what it replaces, so that whoever pays for either is of one household.
    """
    with pq.ParquetWriter(plan.path("drawing"), _DRAWS) as file:
        for batch in plan.stream(_DRAWING):
            file.write_batch(_as(_DRAWS, batch))
        if plan.tariff and ordered_plans(plan.tariff):
            for batch in plan.stream(_EVENTS):
                for drawing in _guided(stored_usage(batch), plan.tariff):
                    file.write_batch(drawing)
        for version, usage in plan.corrected.by_tariff() if plan.corrected else ():
            for drawing in _guided(usage, plan.catalogues[version]):
                file.write_batch(drawing)


def _first(plan: Plan) -> pa.Table:
    """The accounts that drew on order, and since when they are to be replayed."""
    first = plan.query(_FIRST)
    since = np.asarray(first["since"].cast(INSTANT).cast(pa.int64()), np.int64)
    if plan.settled:
        since = settled_since(since, plan.catalogues.values(), plan.settled)
    return first.set_column(1, "since", pa.array(since).cast(INSTANT))


def _guided(usage: pa.RecordBatch, catalogue: Catalogue) -> Iterator[pa.RecordBatch]:
    """The legs of ``usage`` that ``catalogue`` gives to a plan that depends on order."""
    guided, _ = guide(usage, catalogue)
    ordered = ordered_plan_codes(catalogue)
    for accounts, versions in zip(guided.accounts, guided.versions, strict=True):
        rows = np.flatnonzero((versions != NONE) & np.isin(catalogue.versions[versions, VERSION_PLAN], ordered))
        columns = {
            "event_id": guided.usage["event_id"].take(pa.array(rows)),
            "account": catalogue.account_names.take(pa.array(accounts[rows])),
            "start_utc": pa.array(tariff_starts(guided.usage)[rows]).cast(INSTANT),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=_DRAWS)


def _as(wanted: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch[each.name].cast(each.type) for each in wanted], schema=wanted)
