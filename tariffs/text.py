"""A tariff as the text of a folder, in one canonical form.

Enters: a ``Tariff``. Leaves: the names and contents of files that load as it. Always holds: folders that differ in
comments, files, order of a deck's rows or offsets of dates alone give the same bytes; public holidays are written as
dates, so that the text means the same with every version of the library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypedDict

import numpy as np
import polars as pl
import pyarrow as pa
import tomli_w

from tariffs import discounts, fees
from tariffs.allowance_text import said_accumulator, said_allowance
from tariffs.catalogue import Bytes, Ints, names
from tariffs.model import (
    COLUMNS,
    Calendar,
    CallClass,
    Deck,
    Plan,
    Rate,
    Rounding,
    Rule,
    Span,
    Step,
    Tariff,
    Tax,
    Version,
    Zone,
)
from tariffs.pricelist import instant_text, money

Table = dict[str, Any]

TOML: Final = "tariff.toml"
FIXED: Final = ("subscriptions.csv", "trunks.csv", "partners.csv", "conversions.csv")
_KINDS: Final = (
    "calendar",
    "zone",
    "class",
    "tax",
    "deck",
    "rate",
    "plan",
    "allowance",
    "accumulator",
    "fee",
    "discount",
)
_DECK_COLUMNS: Final = ("prefix", "zone", "price", "minimum", "increment", "setup_fee", "valid_from", "valid_to")
_SLICE: Final = 1 << 18
"""Rows of a table that are made text at once."""
_DEFAULTS: Final = {
    "zone": "UTC",
    "default": "any",
    "minimum": 0,
    "increment": 1,
    "setup_fee": "0",
    "free_under": 0,
    "boundary": "carry",
    "step_counter": "consecutive",
    "rounding": {"mode": "half_up", "scale": 9, "stage": "charge"},
    "match": list(COLUMNS),
    "tax_mode": "exclusive",
    "period": "month",
    "factor": "1",
    "proration": "none",
    "remainder": "continue",
    "priority": 0,
    "valid_days": 0,
    "tiers": "graduated",
    "due": "advance",
    "per": "account",
    "scale": 9,
    "on": "excess",
    "order": 0,
    "of": "net",
}
"""What a key that is left out means; empty texts and lists are left out, too."""


def _files(tariff: Tariff) -> dict[str, bytes | pl.DataFrame]:
    """The files of ``tariff``: ``tariff.toml``, and the CSV files that it names or that have fixed names, as tables."""
    taken = _FileNames()
    files = {name: table for name, table in _sheets(tariff) if len(table)}
    tables: dict[str, Table] = {kind: {} for kind in _KINDS}
    for name, deck in tariff.decks.items():
        file = taken.of(name)
        tables["deck"][name] = {"file": file} | _deck(deck)
        files[file] = deck_rows(deck)
    for name, each in tariff.classes.items():
        tables["class"][name] = said = _class(each)
        if each.members or not said:  # without any other condition an empty list is one
            said["members"] = file = taken.of(name)
            files[file] = _members(each)
    tables["calendar"] = _each(tariff.calendars, _calendar)
    tables["zone"] = _each(tariff.zones, _zone)
    tables["tax"] = _each(tariff.taxes, _tax)
    tables["rate"] = _each(
        tariff.rates, lambda rate: {"currency": rate.currency} | _priced(rate) | _terms(rate) | _tiers(rate)
    )
    tables["plan"] = _each(tariff.plans, _plan)
    tables["allowance"] = _each(tariff.allowances, lambda each: _short(said_allowance(each)))
    tables["accumulator"] = _each(tariff.accumulators, lambda each: _short(said_accumulator(each)))
    tables["fee"] = _each(tariff.fees, lambda fee: _short(fees.said(fee)))
    tables["discount"] = _each(tariff.discounts, lambda discount: _short(discounts.said(discount)))
    said = {"tariff": _short({"zone": tariff.zone})} | tables
    text = tomli_w.dumps({kind: found for kind, found in said.items() if found} or {"tariff": {}})
    return {TOML: text.encode(), **dict(sorted(files.items()))}


class _FileNames:
    """Names of files for ids, each given once, whatever the case."""

    def __init__(self) -> None:
        self.taken = set(FIXED)

    def of(self, name: str) -> str:
        plain = re.sub(r"[^\w-]", "_", name, flags=re.ASCII)
        number, found = 1, f"{plain}.csv"
        while found.lower() in self.taken:
            number, found = number + 1, f"{plain}-{number}.csv"
        self.taken.add(found.lower())
        return found


def _each(known: dict[str, Any], told: Callable[[Any], Table]) -> Table:
    return {name: told(each) for name, each in known.items()}


def _short(said: Table) -> Table:
    """``said`` without what an absent key means."""
    return {key: value for key, value in said.items() if value not in ("", [], {}) and value != _DEFAULTS.get(key)}


def _calendar(calendar: Calendar) -> Table:
    bands = {name: [_span(span) for span in spans] for name, spans in calendar.bands}
    special = {name: [day.isoformat() for day in days] for name, days in calendar.special}
    return _short({"zone": calendar.zone, "default": calendar.default, "special": special, "bands": bands})


def _span(span: Span) -> str:
    end = span.end_min if span.end_min <= 24 * 60 else span.end_min - 24 * 60
    return f"{','.join(span.days)} {_clock(span.start_min)}-{_clock(end)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _zone(zone: Zone) -> Table:
    return _prefixes(zone.prefixes, zone.local)


def _prefixes(prefixes: tuple[str, ...], local: tuple[str, ...]) -> Table:
    return _short({"prefixes": [each or "*" for each in prefixes], "local": [each or "*" for each in local]})


def _class(each: CallClass) -> Table:
    flags = {"subscribed": each.subscribed, "same_account": each.same_account}
    return _prefixes(each.prefixes, each.local) | {key: True for key, value in flags.items() if value}


def _members(each: CallClass) -> pl.DataFrame:
    return pl.DataFrame(each.members, schema={"account": pl.String, "number": pl.String}, orient="row")


def _tax(tax: Tax) -> Table:
    return {"percent": money(tax.percent * 100_000)} | _short({"rounding": _rounding(tax.rounding)})


def _rounding(rounding: Rounding) -> Table:
    return {"mode": rounding.mode, "scale": rounding.scale, "stage": rounding.stage}


def _priced(rate: Rate) -> Table:
    """The steps of a rate, the only one as keys of the rate itself."""
    first = _step(rate.steps[0]) | _short({"minimum": rate.minimum})
    if len(rate.steps) == 1:
        return first
    later = [{"from": step.start} | _step(step) for step in rate.steps[1:]]
    return {"steps": [first, *later]}


def _step(step: Step) -> Table:
    return {"price": money(step.price), "per": step.per} | _short({"increment": step.increment})


def _terms(rate: Rate) -> Table:
    """All that a rate says beside its steps."""
    limits = {"min_charge": rate.min_charge, "max_charge": rate.max_charge}
    return _short({
        "setup_fee": money(rate.setup_fee),
        "free_under": rate.free_under,
        **{key: money(limit) for key, limit in limits.items() if limit is not None},
        "boundary": rate.boundary,
        "step_counter": rate.step_counter,
        "rounding": _rounding(rate.rounding),
    })  # fmt: skip


def _tiers(rate: Rate) -> Table:
    return _short({"accumulator": rate.accumulator, "tiers": rate.tiers})


def _deck(deck: Deck) -> Table:
    """A deck's table without its file; what its rows say themselves stands there."""
    columns = {column: column for column in _DECK_COLUMNS}
    said = {"currency": deck.currency, "unpriced": "suspend", "columns": columns}
    for rate in deck.rates[:1]:  # they differ in what the rows say only
        said |= {"per": rate.steps[0].per} | {key: told for key, told in _terms(rate).items() if key != "setup_fee"}
    return said


def deck_rows(deck: Deck) -> pl.DataFrame:
    """The rows of ``deck`` as an A-Z sheet, in order of zone, prefix and time."""
    figures = [
        (money(rate.steps[0].price), rate.minimum, rate.steps[0].increment, money(rate.setup_fee))
        for rate in deck.rates
    ]
    schema = {"price": pl.String, "minimum": pl.Int64, "increment": pl.Int64, "setup_fee": pl.String}
    told = pl.DataFrame([*figures, ("", 0, 1, "0")], schema=schema, orient="row")
    rows = deck.rows.sort("zone", "prefix", "valid_from")
    numbers = rows.select(pl.when(pl.col("rate") < 0).then(len(figures)).otherwise("rate").alias("rate"))["rate"]
    whole = rows.with_columns(pl.col("prefix").replace("", "*"), *_periods(rows)).hstack(told[numbers])
    return whole.select(_DECK_COLUMNS)


def _periods(rows: pl.DataFrame) -> Iterator[pl.Series]:
    """Columns ``valid_from`` and ``valid_to`` as text, each distinct instant told once."""
    for name in ("valid_from", "valid_to"):
        known = rows[name].unique()
        texts = [instant_text(instant) for instant in known]
        yield rows[name].replace_strict(
            known, pl.Series(texts, dtype=pl.String), return_dtype=pl.Enum(sorted({*texts}))
        )


def _plan(plan: Plan) -> Table:
    bill = _rounding(plan.bill_rounding)
    said = {
        "currency": plan.currency,
        "calendar": plan.calendar,
        "match": list(plan.match),
        "tax": plan.tax,
        "tax_mode": plan.tax_mode,
        "bill_currency": plan.bill_currency,
        "bill_rounding": bill if bill != _DEFAULTS["rounding"] else {},
    }
    return _short(said) | {"version": [_version(version) for version in plan.versions]}


def _version(version: Version) -> Table:
    period = {"valid_from": instant_text(version.valid_from), "valid_to": instant_text(version.valid_to)}
    return _short(period) | {"rule": [_rule(rule) for rule in version.rules]}


def _rule(rule: Rule) -> Table:
    columns = ("service", "direction", "origin", "zone", "class", "band")
    said = {name: list(getattr(rule, "call_class" if name == "class" else name)) for name in columns}
    return _short(said | {"rate": rule.rate, "deck": rule.deck, "tax": rule.tax})


def _sheets(tariff: Tariff) -> Iterator[tuple[str, pl.DataFrame]]:
    """The files with fixed names."""
    people = tariff.subscriptions
    pool = ["pool"] if people.select((pl.col("pool") != "").any()).item() else []
    columns = ["kind", "key", "account", "plan", "valid_from", "valid_to", "segment", *pool]
    yield "subscriptions.csv", people.select(columns)
    columns = ["trunk", "carrier", "direction", "plan_in", "plan_out", "valid_from", "valid_to"]
    yield "trunks.csv", tariff.trunks.select(columns)
    yield "partners.csv", tariff.partners.drop("line")
    rows = [(each.base, each.target, money(each.rate), each.date, each.source) for each in tariff.conversions]
    names = ("from", "to", "rate", "date", "source")
    yield "conversions.csv", pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


class TextTable(TypedDict):
    """The fields of a catalogue's own text."""

    file_names: pa.StringArray
    file_ends: Ints
    file_hash: Bytes
    file_text: Bytes


def text_table(tariff: Tariff) -> TextTable:
    """The files of ``tariff`` as a catalogue holds them, one behind the other."""
    files, whole, ends = _files(tariff), _Packed(), []
    for content in files.values():
        for part in [content] if isinstance(content, bytes) else _csv(content):
            whole.add(part)
        ends.append(whole.size)
    return {
        "file_names": names(list(files)),
        "file_ends": np.array(ends, np.int64),
        "file_hash": np.frombuffer(whole.digest.digest(), np.uint8),
        "file_text": whole.packed(),
    }


def _csv(table: pl.DataFrame) -> Iterator[bytes]:
    """``table`` as a CSV file, in parts; its periods are instants yet, or text."""
    for first in range(0, max(table.height, 1), _SLICE):
        part = table.slice(first, _SLICE)
        periods = _periods(part) if table.schema.get("valid_from") == pl.Int64 else ()
        yield part.with_columns(*periods).write_csv(include_header=not first).encode()


class _Packed:
    """Text that is packed while it comes, so that millions of lines are never there as they are."""

    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._sink = pa.BufferOutputStream()
        self._stream = pa.CompressedOutputStream(self._sink, "zstd")

    def add(self, text: bytes) -> None:
        self.size += len(text)
        self.digest.update(text)
        self._stream.write(text)

    def packed(self) -> Bytes:
        self._stream.close()
        return np.frombuffer(self._sink.getvalue(), np.uint8)
