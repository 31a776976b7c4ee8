"""A-Z decks: a CSV price list read through a column mapping.

Enters: the ``[deck.ID]`` table and its CSV file. Leaves: a ``Deck``: its rows, and each distinct price and
interval once as a ``Rate``. Always holds: a prefix is in force at most once at any instant.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from tariffs import sheets, values
from tariffs.model import NANO, Deck, Rate, Step
from tariffs.rates import pricing, terms
from tariffs.sheets import Sheet
from tariffs.source import Table

_PRICED = ("price", "minimum", "increment", "setup_fee")
_UNPRICED = -1


def deck(table: Table, folder: Path, zone: ZoneInfo) -> Deck | None:
    """The deck that ``table`` describes; None (and problems) where its file cannot be read."""
    columns = table.table("columns")
    if not (table.required("file", "currency", "columns") and columns.required("prefix", "price")):
        return None
    names = {key: columns.text(key) for key in ("prefix", "zone", *_PRICED, "valid_from", "valid_to")}
    columns.done()
    default = pricing(table, 0, per=60)
    template = terms(table, table.text("currency"), (default.step,), default.minimum)
    sheet = sheets.read(
        folder / table.text("file"),
        table.problems,
        [name for name in names.values() if name],
        table.text("separator", ","),
        table.text("encoding", "utf-8"),
    )
    _filter(table.table("where"), sheet)
    unpriced = table.text("unpriced", "refuse", ("refuse", "suspend"))
    zone = table.get("date_zone", zone, str, "an IANA time zone", values.zone_info)
    pattern = table.text("date_format")
    table.done()
    if sheet is None:
        return None
    sheet.convert(names["prefix"], ".prefix", pl.String, values.prefix)
    _price(sheet, names, template, unpriced)
    sheet.period(names["valid_from"], names["valid_to"], zone, pattern)
    sheet.frame = sheet.frame.with_columns((pl.col(names["zone"]) if names["zone"] else pl.lit("")).alias(".zone"))
    sheet.refuse_overlaps([".prefix"], names["prefix"])
    return _deck(sheet, template)


def _filter(where: Table, sheet: Sheet | None) -> None:
    for column in where.content:
        wanted = where.texts(column)
        if sheet is None:
            continue
        if column not in sheet.frame.columns:
            where.problem(column, f"the file has no such column: {', '.join(sheet.frame.columns[1:])}")
        else:
            sheet.frame = sheet.frame.filter(pl.col(column).is_in(list(wanted)))


def _price(sheet: Sheet, names: dict[str, str], template: Rate, unpriced: str) -> None:
    step = template.steps[0]
    defaults = {
        "price": step.price,
        "minimum": template.minimum,
        "increment": step.increment,
        "setup_fee": template.setup_fee,
    }
    for key, default in defaults.items():
        if not names[key]:
            sheet.constant(f".{key}", default, pl.Int64)
        elif key == "price" and unpriced == "suspend":
            sheet.convert(names[key], f".{key}", pl.Int64, lambda text: values.money(text) if text else _UNPRICED)
        elif key == "setup_fee":
            sheet.convert(names[key], f".{key}", pl.Int64, partial(_fee, template.rounding.unit))
        elif key == "price":
            sheet.convert(names[key], f".{key}", pl.Int64, values.money)
        else:
            least = 1 if key == "increment" else 0
            sheet.convert(names[key], f".{key}", pl.Int64, partial(_units, least))


def _fee(unit: int, text: str) -> int:
    fee = values.money(text) if text else 0
    if fee % unit:
        raise ValueError(f"is not whole at the deck's rounding scale: {text!r}")
    return fee


def _units(least: int, text: str) -> int:
    if not text.strip().isdecimal() or not least <= int(text) < NANO:
        raise ValueError(f"expected a whole number of at least {least}, not {text!r}")
    return int(text)


def _deck(sheet: Sheet, template: Rate) -> Deck:
    frame = sheet.frame
    priced = [f".{key}" for key in _PRICED]
    known = frame.filter(pl.col(".price") != _UNPRICED)
    distinct = known.select(priced).unique().sort(priced).with_row_index("rate").cast({"rate": pl.Int64})
    rates = tuple(_rate(template, *row) for row in distinct.select(priced).iter_rows())
    ours = frame.select(*priced, ".prefix", ".zone", "valid_from", "valid_to", "line")
    rows = ours.join(distinct, on=priced, how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("rate").fill_null(_UNPRICED))
    chosen = rows.select(
        pl.col(".prefix").alias("prefix"), pl.col(".zone").alias("zone"), "rate", "valid_from", "valid_to", "line"
    )
    return Deck(template.id, template.currency, rates, chosen, template.place, sheet.file)


def _rate(template: Rate, price: int, minimum: int, increment: int, setup_fee: int) -> Rate:
    """``template`` with a row's own figures; decks may have tens of thousands, which ``replace`` is slow to copy."""
    step = template.steps[0]
    return Rate(
        template.id,
        template.currency,
        (Step(step.start, price, step.per, increment),),
        minimum,
        setup_fee,
        template.free_under,
        template.min_charge,
        template.max_charge,
        template.boundary,
        template.step_counter,
        template.rounding,
        template.place,
    )
