"""The prices of a catalogue as tables: what every prefix costs, by plan, version, service, direction and band.

Enters: a ``Catalogue``. Leaves: polars tables. Always holds: prices stay int nano for ``per`` units, as the
tariff wrote them; where a zone and a deck list one prefix the zone's row comes first, as it does in rating.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue, Ints
from tariffs.model import BOUNDARIES, COUNTERS, EVER_FROM, EVER_TO, MODES, NANO, OTHER_CLASS, STAGES, TIERS
from tariffs.prefixes import items_of


def cells(catalogue: Catalogue) -> pl.DataFrame:
    """The cell of each (plan, version, service, direction) that has one, and of each origin and class it varies by."""
    return scopes(catalogue).filter(pl.col("cell") != NONE)


def scopes(catalogue: Catalogue) -> pl.DataFrame:
    """As :func:`cells`, with rows of cell NONE for an origin and class that nothing prices.

    ``origin`` and ``call_class`` are empty where the price turns on neither; else ``origin`` is empty for numbers of
    no origin zone, and ``call_class`` is ``other`` for calls of no class.
    """
    version, service, direction = (axis.reshape(-1) for axis in np.indices(catalogue.selector.shape))
    frame = pl.DataFrame(
        {
            "plan": _named(catalogue, "plan", catalogue.versions[version, layout.VERSION_PLAN]),
            "version_from": catalogue.versions[version, layout.VERSION_FROM],
            "version_to": catalogue.versions[version, layout.VERSION_TO],
            "service": _named(catalogue, "service", service),
            "direction": _named(catalogue, "direction", direction),
            "cell": catalogue.selector.reshape(-1).astype(np.int64),
        }
    )
    named = (pl.col("service") != "") & (pl.col("direction") != "")  # the others are names that no rule can have
    frame = frame.filter(named & (pl.col("cell") != NONE))
    currencies = _named(catalogue, "currency", catalogue.cells[frame["cell"].to_numpy(), layout.CELL_CURRENCY])
    rows = [row for cell in frame["cell"].unique().to_list() for row in _variants(catalogue, cell)]
    varied = pl.DataFrame(rows, schema=_VARIANT_SCHEMA, orient="row")
    whole = frame.with_columns(currencies.alias("currency")).join(varied, on="cell", maintain_order="left_right")
    return whole.drop("cell").rename({"variant": "cell"})


_VARIANT_SCHEMA: Final = {"cell": pl.Int64, "origin": pl.String, "call_class": pl.String, "variant": pl.Int64}


def _variants(catalogue: Catalogue, cell: int) -> Iterable[tuple[int, str, str, int]]:
    """The origin, class and own cell of each variant of ``cell``; itself where it has none."""
    row = catalogue.cells[cell]
    first = int(row[layout.CELL_VARIANTS])
    if first == NONE:
        yield cell, "", "", cell
        return
    sets = (layout.CELL_ORIGIN_E164, layout.CELL_ORIGIN_LOCAL)
    items = catalogue.items[np.concatenate([_below(catalogue, int(row[number])) for number in sets])]
    numbered = dict(zip(items[:, layout.ITEM_RATE].tolist(), items[:, layout.ITEM_ZONE].tolist(), strict=True))
    classes = (OTHER_CLASS, *catalogue.class_names.to_pylist())
    for number, zone in {0: NONE, **numbered}.items():
        for place, name in enumerate(classes):
            variant = int(catalogue.variants[first + number * len(classes) + place])
            yield cell, catalogue.name("zone", zone), name, variant


def prices(catalogue: Catalogue, chosen: Iterable[int]) -> pl.DataFrame:
    """Every price of the cells ``chosen``: cell, prefix, zone, band (``""``: all), period, rule, rate, its first step.

    ``prefix`` is ``+4475``, ``2327`` or ``""`` (numbers that no prefix matches, or local ones; ``kind`` tells);
    ``code`` is the rate's row in the catalogue, NONE where the event is refused for want of a price.
    """
    every = [pl.DataFrame(schema=_SCHEMA), *(_cell(catalogue, cell) for cell in chosen)]
    return pl.concat(every).join(_steps(catalogue), on="code", how="left", maintain_order="left")


_SCHEMA: Final = {
    "cell": pl.Int64,
    "kind": pl.String,
    "prefix": pl.String,
    "zone": pl.String,
    "band": pl.String,
    "valid_from": pl.Int64,
    "valid_to": pl.Int64,
    "rule": pl.String,
    "code": pl.Int64,
    "tax": pl.Int64,
}


def _cell(catalogue: Catalogue, cell: int) -> pl.DataFrame:
    row = catalogue.cells[cell]
    parts = {
        "e164": _below(catalogue, int(row[layout.CELL_E164])),
        "local": _below(catalogue, int(row[layout.CELL_LOCAL])),
        "anywhere": np.arange(row[layout.CELL_FIRST], row[layout.CELL_END]),
    }
    items = np.concatenate(list(parts.values()))
    rows = catalogue.items[items]
    return pl.DataFrame(
        {
            "cell": np.full(len(items), cell),
            "kind": [kind for kind, part in parts.items() for _ in range(len(part))],
            "prefix": _named(catalogue, "prefix", rows[:, layout.ITEM_PREFIX]),
            "zone": _named(catalogue, "zone", rows[:, layout.ITEM_ZONE]),
            "band": _named(catalogue, "band", rows[:, layout.ITEM_BAND]),
            "valid_from": rows[:, layout.ITEM_FROM],
            "valid_to": rows[:, layout.ITEM_TO],
            "rule": _named(catalogue, "rule", rows[:, layout.ITEM_RULE]),
            "code": rows[:, layout.ITEM_RATE],
            "tax": rows[:, layout.ITEM_TAX],
        },
        schema=_SCHEMA,
    )


def _below(catalogue: Catalogue, number: int) -> Ints:
    """The items of the set of prefixes ``number``, shorter ones first."""
    return items_of(catalogue.prefix_sets[number], catalogue.destinations)


def _named(catalogue: Catalogue, table: str, codes: Ints) -> pl.Series:
    """The names of ``codes`` in a name table; empty for NONE and for codes beyond its end."""
    known = pl.Series([*getattr(catalogue, f"{table}_names").to_pylist(), ""], dtype=pl.String)
    places = np.where((codes < 0) | (codes >= len(known)), len(known) - 1, codes)
    return known.gather(places)


def _steps(catalogue: Catalogue) -> pl.DataFrame:
    rates = catalogue.rates
    first = catalogue.steps[rates[:, layout.RATE_FIRST_STEP]]
    return pl.DataFrame(
        {
            "code": np.arange(len(rates)),
            "rate": _named(catalogue, "rate", rates[:, layout.RATE_NAME]),
            "price": first[:, layout.STEP_SHOWN_PRICE],
            "per": first[:, layout.STEP_SHOWN_PER],
            "increment": first[:, layout.STEP_INCREMENT],
            "minimum": rates[:, layout.RATE_MINIMUM],
            "setup_fee": rates[:, layout.RATE_SETUP],
        },
        schema_overrides={"code": pl.Int64},
    )


def in_force(instant: int, *periods: str) -> pl.Expr:
    """Whether ``instant`` (UTC microseconds) lies in all of ``periods``: ``valid`` is valid_from to valid_to."""
    return pl.all_horizontal(
        (pl.col(f"{period}_from") <= instant) & (instant < pl.col(f"{period}_to")) for period in periods
    )


def bands_told(catalogue: Catalogue, priced: pl.DataFrame) -> set[str]:
    """Every band of the calendars of the cells in ``priced``; none where all of it costs alike in all bands."""
    if not set(priced["band"]) - {""}:
        return set()
    codes: set[int] = set()
    for calendar in set(catalogue.cells[priced["cell"].unique().to_numpy(), layout.CELL_CALENDAR].tolist()):
        first, end = catalogue.calendar_changes[calendar : calendar + 2]
        codes.update(np.unique(catalogue.bands[first:end]).tolist())
    return {catalogue.name("band", code) for code in codes - {NONE}}


def in_bands(priced: pl.DataFrame, bands: list[str]) -> pl.DataFrame:
    """``priced`` with rows of all bands repeated for each of ``bands``, one row for each cell, prefix and band."""
    if bands:
        every = pl.when(pl.col("band") == "").then(pl.lit(bands)).otherwise(pl.concat_list("band"))
        priced = priced.with_columns(every.alias("band")).explode("band")
    return priced.unique(["cell", "kind", "prefix", "band"], keep="first", maintain_order=True)


def nearest(wanted: pl.DataFrame, listed: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Each of ``wanted`` with the row of ``listed``, equal in ``on``, that has the longest prefix beginning its own.

    Columns of ``listed`` that both have get the suffix ``_listed``; rows of ``wanted`` without any such are left out.
    Both have ``kind`` and ``prefix``; rows for numbers without a prefix (``anywhere``) fit every number.
    """
    rest, found = wanted, []
    lengths = listed.filter(pl.col("kind") != "anywhere")["prefix"].str.len_bytes().unique().sort(descending=True)
    for length in lengths:
        level = listed.filter((pl.col("kind") != "anywhere") & (pl.col("prefix").str.len_bytes() == length))
        long = rest.filter(pl.col("prefix").str.len_bytes() >= length)
        keyed = long.with_columns(pl.col("prefix").str.slice(0, length).alias("_key"))
        right = level.with_columns(pl.col("prefix").alias("_key"))
        found.append(keyed.join(right, on=[*on, "kind", "_key"], suffix="_listed").drop("_key"))
        rest = rest.join(found[-1], on=[*on, "kind", "prefix"], how="anti")
    anywhere = listed.filter(pl.col("kind") == "anywhere")
    if on:
        found.append(rest.join(anywhere.drop("kind"), on=on, suffix="_listed"))
    else:
        found.append(rest.join(anywhere.drop("kind"), how="cross", suffix="_listed"))
    return pl.concat(found, how="diagonal")


def told_terms(catalogue: Catalogue, codes: pl.Series, taxes: pl.Series, name: str = "terms") -> pl.Series:
    """The terms of each rate and tax; empty where there is none."""
    pairs = list(zip(codes, taxes, strict=True))
    told = {pair: "" if pair[0] is None else terms(catalogue, *pair) for pair in set(pairs)}
    return pl.Series(name, [told[pair] for pair in pairs], pl.String)


def terms(catalogue: Catalogue, code: int, tax: int = NONE) -> str:
    """All that a rate says, in one line: ``0.10 per 60, 30/6, from 600 0.05 per 60, 60/60, setup 0.02, tax vat``."""
    if code < 0:
        return "unpriced"
    return ", ".join([*_told_rate(catalogue, code), *_told_tax(catalogue, tax)])


def _told_tax(catalogue: Catalogue, tax: int) -> Iterable[str]:
    if tax != NONE:
        held = "inclusive" if catalogue.taxes[tax, layout.TAX_INCLUSIVE] else "exclusive"
        yield f"tax {catalogue.name('tax', tax)} {held}"


def _told_rate(catalogue: Catalogue, code: int) -> Iterable[str]:
    row = catalogue.rates[code].tolist()
    steps = catalogue.steps[row[layout.RATE_FIRST_STEP] : row[layout.RATE_END_STEP]].tolist()
    yield from _told_steps(steps, row[layout.RATE_MINIMUM])
    yield from _told_rest(row)
    if len(catalogue.rate_tiers) and catalogue.rate_tiers[code, layout.TIERS_OF] != NONE:
        of, volume = catalogue.rate_tiers[code].tolist()
        yield f"{TIERS[volume]} over {catalogue.name('allowance', of)}"


def _told_steps(steps: list[list[int]], minimum: int) -> Iterable[str]:
    for number, step in enumerate(steps):
        since = f"from {step[layout.STEP_FROM]} " if number else ""
        increment = step[layout.STEP_INCREMENT]
        first = minimum if minimum and not number else increment
        price, per = money(step[layout.STEP_SHOWN_PRICE]), step[layout.STEP_SHOWN_PER]
        yield f"{since}{price} per {per}, {first}/{increment}"


def _told_rest(row: list[int]) -> Iterable[str]:
    """What differs from a rate's defaults."""
    if row[layout.RATE_SETUP]:
        yield f"setup {money(row[layout.RATE_SETUP])}"
    if row[layout.RATE_FREE_UNDER]:
        yield f"free under {row[layout.RATE_FREE_UNDER]}"
    for name, column in (("at least", layout.RATE_MIN), ("at most", layout.RATE_MAX)):
        if row[column] != NONE:
            yield f"{name} {money(row[column])}"
    if row[layout.RATE_BOUNDARY] != BOUNDARIES.index("carry"):
        yield f"boundary {BOUNDARIES[row[layout.RATE_BOUNDARY]]}"
    if row[layout.RATE_COUNTER] != COUNTERS.index("consecutive"):
        yield f"step counter {COUNTERS[row[layout.RATE_COUNTER]]}"
    rounding = (MODES[row[layout.RATE_MODE]], row[layout.RATE_UNIT], STAGES[row[layout.RATE_STAGE]])
    if rounding != ("half_up", 1, "charge"):
        yield f"rounded {rounding[0]} to {money(rounding[1])} each {rounding[2]}"


def money(nano: int) -> str:
    """Nano-units as a decimal string without needless zeros: ``0.0125``."""
    whole, rest = divmod(nano, NANO)
    places = f"{rest:09d}".rstrip("0")
    return f"{whole}.{places}" if places else str(whole)


def instant_text(instant: int) -> str:
    """UTC microseconds as the tariff's files write them; empty where unbounded."""
    if instant in {EVER_FROM, EVER_TO}:
        return ""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
    return moment.isoformat().replace("+00:00", "Z")
