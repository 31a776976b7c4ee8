"""Discounts: from TOML tables to values and back, and what must hold between them and the rest of the tariff.

Enters: ``[discount.ID]`` tables; a loaded tariff. Leaves: ``Discount``s, their canonical keys, the problems of a
tariff's discounts. Always holds: a discount is a percentage or an amount; whoever names money names its currency.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from tariffs import values
from tariffs.allowances import zone_names
from tariffs.model import BASES, LINES, PARTS, SERVICES, Discount, Lines, Problem, Tariff, Threshold
from tariffs.pricelist import money
from tariffs.rates import rounding
from tariffs.source import Table

_USAGE: Final = ("service", "zone", "band", "rate")
_MONEY: Final = ("amount", "above", "cap")


def discount(table: Table) -> Discount:
    """The discount that ``table`` describes."""
    table.required("plan")
    shown = rounding(table.table("rounding"))
    made = Discount(
        id=str(table.path[-1]),
        lines=_lines(table),
        percent=table.get("percent", None, str, 'a percentage as a string such as "10"', values.percent),
        amount=table.limit("amount"),
        currency=table.text("currency"),
        above=table.limit("above"),
        on=table.text("on", PARTS[0], PARTS),
        when=_when(table),
        cap=table.limit("cap"),
        order=table.units("order", 0, 0),
        of=table.text("of", BASES[0], BASES),
        rounding=shown,
        text=table.text("text"),
        place=table.place,
    )
    for key, wrong in _misfits(made):
        table.problem(key, wrong)
    return made


def _lines(table: Table) -> Lines:
    made = Lines(
        plans=table.texts("plan"),
        service=table.texts("service", SERVICES),
        zone=table.texts("zone"),
        band=table.texts("band"),
        rate=table.texts("rate"),
        fee=table.texts("fee"),
        lines=table.text("lines", LINES[0], LINES),
    )
    usage = [column for column in _USAGE if getattr(made, column)]
    if usage and (made.fee or made.lines == "fees"):
        table.problem(usage[0], "a fee has none")
    if made.fee and made.lines == "usage":
        table.problem("fee", "usage is no fee")
    return made


def _when(table: Table) -> Threshold | None:
    below = table.table("when")
    made = Threshold(_lines(below), below.money("above"))
    below.done()
    return made if "when" in table.content else None


def _misfits(made: Discount) -> Iterator[tuple[str, str]]:
    """Keys that do not go with the others."""
    if (made.percent is None) == (made.amount is None):
        yield "percent", "expected either a percentage or an amount"
    if made.percent is not None and made.percent > 100 * 10**4:
        yield "percent", "expected at most 100"
    if made.above is None and made.on != "excess":
        yield "on", "belongs to a discount with above"
    named = [key for key in _MONEY if getattr(made, key) is not None]
    if made.when is not None and made.when.above:
        named.append("when.above")
    if named and not made.currency:
        yield "currency", f"is required by {named[0]}"
    for key in ("amount", "cap"):
        if (getattr(made, key) or 0) % made.rounding.unit:
            yield key, f"is not whole at the rounding scale {made.rounding.scale}"


def discount_problems(tariff: Tariff) -> Iterator[Problem]:
    """Names that do not exist, and fees that none of the plans beside them has."""
    zones = zone_names(tariff) if tariff.discounts else frozenset()
    bands = {band for calendar in tariff.calendars.values() for band in calendar.band_names} | {"any"}
    known: dict[str, Container[str]] = {
        "plans": tariff.plans,
        "zone": zones,
        "band": bands,
        "rate": (*tariff.rates, *tariff.decks),
        "fee": tariff.fees,
    }
    for made in tariff.discounts.values():
        key = f"discount.{made.id}"
        named = {key: made.lines} | ({} if made.when is None else {f"{key}.when": made.when.lines})
        for table, lines in named.items():
            for column, message in (*_unknown(lines, known), *_strange(lines, tariff)):
                yield Problem(made.place, f"{table}.{column}", message)


def _unknown(lines: Lines, known: Mapping[str, Container[str]]) -> Iterator[tuple[str, str]]:
    for column, names in known.items():
        word = column.removesuffix("s")
        yield from ((word, f"there is no {word} {name}") for name in getattr(lines, column) if name not in names)


def _strange(lines: Lines, tariff: Tariff) -> Iterator[tuple[str, str]]:
    """Fees that no line of the plans can be."""
    for fee in (tariff.fees[name] for name in lines.fee if name in tariff.fees):
        if lines.plans and not set(lines.plans).intersection(fee.plans):
            yield "fee", f"{fee.id} is a fee of {', '.join(fee.plans)}, of none of its plans"


def said(made: Discount) -> dict[str, Any]:
    """The keys of ``[discount.ID]`` that say it."""
    amounts = {key: getattr(made, key) for key in _MONEY}
    when = {} if made.when is None else _lines_said(made.when.lines) | {"above": money(made.when.above)}
    return _lines_said(made.lines) | {
        "percent": "" if made.percent is None else money(made.percent * 10**5),
        **{key: "" if amount is None else money(amount) for key, amount in amounts.items()},
        "currency": made.currency,
        "on": made.on,
        "when": when,
        "order": made.order,
        "of": made.of,
        "rounding": asdict(made.rounding),
        "text": made.text,
    }


def _lines_said(lines: Lines) -> dict[str, Any]:
    columns = {column: list(getattr(lines, column)) for column in (*_USAGE, "fee")}
    present = {column: names for column, names in columns.items() if names}
    kind = {} if lines.lines == LINES[0] else {"lines": lines.lines}
    plans = {"plan": list(lines.plans)} if lines.plans else {}
    return plans | present | kind
