"""TAP events checked one by one against their file's header, and summed.

Enters: :class:`~mediation.records.Fields` with the columns that the layout ``gsma_tap`` names, and a
:class:`~mediation.tap_header.Header`. Leaves: the first broken rule of each event, :class:`Totals`. Always holds: a
rule sees each distinct text once, however many events have it; sums are exact, and severe events are in them
(GSMA TD.57, Audit Control Information).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediation.layout import Mapping
from mediation.records import Fields
from mediation.spans import column_of, distinct
from mediation.tap_checks import MAX_AGE_DAYS, RECORD_CHECKS, Check
from mediation.tap_header import Header, Totals, moment_us, whole

_DAY_US = 86_400_000_000
_NOWHERE = "+0000"
_CODE = {check.code: i + 1 for i, check in enumerate(RECORD_CHECKS)}
_OTHER_PARTIES = frozenset({"contentTransaction", "locationService"})
"""Events whose charged party need not be a SIM."""
_FREE = frozenset({"supplServiceEvent"})
"""Events that may come without a charge."""


Judge = Callable[[str, Header], str]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule: the columns whose text (joined by a space) it sees, and the code of what is wrong, "" for nothing."""

    columns: tuple[str, ...]
    judge: Judge


def _subscriber(text: str, _header: Header) -> str:
    record, _, digits = text.partition(" ")
    if record in _OTHER_PARTIES:
        return ""
    if not digits:
        return "tap_no_subscriber"
    return "" if digits.isdecimal() and len(digits) <= 15 else "tap_bad_subscriber"


def _start(max_age_days: int) -> Judge:
    def judge(text: str, header: Header) -> str:
        stamp, _, offset = text.partition(" ")
        if moment_us(stamp, _NOWHERE) is None:
            return "tap_bad_start"
        begun, available = moment_us(stamp, offset), header.available_us
        if begun is None:
            return "tap_no_offset"
        if available is None:
            return ""
        if begun > available:
            return "tap_future"
        return "tap_too_old" if available - begun > max_age_days * _DAY_US else ""

    return judge


def _listed(code: str, table: Callable[[Header], Container[str]]) -> Judge:
    def judge(text: str, header: Header) -> str:
        known = table(header)
        return "" if all(c in known for c in text.split(";") if c) else code

    return judge


def _not_negative(code: str) -> Judge:
    return lambda text, _header: code if text.startswith("-") else ""


def _charged(text: str, _header: Header) -> str:
    record, _, charge = text.partition(" ")
    return "" if charge or record in _FREE else "tap_no_charge"


def _rules(max_age_days: int) -> tuple[_Rule, ...]:
    return (
        _Rule(("@record", "imsi"), _subscriber),
        _Rule(("start", "start_offset"), _start(max_age_days)),
        _Rule(("entity_codes",), _listed("tap_unknown_entity", lambda header: header.entities)),
        _Rule(("rate_codes",), _listed("tap_unknown_rate", lambda header: header.rates)),
        _Rule(("tax_codes",), _listed("tap_unknown_tax", lambda header: header.taxes)),
        _Rule(("discount_codes",), _listed("tap_unknown_discount", lambda header: header.discounts)),
        _Rule(("duration",), _not_negative("tap_bad_duration")),
        _Rule(("volume_up",), _not_negative("tap_bad_volume")),
        _Rule(("volume_down",), _not_negative("tap_bad_volume")),
        _Rule(("charge",), _not_negative("tap_bad_charge")),
        _Rule(("@record", "charge"), _charged),
    )


def severe_faults(fields: Fields, header: Header, max_age_days: int = MAX_AGE_DAYS) -> npt.NDArray[np.uint8]:
    """The first rule of ``RECORD_CHECKS`` that each event breaks, counted from 1; 0 where it breaks none."""
    never = len(RECORD_CHECKS) + 1
    first = np.full(len(fields.records), never, np.uint8)
    for rule in _rules(max_age_days):
        rows, texts = distinct(column_of(fields, Mapping("", rule.columns)))
        found = (rule.judge(text, header) for text in texts)
        verdicts = np.array([_CODE[code] if code else never for code in found], np.uint8)
        np.minimum(first, verdicts[rows], out=first)
    return np.where(first == never, 0, first).astype(np.uint8)


def check_of(fault: int) -> Check:
    """The check that a ``fault`` of :func:`severe_faults` stands for."""
    return RECORD_CHECKS[fault - 1]


def totals_of(fields: Fields) -> Totals:
    """What the events sum to."""
    _, texts = distinct(column_of(fields, Mapping("", ("start", "start_offset"))))
    begun = [moment_us(stamp, offset) for stamp, _, offset in (text.partition(" ") for text in texts)]
    known = [moment for moment in begun if moment is not None]
    refund, tax_refund, discount_refund = (_sum(fields, c) for c in ("refund", "tax_refund", "discount_refund"))
    return Totals(
        events=len(fields.records),
        charge=_sum(fields, "charge") + _sum(fields, "camel_fee") - refund,
        refund=refund,
        tax=_sum(fields, "tax") + _sum(fields, "camel_tax") - tax_refund,
        tax_refund=tax_refund,
        discount=_sum(fields, "discount") + _sum(fields, "camel_discount") - discount_refund,
        discount_refund=discount_refund,
        earliest_us=min(known, default=None),
        latest_us=max(known, default=None),
    )


def _sum(fields: Fields, column: str) -> int:
    """The exact sum of a column of whole numbers; what is none counts as nothing."""
    rows, texts = distinct(column_of(fields, Mapping("", (column,))))
    counts = np.bincount(rows, minlength=len(texts)).tolist()
    return sum((whole(text) or 0) * count for text, count in zip(texts, counts, strict=True))
