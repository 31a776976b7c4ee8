"""A catalogue as a tariff folder again: decks as A-Z sheets, the rest as TOML.

Enters: a ``Catalogue``. Leaves: a folder that loads, and notes on what it says otherwise. Always holds: the folder
prices every event as the catalogue does, but for what is noted. Who pays (subscriptions, trunks) stays out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import tomli_w

from tariffs import catalogue as layout
from tariffs.catalogue import NONE, Catalogue
from tariffs.model import BOUNDARIES, COUNTERS, DIRECTIONS, MODES, OTHER_CLASS, SERVICES, STAGES
from tariffs.pricelist import cells, money, prices
from tariffs.shown import instant_text

COLUMNS: Final = ("prefix", "zone", "price", "minimum", "increment", "setup_fee", "valid_from", "valid_to")
_PRICED: Final = ("price", "minimum", "increment", "setup_fee")

Table = dict[str, Any]


def export_tariff(catalogue: Catalogue, folder: Path) -> list[str]:
    """Write ``folder`` (it must be new or empty) and return the notes, one sentence each.

    Raises :class:`OSError` if it cannot be written, :class:`FileExistsError` if it holds anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; export into another folder")
    every = cells(catalogue)
    scopes = every.filter((pl.col("origin") == "") & pl.col("call_class").is_in(["", OTHER_CLASS]))
    currencies = scopes.select("cell", "currency").unique()
    rows = prices(catalogue, scopes["cell"].unique().sort()).join(currencies, on="cell", maintain_order="left")
    rows = rows.with_columns(pl.col("rule").str.extract(r"-> deck (.+)$").fill_null("").alias("deck"))
    decks = {
        name: _deck(catalogue, folder, name, part) for name, part in _by(rows.filter(pl.col("deck") != ""), "deck")
    }
    own = rows.filter((pl.col("deck") == "") & (pl.col("code") >= 0))
    notes = [*_left_out(catalogue, every)]
    tables = {
        "deck": decks,
        "zone": {name: _zone(part) for name, part in _by(own.filter(pl.col("kind") != "anywhere"), "zone")},
        "rate": {name: _rate(catalogue, part.row(0, named=True)) for name, part in _by(own, "rate")},
        "plan": dict(_plans(scopes, rows, notes)),
    }
    text = tomli_w.dumps({kind: found for kind, found in tables.items() if found})
    (folder / "tariff.toml").write_text(f"# Exported from tariff {catalogue.version}.\n\n{text}", "utf-8")
    return notes


def _left_out(catalogue: Catalogue, scopes: pl.DataFrame) -> Iterator[str]:
    for plan in scopes.filter(pl.col("call_class") != "")["plan"].unique(maintain_order=True):
        yield f"plan {plan} turns on origins or classes: exported are the prices of no origin zone and class other"
    if len(catalogue.taxes):
        yield f"taxes are not exported: {', '.join(catalogue.tax_names.to_pylist())}"
    if len(catalogue.conversions):
        yield "conversions are not exported: amounts stay in the currency of their plan"


def _by(rows: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), part in rows.group_by([column], maintain_order=True):
        yield str(name), part


def _deck(catalogue: Catalogue, folder: Path, name: str, rows: pl.DataFrame) -> Table:
    listed = rows.unique(["prefix", "valid_from"], keep="first", maintain_order=True)
    listed = listed.with_columns(pl.col("minimum").fill_null(0), pl.col("increment").fill_null(1))
    texts = {column: [_amount(value) for value in listed[column]] for column in ("price", "setup_fee")}
    periods = {column: map(instant_text, listed[column]) for column in ("valid_from", "valid_to")}
    told = listed.with_columns(pl.Series(column, values, pl.String) for column, values in (texts | periods).items())
    bare = told.with_columns(pl.col("prefix").str.strip_prefix("+").replace("", "*"))
    bare.sort("zone", "prefix", "valid_from").select(COLUMNS).write_csv(folder / f"{name}.csv")
    priced = listed.filter(pl.col("code") >= 0)
    template = _rate(catalogue, priced.row(0, named=True)) if len(priced) else {"currency": rows["currency"][0]}
    kept = {key: value for key, value in template.items() if key not in _PRICED}
    columns = {column: column for column in COLUMNS}
    return {"file": f"{name}.csv", "unpriced": "suspend", **kept, "columns": columns}


def _amount(nano: int | None) -> str:
    return "" if nano is None else money(nano)


def _zone(rows: pl.DataFrame) -> Table:
    digits = rows.with_columns(pl.col("prefix").str.strip_prefix("+").replace("", "*"))
    kinds = {"prefixes": "e164", "local": "local"}
    found = {key: digits.filter(pl.col("kind") == kind)["prefix"].unique().sort() for key, kind in kinds.items()}
    return {key: values.to_list() for key, values in found.items() if len(values)}


def _rate(catalogue: Catalogue, priced: Table) -> Table:
    """The TOML table of the rate that the price row ``priced`` has."""
    row = catalogue.rates[priced["code"]].tolist()
    steps = catalogue.steps[row[layout.RATE_FIRST_STEP] : row[layout.RATE_END_STEP]].tolist()
    told = [_step(step) for step in steps]
    told[0]["minimum"] = row[layout.RATE_MINIMUM]
    limits = {"min_charge": layout.RATE_MIN, "max_charge": layout.RATE_MAX}
    return {
        "currency": priced["currency"],
        **({"steps": told} if len(told) > 1 else {key: value for key, value in told[0].items() if key != "from"}),
        "setup_fee": money(row[layout.RATE_SETUP]),
        "free_under": row[layout.RATE_FREE_UNDER],
        **{key: money(row[column]) for key, column in limits.items() if row[column] != NONE},
        "boundary": BOUNDARIES[row[layout.RATE_BOUNDARY]],
        "step_counter": COUNTERS[row[layout.RATE_COUNTER]],
        "rounding": {
            "mode": MODES[row[layout.RATE_MODE]],
            "scale": 10 - len(str(row[layout.RATE_UNIT])),
            "stage": STAGES[row[layout.RATE_STAGE]],
        },
    }


def _step(step: list[int]) -> Table:
    return {
        "from": step[layout.STEP_FROM],
        "price": money(step[layout.STEP_SHOWN_PRICE]),
        "per": step[layout.STEP_SHOWN_PER],
        "increment": step[layout.STEP_INCREMENT],
    }


def _plans(scopes: pl.DataFrame, rows: pl.DataFrame, notes: list[str]) -> Iterator[tuple[str, Table]]:
    """Each plan; one that has bands becomes a plan for each of them, for a catalogue has no calendar's text."""
    for plan, part in _by(scopes, "plan"):
        listed = rows.filter(pl.col("cell").is_in(part["cell"].unique().to_list()))
        bands = sorted(set(listed["band"]) - {""})
        for band in bands or [""]:
            name = f"{plan}-{band}" if band else plan
            yield name, {"currency": part["currency"][0], "version": list(_versions(part, listed, band))}
        if bands:
            names = ", ".join(f"{plan}-{band}" for band in bands)
            notes.append(f"plan {plan} has bands, whose calendar is not exported: see the plans {names}")


def _versions(scopes: pl.DataFrame, rows: pl.DataFrame, band: str) -> Iterator[Table]:
    for (since, until), version in scopes.group_by(["version_from", "version_to"], maintain_order=True):
        period = {"valid_from": instant_text(int(str(since))), "valid_to": instant_text(int(str(until)))}
        rules: list[Table] = []
        for (cell,), scope in version.group_by(["cell"], maintain_order=True):
            priced = rows.filter((pl.col("cell") == cell) & pl.col("band").is_in(["", band]))
            rules += [usage | target for usage in _usages(scope) for target in _targets(priced)]
        yield {key: value for key, value in period.items() if value} | {"rule": rules}


def _usages(scope: pl.DataFrame) -> Iterator[Table]:
    """The services and directions of a cell; no column where it is that of any service or any direction."""
    directions = scope.group_by("service", maintain_order=True).agg("direction")
    for (found,), part in directions.group_by(["direction"], maintain_order=True):
        named = {"service": part["service"].to_list(), "direction": list(found)}
        whole = {"service": len(SERVICES), "direction": len(DIRECTIONS)}
        yield {key: values for key, values in named.items() if len(values) < whole[key]}


def _targets(priced: pl.DataFrame) -> Iterator[Table]:
    for deck in priced.filter(pl.col("deck") != "")["deck"].unique(maintain_order=True):
        yield {"deck": deck}
    own = priced.filter(pl.col("deck") == "")
    for rate, part in _by(own.filter(pl.col("kind") != "anywhere"), "rate"):
        yield {"zone": part["zone"].unique(maintain_order=True).to_list(), "rate": rate}
    for rate in own.filter(pl.col("kind") == "anywhere")["rate"]:
        yield {"rate": rate}
