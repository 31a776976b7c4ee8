"""A catalogue as tables for people: plans, rules, rates, zones, and which rate one number meets.

Enters: a ``Catalogue``. Leaves: polars tables of text and counts. Always holds: prices are what rating uses:
they are read from the compiled arrays, not from the text that they came from.
"""

from __future__ import annotations

import tomllib

import numpy as np
import polars as pl

from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue
from tariffs.compare import usage_of
from tariffs.pricelist import cells, in_bands, in_force, instant_text, nearest, prices, told_terms
from tariffs.text import TOML


def plans(catalogue: Catalogue) -> pl.DataFrame:
    """Each plan version: its currency and its bill's, its period, what it prices, how many rules and prefixes."""
    rows = []
    for (plan, since, until), scope in _versions(catalogue):
        listed = prices(catalogue, scope["cell"].unique().sort())
        rows.append({
            "plan": plan,
            "currency": scope["currency"][0],
            "bill": _bill(catalogue, scope["cell"][0]),
            "valid_from": instant_text(since),
            "valid_to": instant_text(until),
            "usage": usage_of(scope),
            "rules": listed["rule"].n_unique(),
            "prefixes": listed["prefix"].n_unique(),
        })  # fmt: skip
    return pl.DataFrame(rows)


def _bill(catalogue: Catalogue, cell: int) -> str:
    """The currency to which the amounts of ``cell`` are converted; empty for none."""
    bill = catalogue.cells[cell, layout.CELL_BILL]
    return catalogue.name("currency", int(catalogue.bills[bill, layout.BILL_CURRENCY])) if bill != NONE else ""


def rules(catalogue: Catalogue, plan: str) -> pl.DataFrame:
    """The rules of ``plan`` by version and usage: the bands, zones and prefixes in which each wins."""
    parts = []
    for (name, since, _), scope in _versions(catalogue):
        if name == plan:
            for (cell,), part in scope.group_by(["cell"], maintain_order=True):
                parts.append(_rules(catalogue, int(str(cell)), instant_text(since), usage_of(part)))
    return pl.concat(parts) if parts else pl.DataFrame()


def _rules(catalogue: Catalogue, cell: int, since: str, usage: str) -> pl.DataFrame:
    bands = pl.col("band").replace("", "all").unique(maintain_order=True).str.join(", ")
    by_rule = prices(catalogue, [cell]).group_by("rule", maintain_order=True)
    counts = [pl.col("zone").n_unique().alias("zones"), pl.col("prefix").n_unique().alias("prefixes")]
    counted = by_rule.agg(bands.alias("bands"), *counts)
    return counted.select(pl.lit(since).alias("valid_from"), pl.lit(usage).alias("usage"), pl.all())


def rates(catalogue: Catalogue, plan: str = "") -> pl.DataFrame:
    """Every rate in use, of ``plan`` or of all: where it came from, its terms, how many prefixes have it."""
    scopes = cells(catalogue).filter((pl.col("plan") == plan) | pl.lit(not plan))
    listed = prices(catalogue, scopes["cell"].unique().sort()).filter(pl.col("code") >= 0)
    counted = listed.group_by("rate", "code", "tax", maintain_order=True).agg(
        pl.col("prefix").n_unique().alias("prefixes")
    )
    told = told_terms(catalogue, counted["code"], counted["tax"])
    return counted.with_columns(told).select("rate", "terms", "prefixes").sort("rate", "terms")


def zones(catalogue: Catalogue, plan: str, instant: int) -> pl.DataFrame:
    """What each zone costs on ``plan`` at ``instant``: one row for each usage, band and rate in it."""
    scopes = cells(catalogue).filter(in_force(instant, "version") & (pl.col("plan") == plan))
    parts = []
    for (cell,), scope in scopes.group_by(["cell"], maintain_order=True):
        listed = prices(catalogue, [int(str(cell))]).filter(in_force(instant, "valid"))
        counted = listed.group_by("zone", "band", "code", "tax", maintain_order=True)
        found = counted.agg(pl.col("prefix").n_unique().alias("prefixes"), pl.col("prefix").min().alias("first"))
        told = told_terms(catalogue, found["code"], found["tax"])
        parts.append(
            found.select(pl.lit(usage_of(scope)).alias("usage"), pl.all().exclude("code", "tax")).with_columns(told)
        )
    return pl.concat(parts).sort("usage", "zone", "band", "first") if parts else pl.DataFrame()


def sheet(catalogue: Catalogue, plan: str, instant: int) -> pl.DataFrame:
    """The A-Z sheet of ``plan``: every price in force at ``instant`` or later."""
    scopes = cells(catalogue).filter((pl.col("plan") == plan) & (pl.col("version_to") > instant))
    parts = []
    for (cell, since, until), scope in scopes.group_by(["cell", "version_from", "version_to"], maintain_order=True):
        rows = prices(catalogue, [int(str(cell))]).filter(pl.col("valid_to") > instant)
        texts = told_terms(catalogue, rows["code"], rows["tax"])
        low, high = pl.max_horizontal("valid_from", pl.lit(since)), pl.min_horizontal("valid_to", pl.lit(until))
        whole = rows.with_columns(texts, low.alias("valid_from"), high.alias("valid_to"))
        parts.append(_ordered(whole, usage_of(scope), scope["currency"][0]))
    return pl.concat(parts) if parts else pl.DataFrame()


def _ordered(rows: pl.DataFrame, usage: str, currency: str) -> pl.DataFrame:
    periods = [pl.Series(name, map(instant_text, rows[name]), pl.String) for name in ("valid_from", "valid_to")]
    told = rows.with_columns(pl.lit(usage).alias("usage"), pl.lit(currency).alias("currency"), *periods)
    return told.select("zone", "prefix", "usage", "band", "terms", "currency", "valid_from", "valid_to").sort(
        "zone", "prefix", "band", "valid_from"
    )


def met(catalogue: Catalogue, number: str, service: str, instant: int, plan: str = "") -> pl.DataFrame:
    """The rate that usage of ``service`` to ``number`` meets at ``instant``, on ``plan`` or on every plan."""
    asked = (pl.col("service") == service) & ((pl.col("plan") == plan) | pl.lit(not plan))
    scopes = cells(catalogue).filter(in_force(instant, "version") & asked)
    wanted = pl.DataFrame({"kind": ["e164" if number.startswith("+") else "local"], "prefix": [number]})
    parts = []
    for (name, cell), scope in scopes.group_by(["plan", "cell"], maintain_order=True):
        listed = prices(catalogue, [int(str(cell))]).filter(in_force(instant, "valid"))
        band = _band(catalogue, int(str(cell)), instant)
        own = in_bands(listed, [*{*listed["band"], band} - {""}])
        at_band = nearest(wanted, own.with_columns(pl.col("prefix").alias("by")), []).filter(pl.col("band") == band)
        found = at_band.with_columns(
            told_terms(catalogue, at_band["code"], at_band["tax"]),
            pl.lit(name).alias("plan"),
            pl.lit(usage_of(scope)).alias("usage"),
            pl.lit(scope["currency"][0]).alias("currency"),
        )
        parts.append(
            found.select("plan", "usage", "band", "zone", pl.col("by").alias("prefix"), "rate", "terms", "currency")
        )
    return pl.concat(parts) if parts else pl.DataFrame()


def said(catalogue: Catalogue, kind: str, plan: str = "") -> pl.DataFrame:
    """Every table of a kind such as ``fee``, of ``plan`` or of all: its id, and the keys that any of them has."""
    tables = tomllib.loads(catalogue.folder_text()[TOML].decode()).get(kind, {})
    rows = [{kind: name} | table for name, table in tables.items() if not plan or plan in table["plan"]]
    columns = dict.fromkeys(key for row in rows for key in row)
    return pl.DataFrame([{key: _told(row.get(key, "")) for key in columns} for row in rows])


def _told(value: object) -> str:
    """A value of TOML in a cell: lists and tables on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _band(catalogue: Catalogue, cell: int, instant: int) -> str:
    """The band of the cell's calendar at ``instant``."""
    calendar = catalogue.cells[cell, layout.CELL_CALENDAR]
    first, end = catalogue.calendar_changes[calendar : calendar + 2]
    place = int(np.searchsorted(catalogue.instants[first:end], instant // 1_000_000, side="right")) - 1
    return catalogue.name("band", int(catalogue.bands[first + place]) if place >= 0 else NONE)


def _versions(catalogue: Catalogue) -> pl.dataframe.group_by.GroupBy:
    return cells(catalogue).group_by(["plan", "version_from", "version_to"], maintain_order=True)
