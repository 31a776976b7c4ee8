"""TAP 3.12 files as bytes: a transfer batch of events, or a notification that there are none.

Enters: events with what is due for them, who writes to whom, and when. Leaves: the bytes, and what they sum to. Always
holds: pure; the audit information is summed from the events that are written; definite lengths (ITU-T X.690).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mediation.ber.encode import Encoder, element
from mediation.ber.format import APPLICATION, read_format, tag_key
from mediation.ber.tree import Tree
from rating.roaming.events import Billed, Codes, event
from rating.roaming.operator import Operator

VERSION, RELEASE = 3, 12
LAST_SEQUENCE = 99_999
_TRANSFER, _EVENTS = tag_key(APPLICATION, 1), tag_key(APPLICATION, 3)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a file is for: its ``ordinal`` among those to ``recipient``, from 1; when it is made and what it covers."""

    operator: Operator
    recipient: str
    ordinal: int
    available: datetime
    until: datetime

    @property
    def sequence(self) -> str:
        """The sequence number: it begins again at 00001 after 99999."""
        return f"{(self.ordinal - 1) % LAST_SEQUENCE + 1:05}"

    @property
    def name(self) -> str:
        """The file's name (TD.57): CD of chargeable data, TD of a test; sender, recipient, sequence number."""
        return f"{'TD' if self.operator.test else 'CD'}{self.operator.tadig}{self.recipient}{self.sequence}"


@dataclass(frozen=True, slots=True)
class Written:
    """A file's bytes, and what its events sum to, in units of its last decimal."""

    content: bytes
    events: int = 0
    charge: int = 0
    tax: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None


def notification(envelope: Envelope) -> Written:
    """The file that tells the recipient that there is nothing to transfer."""
    times = _times(envelope)
    order = ("fileCreationTimeStamp", "fileAvailableTimeStamp", "transferCutOffTimeStamp")
    tree: Tree = {**_parties(envelope), **{name: times[name] for name in order}, **_release(envelope)}
    return Written(Encoder(read_format("gsma_tap")).bytes_of({"notification": [tree]}))


def transfer(envelope: Envelope, billed: Iterable[Billed]) -> Written:
    """The file of ``billed`` events, in their order; there is at least one.

    Raises:
        TapOutError: one of them cannot be told.

    """
    encoder, codes, operator = Encoder(read_format("gsma_tap")), Codes(), envelope.operator
    parts: list[bytes] = []
    starts: list[datetime] = []
    charge = tax = 0
    for each in billed:
        parts.append(encoder.bytes_of(event(each, codes, operator)))
        starts.append(each.row["start_utc"])
        charge, tax = charge + each.due.charge, tax + each.due.tax
    earliest, latest = min(starts), max(starts)
    head: Tree = {
        "batchControlInfo": [{**_parties(envelope), **_times(envelope), **_release(envelope)}],
        "accountingInfo": [_accounting(codes, operator)],
        "networkInfo": [_network(codes, operator)],
    }
    audit: Tree = {
        "earliestCallTimeStamp": [_moment(earliest, operator)],
        "latestCallTimeStamp": [_moment(latest, operator)],
        "totalCharge": [str(charge)],
        "totalTaxValue": [str(tax)],
        "totalDiscountValue": ["0"],
        "callEventDetailsCount": [str(len(parts))],
    }
    inside = [
        encoder.bytes_of(head),
        element(_EVENTS, b"".join(parts), constructed=True),
        encoder.bytes_of({"auditControlInfo": [audit]}),
    ]
    content = element(_TRANSFER, b"".join(inside), constructed=True)
    return Written(content, len(parts), charge, tax, earliest, latest)


def _parties(envelope: Envelope) -> dict[str, list[str]]:
    return {
        "sender": [envelope.operator.tadig],
        "recipient": [envelope.recipient],
        "fileSequenceNumber": [envelope.sequence],
    }


def _times(envelope: Envelope) -> dict[str, list[Tree]]:
    made, until = (_moment(each, envelope.operator) for each in (envelope.available, envelope.until))
    return {"fileCreationTimeStamp": [made], "transferCutOffTimeStamp": [until], "fileAvailableTimeStamp": [made]}


def _release(envelope: Envelope) -> dict[str, list[str]]:
    test = {"fileTypeIndicator": ["T"]} if envelope.operator.test else {}
    return {"specificationVersionNumber": [str(VERSION)], "releaseVersionNumber": [str(RELEASE)], **test}


def _moment(moment: datetime, operator: Operator) -> Tree:
    """A time with its UTC offset, on the operator's clock."""
    civil = moment.astimezone(operator.zone)
    return {"localTimeStamp": [f"{civil:%Y%m%d%H%M%S}"], "utcTimeOffset": [f"{civil:%z}"[:5]]}


def _accounting(codes: Codes, operator: Operator) -> Tree:
    taxes: list[Tree | str] = [
        {"taxCode": [str(code)], "taxType": [operator.tax_type], "taxRate": [percent]}
        for (_, percent), code in codes.taxes.items()
    ]
    rates: list[Tree | str] = [
        {"exchangeRateCode": [str(code)], "numberOfDecimalPlaces": [str(places)], "exchangeRate": [str(rate)]}
        for (rate, places), code in codes.rates.items()
    ]
    taxation: dict[str, list[Tree | str]] = {"taxationList": [{"taxation": taxes}]} if taxes else {}
    return {
        **taxation,
        "localCurrency": [operator.local_currency],
        "tapCurrency": [operator.tap_currency],
        "currencyConversionList": [{"currencyConversion": rates}],
        "tapDecimalPlaces": [str(operator.decimals)],
    }


def _network(codes: Codes, operator: Operator) -> Tree:
    offsets: list[Tree | str] = [
        {"utcTimeOffsetCode": [str(code)], "utcTimeOffset": [_offset(minutes)]}
        for minutes, code in codes.offsets.items()
    ]
    entities: list[Tree | str] = [
        {"recEntityCode": [str(each.code)], "recEntityType": [str(each.type)], "recEntityId": [each.id]}
        for each in dict.fromkeys(operator.entities.values())
        if each.code in codes.entities
    ]
    return {
        "utcTimeOffsetInfoList": [{"utcTimeOffsetInfo": offsets}],
        "recEntityInfoList": [{"recEntityInformation": entities}],
    }


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"
