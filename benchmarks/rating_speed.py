"""What it costs to guide and price a call, beside hand-written SQL and Polars that price the same simple tariff.

Enters: a number of calls. Leaves: Markdown lines. Always holds: all three give the same amounts, call by call, before
anything is timed; each runs on one thread, in one process with the allocator's settings of ``toll rate``; rounds
alternate, and CPU time is told per call.
Run: ``python -m benchmarks.rating_speed [CALLS] [ROUNDS]``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from benchmarks.usage import calls, event_ids
from mediation.fields import INSTANT
from rating.cli.memory import keep_pages
from rating.columns import looked_up
from rating.guide import guide
from rating.legs import price_all
from rating.narrow import narrow
from rating.price import price
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

D = TypeVar("D", int, pl.Expr)

PREFIXES, DECKS, PLANS, ACCOUNTS = 60_000, 4, 16, 100_000
LENGTHS = range(4, 9)
BATCH = 250_000
MONTH_S = 28 * 86_400
START_S = 1_706_745_600  # 2024-02-01
RULES = """
[calendar.week]
default = "low"
[calendar.week.bands]
peak = ["mon-fri 08:00-18:00"]
"""
ALL_RULES = """
[zone.home]
prefixes = ["447"]
[class.on-net]
subscribed = true
[class.near]
prefixes = ["1", "2", "3"]
[tax.vat]
percent = "20"
rounding = { scale = 4 }
[rate.stepped]
currency = "EUR"
setup_fee = "0.01"
max_charge = "5"
steps = [{ from = 0, price = "0.05", per = 60, increment = 60, minimum = 60 }, { from = 600, price = "0.02", per = 60 }]
[rate.stepped-low]
currency = "EUR"
min_charge = "0.02"
steps = [{ from = 0, price = "0.03", per = 60, increment = 30 }, { from = 300, price = "0.01", per = 60 }]
[rate.on-net]
currency = "EUR"
price = "0.001"
free_under = 5
"""
NEAR = ("1", "2", "3", "4")
"""First digits of the destinations that rates of two steps price: 30/6 up to ten minutes, then by the minute."""
NEAR_STEPS = """
[rate.near{deck}]
currency = "EUR"
boundary = "start"
steps = [
  {{ from = 0, price = "0.{first:03}", per = 60, increment = 6, minimum = 30 }},
  {{ from = 600, price = "0.{later:03}", per = 60, increment = 60 }},
]
"""
GUIDED = """
WITH guided AS (
  SELECT row, start, usage, b_number, account, p.name AS plan,
    isodow(start) < 6 AND hour(start) BETWEEN 8 AND 17 AS peak, CASE WHEN peak THEN peak_deck ELSE low_deck END AS deck
  FROM calls JOIN subscriptions s ON s.number = a_number JOIN plans p USING (plan))
"""
PRICED = """
SELECT row, start, account, plan, zone, prefix, CASE WHEN peak THEN 'peak' ELSE 'low' END AS band,
  greatest(30, (least(usage, later_from) + 5) // 6 * 6) AS first,
  (greatest(usage - later_from, 0) + later_increment - 1) // later_increment * later_increment AS later,
  first + later AS billed, ((first * price + later * later_price) * 2 + 60) // 120 AS amount
FROM found
"""
TERMS = ("prefix", "zone", "price", "later_from", "later_price", "later_increment")
"""Columns of a deck; a price of one step goes on to its next at a usage that no call has."""
BY_LENGTH = f"""{GUIDED}, found AS (
  SELECT guided.*, {", ".join(f"coalesce({', '.join(f'p{n}.{c}' for n in reversed(LENGTHS))}) AS {c}" for c in TERMS)}
  FROM guided {
    " ".join(f"LEFT JOIN decks p{n} ON p{n}.deck = guided.deck AND p{n}.prefix = b_number[2:{n + 1}]" for n in LENGTHS)
})
{PRICED}"""  # noqa: S608 - text of ours
BY_RANGE = f"""{GUIDED}, keyed AS (SELECT *, deck * 1000000000 + b_number[2:9]::BIGINT AS head FROM guided),
found AS (SELECT keyed.*, id FROM keyed ASOF JOIN ranges ON begins <= head)
{PRICED} JOIN decks USING (id)"""  # noqa: S608 - text of ours
"""The longest prefix by ranges of eight digits, made beforehand: prefixes laid over each other, none inside another."""


class World:
    """A tariff, its subscribers and their calls, as files, as a usage batch and as tables."""

    def __init__(self, folder: Path, calls: int) -> None:
        rng = np.random.default_rng(7)
        self.folder = folder
        digits = rng.integers(1_000, 10 ** rng.integers(4, 9, 4 * PREFIXES))
        self.prefixes = np.unique(digits)[rng.permutation(len(np.unique(digits)))[:PREFIXES]].astype(str)
        self.prices = rng.integers(1, 10_000, (DECKS, PREFIXES)) * 100_000  # nano for a minute
        subscribers = np.char.add("+447", (100_000_000 + np.arange(ACCOUNTS)).astype(str))
        self.subscriptions = pl.DataFrame(
            {
                "number": subscribers,
                "account": np.char.add("A", np.arange(ACCOUNTS).astype(str)),
                "plan": np.arange(ACCOUNTS) % PLANS,
            }
        )
        zipf = 1 / np.arange(1, PREFIXES + 1)
        chosen = rng.choice(PREFIXES, calls, p=zipf / zipf.sum())
        tails = rng.integers(10**8, 10**9, calls).astype(str)
        self.calls = pl.DataFrame(
            {
                "row": np.arange(calls),
                "a_number": subscribers[rng.integers(0, ACCOUNTS, calls)],
                "b_number": np.char.add(np.char.add("+", self.prefixes[chosen]), tails),
                "start": np.sort(START_S + rng.integers(0, MONTH_S, calls)) * 1_000_000,
                "usage": rng.exponential(180, calls).astype(np.int64) + 1,
            }
        ).with_columns(pl.col("start").cast(pl.Datetime("us")))
        rows = [
            (deck, prefix, price)
            for deck in range(DECKS)
            for prefix, price in zip(self.prefixes, self.prices[deck], strict=True)
        ]
        near = pl.col("prefix").str.head(1).is_in(NEAR)
        priced = pl.DataFrame(rows, schema=["deck", "prefix", "deck_price"], orient="row").with_row_index("id")
        self.decks = priced.with_columns(
            pl.col("id").cast(pl.Int64),
            zone=pl.when(near).then(pl.lit("near")).otherwise("z" + pl.col("prefix").str.head(3)),
            price=pl.when(near).then(_first(pl.col("deck")) * 10**6).otherwise("deck_price"),
            later_from=pl.when(near).then(600).otherwise(2**31),
            later_price=pl.when(near).then(_later(pl.col("deck")) * 10**6).otherwise(0),
            later_increment=pl.when(near).then(60).otherwise(1),
        )
        self.plans = pl.DataFrame(
            [(plan, f"p{plan}", plan % DECKS, (plan + 1) % DECKS) for plan in range(PLANS)],
            schema=["plan", "name", "peak_deck", "low_deck"],
            orient="row",
        )

    def ranges(self) -> pl.DataFrame:
        """Where each deck's longest prefix changes among numbers of eight digits."""
        every = []
        for deck in range(DECKS):
            own = self.decks.filter(pl.col("deck") == deck)
            known = dict(zip(own["prefix"], own["id"], strict=True))
            ends = {int(prefix.ljust(8, "0")) for prefix in known} | {int(prefix.ljust(8, "9")) + 1 for prefix in known}
            for end in sorted(ends - {10**8}):
                digits = f"{end:08}"
                longest = next((known[digits[:n]] for n in reversed(LENGTHS) if digits[:n] in known), None)
                every.append((deck * 10**9 + end, longest))
        return pl.DataFrame(every, schema={"begins": pl.Int64, "id": pl.Int64}, orient="row")

    def compiled(self, *, every_rule: bool) -> Catalogue:
        """The catalogue: the tariff that SQL can follow, or one in which every rule is in use."""
        terms = 'boundary = "carry"' if every_rule else 'boundary = "start"'
        text, extra = (
            RULES + (ALL_RULES if every_rule else ""),
            'tax = "vat"\nbill_currency = "XDR"' if every_rule else "",
        )
        near = [prefix for prefix in self.prefixes.tolist() if prefix.startswith(NEAR)]
        text += "" if every_rule else f"[zone.near]\nprefixes = {near}\n"
        for deck in range(DECKS):
            text += "" if every_rule else NEAR_STEPS.format(deck=deck, first=_first(deck), later=_later(deck))
            whole, rest = pl.col("deck_price") // 10**9, pl.col("deck_price") % 10**9
            money = whole.cast(pl.String) + "." + rest.cast(pl.String).str.zfill(9)
            table = self.decks.filter(pl.col("deck") == deck).select("prefix", "zone", price=money)
            table.write_csv(self.folder / f"{deck}.csv")
            text += f'[deck.d{deck}]\nfile = "{deck}.csv"\ncurrency = "EUR"\nminimum = 30\nincrement = 6\n{terms}\n'
            text += f'[deck.d{deck}.columns]\nprefix = "prefix"\nzone = "zone"\nprice = "price"\n'
        for plan, _, peak, low in self.plans.iter_rows():
            text += f'[plan.p{plan}]\ncurrency = "EUR"\ncalendar = "week"\nmatch = ["class"]\n{extra}\n'
            if every_rule:
                text += _every_rule(plan, low)
            else:
                for band, deck in (("peak", peak), ("low", low)):
                    text += f'[[plan.p{plan}.rule]]\nband = "{band}"\ndeck = "d{deck}"\n'
                    text += f'[[plan.p{plan}.rule]]\nband = "{band}"\nzone = "near"\nrate = "near{deck}"\n'
        (self.folder / "tariff.toml").write_text(text)
        (self.folder / "conversions.csv").write_text("from,to,rate,date,source\nEUR,XDR,0.8123,2024-01-01,IMF\n")
        kinds = {"kind": pl.lit("number"), "key": pl.col("number"), "account": pl.col("account")}
        self.subscriptions.select(**kinds, plan=pl.format("p{}", "plan")).write_csv(self.folder / "subscriptions.csv")
        catalogue, problems = compile_tariff(load(self.folder)[0])
        if catalogue is None:
            raise RuntimeError(f"the tariff does not compile: {problems[:3]}")
        return catalogue

    def usage(self, *, partials: bool) -> list[pa.RecordBatch]:
        """The calls as usage, in batches; every tenth a partial where asked."""
        rows, count = self.calls, self.calls.height
        values = {
            "event_id": event_ids(0, count),
            "start_utc": pa.array(rows["start"].to_physical()).cast(INSTANT),
            "a_number": rows["a_number"].to_arrow().cast(pa.string()),
            "b_number": rows["b_number"].to_arrow().cast(pa.string()),
            "usage": pa.array(rows["usage"].to_numpy()),
            "usage_offset": pa.array(
                np.where(np.arange(count) % 10 == 0, 60, 0) if partials else np.zeros(count, np.int64)
            ),
        }
        whole = calls(values)
        return [whole.slice(first, BATCH) for first in range(0, count, BATCH)]


def _first(deck: D) -> D:
    """Thousandths that a minute of the first step costs in ``deck``, a number or a column of them."""
    return deck * 10 + 50


def _later(deck: D) -> D:
    return deck * 5 + 20


def _every_rule(plan: int, deck: int) -> str:
    """On-net and near calls by rates of their own, all others from home by a deck."""
    said = ('class = "on-net"\nrate = "on-net"', f'origin = "home"\ndeck = "d{deck}"')
    near = (
        f'class = "near"\nband = "{band}"\nrate = "{rate}"'
        for band, rate in (("peak", "stepped"), ("low", "stepped-low"))
    )
    return "".join(f"[[plan.p{plan}.rule]]\n{rule}\n" for rule in (*said, *near))


def rated(batches: list[pa.RecordBatch], catalogue: Catalogue) -> pa.Table:
    """Guide and price every batch."""
    return pa.Table.from_batches([price(guide(batch, catalogue)[0], catalogue)[0].charges for batch in batches])


def fetching(batches: list[pa.RecordBatch], catalogue: Catalogue) -> Callable[[], object]:
    """Nothing but the random accesses that a call needs: its subscription, bound, destination and choice of item."""
    tables = narrow(catalogue)
    rows = (catalogue.keys[:, 0], tables.bounds, tables.longest, tables.chosen.choices[:, 0])
    columns: list[npt.NDArray[Any]] = [*rows]
    found = [price_all(guide(batch, catalogue)[0], catalogue) for batch in batches]
    places = [(legs.account, *(legs.item % len(column) for column in columns[1:])) for legs in found]
    return lambda: [[looked_up(*pair) for pair in zip(columns, each, strict=True)] for each in places]


def in_sql(world: World) -> tuple[Callable[[], pa.Table], ...]:
    """The same by one query over tables in memory: the longest prefix by its length, and by ranges.

    Then the first of them again, of which nothing is made but two sums: what pricing costs without a table of charges.
    """
    lake = duckdb.connect(config={"threads": 1})
    tables = {name: getattr(world, name) for name in ("calls", "subscriptions", "plans", "decks")}
    for name, frame in {**tables, "ranges": world.ranges()}.items():
        lake.register("frame", frame.to_arrow())
        lake.execute(f"CREATE TABLE {name} AS FROM frame")
    queries = (BY_LENGTH, BY_RANGE, f"SELECT sum(billed), sum(amount) FROM ({BY_LENGTH})")  # noqa: S608 - text of ours
    return tuple(lambda query=query: lake.execute(query).to_arrow_table() for query in queries)


def in_polars(world: World) -> pl.DataFrame:
    """The same by joins of data frames."""
    peak = (pl.col("start").dt.weekday() < 6) & pl.col("start").dt.hour().is_between(8, 17)
    calls = world.calls.lazy().with_columns(peak=peak)
    calls = calls.join(world.subscriptions.lazy(), left_on="a_number", right_on="number")
    calls = calls.join(world.plans.lazy(), on="plan")
    calls = calls.with_columns(deck=pl.when("peak").then("peak_deck").otherwise("low_deck"))
    ids = world.decks.lazy().select("deck", "prefix", "id")
    for length in LENGTHS:
        head = calls.with_columns(pl.col("b_number").str.slice(1, length).alias("prefix"))
        calls = head.join(ids, on=["deck", "prefix"], how="left").rename({"id": f"p{length}"}).drop("prefix")
    found = calls.with_columns(id=pl.coalesce(f"p{length}" for length in reversed(LENGTHS)))
    priced = found.join(world.decks.lazy().drop("deck"), on="id")
    first = pl.max_horizontal(30, (pl.min_horizontal("usage", "later_from") + 5) // 6 * 6)
    beyond = pl.max_horizontal(pl.col("usage") - pl.col("later_from"), 0) + pl.col("later_increment") - 1
    later = beyond // pl.col("later_increment") * pl.col("later_increment")
    amount = ((first * pl.col("price") + later * pl.col("later_price")) * 2 + 60) // 120
    band = pl.when("peak").then(pl.lit("peak")).otherwise(pl.lit("low"))
    columns = ("row", "start", "account", "name", "zone", "prefix")
    return priced.select(*columns, band=band, billed=first + later, amount=amount).collect()


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def table(calls: int = 4_000_000, rounds: int = 3) -> Iterator[str]:
    """The benchmark as Markdown."""
    keep_pages()
    with tempfile.TemporaryDirectory() as place:
        world = World(Path(place), calls)
        simple = world.compiled(every_rule=False)
        batches, (by_length, by_range, sums) = world.usage(partials=False), in_sql(world)
        _check(rated(batches, simple), by_length(), by_range(), in_polars(world))
        full, partials = world.compiled(every_rule=True), world.usage(partials=True)
        every = rated(partials, full)
        works: dict[str, Callable[[], object]] = {
            "Tollstream": lambda: rated(batches, simple),
            "DuckDB, hand-written SQL": by_length,
            "DuckDB, the same of which two sums are all that is made": sums,
            "DuckDB, ranges of prefixes made beforehand": by_range,
            "Polars": lambda: in_polars(world),
            "floor: four random accesses to Tollstream's tables": fetching(batches, simple),
            "Tollstream, every rule in use": lambda: rated(partials, full),
        }
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                taken[name].append(_cpu(work) / calls * 1e9)
    yield f"{calls:,} calls, {PREFIXES:,} prefixes in each of {DECKS} decks, {PLANS} plans, {ACCOUNTS:,} subscribers;"
    yield f"one thread; medians of {rounds} alternating rounds. With every rule: {every.num_rows:,} charges."
    yield "Tollstream makes rows of the charge table, SQL and Polars nine columns of it.\n"
    yield "| guide and price | CPU ns a call | beside Tollstream |"
    yield "| --- | ---: | ---: |"
    for name, times in taken.items():
        ratios = sorted(t / own for t, own in zip(times, taken["Tollstream"], strict=True))
        spread = f"**{statistics.median(ratios):.1f}** ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        yield f"| {name} | {statistics.median(times):,.0f} | {spread} |"


def _check(ours: pa.Table, *others: pa.Table | pl.DataFrame) -> None:
    """All price every call alike."""
    amounts = _nano(ours["amount"])
    for table_of in others:
        other = np.zeros(len(amounts), np.int64)
        other[np.asarray(table_of["row"])] = np.asarray(table_of["amount"]).astype(np.int64)
        if len(amounts) != len(table_of["row"]) or not np.array_equal(amounts, other):
            raise RuntimeError(f"{np.count_nonzero(amounts != other):,} of {len(amounts):,} amounts differ")


def _nano(amounts: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.concatenate(
        [np.frombuffer(a.buffers()[1], np.int64)[::2][a.offset : a.offset + len(a)] for a in amounts.chunks]
    )


if __name__ == "__main__":
    for line in table(*(int(argument) for argument in sys.argv[1:])):
        print(line, flush=True)
