"""An invoice as people read it: every text in its place, for HTML and PDF alike.

Enters: a bill as it is shown, in its language. Leaves: an :class:`Invoice`: texts only. Always holds: pure; the sums
are those of the bill; lines of the same usage at several rates or times of day are one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from rating.billing.draft import CREDIT_NOTE
from rating.billing.lines import ADJUSTMENT, COVERED, DISCOUNT, FEE, FEE_ADJUSTMENT, KINDS, ROUNDING
from rating.billing.settings import Issuer, from_json
from rating.billing.shown import Shown
from rating.billing.words import Words, words

Line = dict[str, Any]
_MERGED: Final = ("kind", "category", "direction", "zone", "text", "first_day", "last_day", "unit")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a block; ``strong``: a sum."""

    cells: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A table with a title; all columns but the first are numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or a credit note. ``draft`` is empty for a final one."""

    language: str
    title: str
    draft: str
    issuer: tuple[str, ...]
    customer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    summary: Block
    blocks: tuple[Block, ...]
    remarks: tuple[str, ...]
    page: str


def invoice(shown: Shown) -> Invoice:
    """The invoice of a bill."""
    settings, document = from_json(shown.settings), shown.document
    say = words(document["language"], settings.texts)
    lines: list[Line] = shown.lines.to_pylist()
    return Invoice(
        language=document["language"],
        title=say(document["kind"]),
        draft="" if document["number"] else say("draft"),
        issuer=_issuer(settings.issuer, say),
        customer=(document["name"], *document["address"].splitlines()),
        facts=tuple(_facts(shown, say)),
        summary=Block(say("summary"), (), tuple(_summary(shown, lines, say))),
        blocks=tuple(_blocks(lines, say, document["currency"])),
        remarks=(
            *(() if lines else (say("nothing"),)),
            *(settings.issuer.note if document["kind"] != CREDIT_NOTE else ()),
        ),
        page=say("page"),
    )


def _issuer(issuer: Issuer, say: Words) -> tuple[str, ...]:
    tax_id = (say("named", name=say("tax_id"), value=issuer.tax_id),) if issuer.tax_id else ()
    return (issuer.name, *issuer.address, *tax_id)


def _facts(shown: Shown, say: Words) -> Iterator[tuple[str, str]]:
    document = shown.document
    if document["number"]:
        yield say("number"), document["number"]
    if shown.corrected:
        yield say("corrects"), shown.corrected
    yield say("date"), say.day(document["issued_on"])
    if document["kind"] != CREDIT_NOTE:
        yield say("due_on"), say.day(document["due_on"])
    yield say("period"), say("days", first=say.day(document["first_day"]), last=say.day(document["last_day"]))
    yield say("customer"), document["customer"]
    if document["tax_id"]:
        yield say("your_tax_id"), document["tax_id"]


def _summary(shown: Shown, lines: list[Line], say: Words) -> Iterator[Row]:
    """What the lines come to, by kind; taxes; the total; and what is due."""
    document, currency = shown.document, shown.document["currency"]

    def row(name: str, amount: Decimal, *, strong: bool = False) -> Row:
        return Row((name, say.money(amount, currency)), strong)

    for kind in KINDS:
        amounts = [line["amount"] for line in lines if line["kind"] == kind]
        if amounts:
            yield row(say(kind), sum(amounts, Decimal(0)))
    yield row(say("net"), document["total"] - document["tax"], strong=True)
    for code in sorted({line["tax_code"] for line in lines} - {""}):
        yield row(say(f"tax.{code}", f"{say('tax')} {code}"), _sum(lines, "tax", tax_code=code))
    credit = document["kind"] == CREDIT_NOTE
    yield row(say("credit" if credit else "total"), document["total"], strong=True)
    if credit:
        return
    if document["previous_balance"]:
        yield row(say("previous_balance"), document["previous_balance"])
    for paid in shown.payments.to_pylist():
        told = say("payment", date=say.day(paid["paid_on"]), reference=paid["reference"])
        yield row(told, -paid["amount"])
    if document["credited"]:
        yield row(say("credited"), document["credited"])
    yield row(say("due"), document["due"], strong=True)


def _sum(lines: Iterable[Line], column: str, **having: str) -> Decimal:
    """The sum of ``column`` over the lines whose columns are as ``having`` says."""
    return sum((line[column] for line in lines if all(line[k] == v for k, v in having.items())), Decimal(0))


def _blocks(lines: list[Line], say: Words, currency: str) -> Iterator[Block]:
    """A table for each account, in the order of the bill."""
    heads = tuple(say(key) for key in ("description", "events", "quantity", "amount"))
    charged = [line for line in lines if line["kind"] != ROUNDING]
    for (centre, account), group in groupby(charged, key=lambda line: (line["cost_centre"], line["account"])):
        own = list(group)
        rows = [_row(merged, say, currency) for merged in _merged(own)]
        total = Row((say("subtotal"), "", "", say.money(_sum(own, "amount"), currency)), strong=True)
        cost_centre = f", {say('cost_centre', cost_centre=centre)}" if centre else ""
        yield Block(f"{say('account', account=account)}{cost_centre}", heads, (*rows, total))


def _merged(lines: list[Line]) -> list[Line]:
    """``lines`` with those summed that read alike, in the order of their first."""
    found: dict[tuple[Any, ...], Line] = {}
    for line in lines:
        known = found.setdefault(tuple(line[name] for name in _MERGED), {**line, **_NOTHING})
        for name in _NOTHING:
            known[name] += line[name]
    return list(found.values())


_NAMED_BY_TEXT: Final = {FEE, FEE_ADJUSTMENT, DISCOUNT, COVERED}
_NOTHING: Final[dict[str, Any]] = {"events": 0, "billed_usage": 0, "amount": Decimal(0)}


def _row(line: Line, say: Words, currency: str) -> Row:
    amount = say.money(line["amount"], currency)
    if line["kind"] in _NAMED_BY_TEXT:
        return Row((_named(line, say), "", "", amount))
    if not line["events"] and not line["billed_usage"]:  # priced again: so many were taken back as came anew
        return Row((_named(line, say), "", "", amount))
    count, quantity = say.count(line["events"]), say.quantity(line["billed_usage"], line["unit"])
    return Row((_named(line, say), count, quantity, amount))


def _named(line: Line, say: Words) -> str:
    """What a line is called: the tariff's text, or the category of usage and its zone."""
    if line["kind"] in _NAMED_BY_TEXT:
        kind = FEE if line["kind"] == FEE_ADJUSTMENT else line["kind"]
        told = say(f"{kind}.{line['category']}", line["text"] or say(line["category"]))
        days = (line["first_day"], line["last_day"])
        if None not in days:
            told = say("fee_days", name=told, days=say("days", first=say.day(days[0]), last=say.day(days[1])))
    else:
        told = say.category(line)
        zone = say(f"zone.{line['zone']}", line["zone"])
        told = say("named", name=told, value=zone) if line["zone"] else told
    return say("correction", name=told) if line["kind"] in {ADJUSTMENT, FEE_ADJUSTMENT} else told
