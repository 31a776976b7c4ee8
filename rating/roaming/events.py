"""Visitors' usage as TAP events: calls and messages out and in, data sessions.

Enters: a row of usage with its charge, and the :class:`Codes` of the file. Leaves: the event's name and tree, in the
order of TD.57's structures. Always holds: pure, but for codes that a file's tables take on as they are met.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mediation.ber.tree import Tree
from rating.roaming.money import Due, TapOutError
from rating.roaming.operator import Operator

SPEECH, MESSAGE_IN, MESSAGE_OUT = "11", "21", "22"
"""Teleservices (TS 22.003)."""
_IN, _OUT = ("mtBasicCallInformation", "mobileTerminatedCall"), ("moBasicCallInformation", "mobileOriginatedCall")
_NORMAL = "0"
_TOTAL = "00"
_NATIONAL, _INTERNATIONAL, _UNKNOWN, _HOME_GATEWAY, _VISITED_GATEWAY = "1", "2", "0", "10", "11"
_CELL = re.compile(r"(?:.*\D)?(\d{1,9})\D+(\d{1,9})", re.ASCII)
_MOST_DIGITS = 30
_REFERENCE = re.compile(r"(?:[0-9a-f]{2}){1,8}")
_CHARGING_ID_MAX = 2**32


@dataclass
class Codes:
    """The tables of a file, as they fill: UTC offsets, recording entities, exchange rates and taxes by code."""

    offsets: dict[int, int] = field(default_factory=dict)
    rates: dict[tuple[int, int], int] = field(default_factory=dict)
    taxes: dict[tuple[str, str], int] = field(default_factory=dict)
    entities: dict[int, None] = field(default_factory=dict)

    def offset(self, minutes: int) -> str:
        """The code of a UTC offset in minutes."""
        return str(self.offsets.setdefault(minutes, len(self.offsets)))

    def rate(self, rate: tuple[int, int]) -> str:
        """The code of an exchange rate."""
        return str(self.rates.setdefault(rate, len(self.rates)))

    def tax(self, tax: str, percent: str) -> str:
        """The code of a tax of that percentage."""
        return str(self.taxes.setdefault((tax, percent), len(self.taxes)))


@dataclass(frozen=True, slots=True)
class Billed:
    """A row of usage, what is due for it, its exchange rate, and the percentage of its tax."""

    row: dict[str, Any]
    due: Due
    rate: tuple[int, int]
    percent: str


def event(billed: Billed, codes: Codes, operator: Operator) -> Tree:
    """The event under its TAP name.

    Raises:
        TapOutError: no recording entity is declared for its network element.

    """
    row = billed.row
    if row["service"] == "data":
        return {"gprsCall": [_session(billed, codes, operator)]}
    message, inward = row["service"] == "sms", row["direction"] == "terminated"
    basic, name = _IN if inward else _OUT
    service = (MESSAGE_IN if inward else MESSAGE_OUT) if message else SPEECH
    used: Tree = {
        "basicService": [{"basicServiceCode": [{"teleServiceCode": [service]}]}],
        "chargeInformationList": [{"chargeInformation": [_charge(billed, codes, _call_type(row, operator))]}],
    }
    tree: Tree = {
        basic: [_call(row, codes, inward=inward, message=message)],
        "locationInformation": [{"networkLocation": [_place(row, codes, operator)]}],
        "basicServiceUsedList": [{"basicServiceUsed": [used]}],
    }
    return {name: [tree]}


def _call(row: dict[str, Any], codes: Codes, *, inward: bool, message: bool) -> Tree:
    other = row["a_number"] if inward else row["b_number"]
    parties = {"callOriginator": _origin(other)} if inward else {"destination": _destination(other, message=message)}
    return {
        "chargeableSubscriber": _subscriber(row, row["b_number"] if inward else row["a_number"]),
        **{name: [tree] for name, tree in parties.items() if tree},
        "callEventStartTimeStamp": [_local(row["start_utc"], row, codes)],
        "totalCallEventDuration": [str(row["duration_s"])],
        "causeForTerm": [_NORMAL],
    }


def _subscriber(row: dict[str, Any], number: str) -> list[Tree | str]:
    digits = number.removeprefix("+")
    known = {"msisdn": [digits]} if number != digits and digits.isdecimal() else {}
    return [{"simChargeableSubscriber": [{"imsi": [row["imsi"]], **known}]}]


def _destination(number: str, *, message: bool) -> Tree:
    digits = number.removeprefix("+")
    if message:
        return {"sMSDestinationNumber": [digits]} if digits else {}
    if number != digits and digits.isdecimal() and len(digits) <= _MOST_DIGITS:
        return {"calledNumber": [digits]}
    return {"dialledDigits": [number]} if number else {}


def _origin(number: str) -> Tree:
    digits = number.removeprefix("+")
    if digits.isdecimal() and len(digits) <= _MOST_DIGITS:
        return {"callingNumber": [digits]}
    return {"sMSOriginator": [number]} if number else {}


def _session(billed: Billed, codes: Codes, operator: Operator) -> Tree:
    row = billed.row
    place = _place(row, codes, operator)
    cell = {name: place[name] for name in ("locationArea", "cellId") if name in place}
    session = row["session_start_utc"]
    begun = {"pDPContextStartTimestamp": [_local(session, row, codes)]} if session else {}
    partial = {"partialTypeIndicator": ["F" if row["partial_no"] == 1 else "I"]} if row["partial_no"] else {}
    point = {"gprsDestination": [{"accessPointNameNI": [row["b_number"]]}]} if row["b_number"] else {}
    basic: Tree = {
        "gprsChargeableSubscriber": [{"chargeableSubscriber": _subscriber(row, row["a_number"])}],
        **point,
        "callEventStartTimeStamp": [_local(row["start_utc"], row, codes)],
        "totalCallEventDuration": [str(row["duration_s"])],
        "causeForTerm": [_NORMAL],
        **partial,
        **begun,
        "chargingId": [str(_charging_id(row))],
    }
    gateway = _HOME_GATEWAY if operator.home_gateway else _VISITED_GATEWAY
    return {
        "gprsBasicCallInformation": [basic],
        "gprsLocationInformation": [
            {"gprsNetworkLocation": [{"recEntityCodeList": [{"recEntityCode": place["recEntityCode"]}], **cell}]}
        ],
        "gprsServiceUsed": [
            {
                "dataVolumeIncoming": [str(row["volume_down_bytes"])],
                "dataVolumeOutgoing": [str(row["volume_up_bytes"])],
                "chargeInformationList": [{"chargeInformation": [_charge(billed, codes, gateway)]}],
            }
        ],
    }


def _place(row: dict[str, Any], codes: Codes, operator: Operator) -> Tree:
    entity = operator.entity(row["network_element"])
    if entity is None:
        raise TapOutError(f"no [[entity]] has the element {row['network_element']!r} of event {row['event_id']}")
    codes.entities[entity.code] = None
    known = row["call_reference"].lower()
    reference = known if _REFERENCE.fullmatch(known) else row["event_id"].bytes[:8].hex()
    cell = _CELL.fullmatch(row["cell"])
    where = {"locationArea": [str(int(cell[1]))], "cellId": [str(int(cell[2]))]} if cell else {}
    return {"recEntityCode": [str(entity.code)], "callReference": [reference], **where}


def _charging_id(row: dict[str, Any]) -> int:
    """The session's own number, or one made of the event's id."""
    known = row["call_reference"]
    if known.isdecimal() and int(known) < _CHARGING_ID_MAX:
        return int(known)
    return int.from_bytes(row["event_id"].bytes[:4])


def _local(moment: datetime, row: dict[str, Any], codes: Codes) -> Tree:
    minutes = row["utc_offset_min"]
    civil = moment + timedelta(minutes=minutes)
    return {"localTimeStamp": [f"{civil:%Y%m%d%H%M%S}"], "utcTimeOffsetCode": [codes.offset(minutes)]}


def _call_type(row: dict[str, Any], operator: Operator) -> str:
    """Whether a call out is national; nothing is known of calls in and of numbers that are not international."""
    if row["direction"] == "terminated" or not operator.country or not row["b_number"].startswith("+"):
        return _UNKNOWN
    return _NATIONAL if row["b_number"].startswith(f"+{operator.country}") else _INTERNATIONAL


_ITEM = {"voice": "D", "sms": "E", "data": "X"}
"""Charged items: duration, event, volume both ways."""


def _charge(billed: Billed, codes: Codes, level: str) -> Tree:
    row, due = billed.row, billed.due
    detail = {
        "chargeType": [_TOTAL],
        "charge": [str(due.charge)],
        "chargeableUnits": [str(row["usage"])],
        "chargedUnits": [str(row["billed_usage"])],
    }
    tree: dict[str, list[Tree | str]] = {
        "chargedItem": [_ITEM[row["service"]]],
        "exchangeRateCode": [codes.rate(billed.rate)],
        "callTypeGroup": [{"callTypeLevel1": [level], "callTypeLevel2": ["0"], "callTypeLevel3": ["0"]}],
        "chargeDetailList": [{"chargeDetail": [detail]}],
    }
    if due.tax_code:
        tax = {"taxCode": [codes.tax(due.tax_code, billed.percent)], "taxValue": [str(due.tax)]}
        tree["taxInformationList"] = [{"taxInformation": [tax]}]
    return tree
