"""The header and trailer of a TAP file: what its events refer to, and what they sum to.

Enters: a TAP file's header as a tree. Leaves: a :class:`Header`; :class:`Totals` are made of its events. Always
holds: nothing is raised, whatever the tree holds; amounts are integers in units of the file's last decimal place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mediation.ber.tree import Tree, structures

SDR = "XDR"
"""The currency of a file that names none (TD.57, TAP Currency)."""
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")
_MOST_DIGITS = 18
_END = b"\0\0"


@dataclass(frozen=True, slots=True)
class Rate:
    """An exchange rate: units of local currency for one of the file's currency, times ten to ``decimals``."""

    rate: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Header:
    """What events refer to: UTC offsets, recording entities and rates by code; the codes of taxes and discounts."""

    sender: str
    recipient: str
    available_us: int | None
    decimals: int
    currency: str
    local_currency: str
    offsets: Mapping[str, str]
    entities: Mapping[str, str]
    rates: Mapping[str, Rate]
    taxes: frozenset[str]
    discounts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Totals:
    """What the events of a file sum to. ``charge`` holds CAMEL fees too, refunds are apart; times are UTC."""

    events: int = 0
    charge: int = 0
    refund: int = 0
    tax: int = 0
    tax_refund: int = 0
    discount: int = 0
    discount_refund: int = 0
    earliest_us: int | None = None
    latest_us: int | None = None

    def __add__(self, other: Totals) -> Totals:
        """What the events of both sum to."""
        both = (self, other)
        return Totals(
            events=self.events + other.events,
            charge=self.charge + other.charge,
            refund=self.refund + other.refund,
            tax=self.tax + other.tax,
            tax_refund=self.tax_refund + other.tax_refund,
            discount=self.discount + other.discount,
            discount_refund=self.discount_refund + other.discount_refund,
            earliest_us=min((t.earliest_us for t in both if t.earliest_us is not None), default=None),
            latest_us=max((t.latest_us for t in both if t.latest_us is not None), default=None),
        )


def below(tree: Tree, path: str) -> Iterator[Tree]:
    """Every structure at ``path``, names parted by dots; the tree itself at the empty path."""
    return structures(tree, path.split(".") if path else [])


def text(tree: Tree, path: str) -> str:
    """The first value at ``path``, empty where there is none."""
    above, _, name = path.rpartition(".")
    values = (v for found in below(tree, above) for v in found.get(name, ()) if isinstance(v, str))
    return next(values, "")


def whole(digits: str) -> int | None:
    """A whole number, or None; TAP counts and amounts have at most eight octets."""
    sign = digits[:1] == "-"
    body = digits[sign:]
    fine = body.isascii() and body.isdecimal() and len(body) <= _MOST_DIGITS
    return int(digits) if fine else None


def moment_us(stamp: str, offset: str) -> int | None:
    """The instant of ``CCYYMMDDhhmmss`` and ``+hhmm``, in microseconds UTC; None if they are none."""
    match = _OFFSET.fullmatch(offset)
    if match is None or len(stamp) != 14 or not (stamp.isascii() and stamp.isdecimal()):
        return None
    try:
        month, day, hour, minute, second = (int(stamp[i : i + 2]) for i in range(4, 14, 2))
        civil = datetime(int(stamp[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    ahead_s = (int(match[2]) * 60 + int(match[3])) * (60 if match[1] == "+" else -60)
    return (int(civil.timestamp()) - ahead_s) * 1_000_000


def time_us(tree: Tree, path: str) -> int | None:
    """The instant of the DateTimeLong at ``path``; None if there is none."""
    return moment_us(text(tree, f"{path}.localTimeStamp"), text(tree, f"{path}.utcTimeOffset"))


def read_header(batch: Tree) -> Header:
    """What the events of ``batch``, the inside of a transferBatch, refer to; what is missing is empty."""
    accounting = next(below(batch, "accountingInfo"), {})
    return Header(
        sender=text(batch, "batchControlInfo.sender"),
        recipient=text(batch, "batchControlInfo.recipient"),
        available_us=time_us(batch, "batchControlInfo.fileAvailableTimeStamp"),
        decimals=whole(text(accounting, "tapDecimalPlaces")) or 0,
        currency=text(accounting, "tapCurrency") or SDR,
        local_currency=text(accounting, "localCurrency"),
        offsets={text(row, "utcTimeOffsetCode"): text(row, "utcTimeOffset") for row in offset_rows(batch)},
        entities={text(row, "recEntityCode"): text(row, "recEntityId") for row in entity_rows(batch)},
        rates={text(row, "exchangeRateCode"): _rate(row) for row in rate_rows(batch)},
        taxes=frozenset(text(row, "taxCode") for row in tax_rows(batch)),
        discounts=frozenset(text(row, "discountCode") for row in below(accounting, "discountingList.discounting")),
    )


def offset_rows(batch: Tree) -> Iterator[Tree]:
    """The file's table of UTC offsets."""
    return below(batch, "networkInfo.utcTimeOffsetInfoList.utcTimeOffsetInfo")


def entity_rows(batch: Tree) -> Iterator[Tree]:
    """The file's table of recording entities."""
    return below(batch, "networkInfo.recEntityInfoList.recEntityInformation")


def rate_rows(batch: Tree) -> Iterator[Tree]:
    """The file's table of exchange rates."""
    return below(batch, "accountingInfo.currencyConversionList.currencyConversion")


def tax_rows(batch: Tree) -> Iterator[Tree]:
    """The file's table of taxes."""
    return below(batch, "accountingInfo.taxationList.taxation")


def _rate(row: Tree) -> Rate:
    return Rate(whole(text(row, "exchangeRate")) or 0, whole(text(row, "numberOfDecimalPlaces")) or 0)
