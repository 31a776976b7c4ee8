"""What TAP checks are there: each rule of TD.57 that a file or a record can break, declared once.

Enters: nothing. Leaves: the checks by code, with severity, meaning, and the number that TD.57's data dictionary
gives the error at its item. Always holds: ``tap.py`` gives only codes listed here.

The numbers are those of the public extracts of TD.57 at releases 3.10 and 3.11 (its data dictionary lists errors by
item); 0 stands where none was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """What a broken rule costs (GSMA TD.57, error severities)."""

    FATAL = "fatal"  # the whole file
    SEVERE = "severe"  # the record
    WARNING = "warning"  # nothing: it is reported


@dataclass(frozen=True, slots=True)
class Check:
    """A rule: our code, the item of TD.57 that it is about, the error's number there (0: not known), its cost."""

    code: str
    item: str
    number: int
    severity: Severity
    meaning: str


MAX_AGE_DAYS = 30
"""How old an event may be when its file is made available, where roaming partners agree nothing else."""

COLUMNS = (
    *("@record", "imsi", "start", "start_offset", "duration", "volume_up", "volume_down"),
    *("charge", "refund", "camel_fee", "tax", "tax_refund", "camel_tax"),
    *("discount", "discount_refund", "camel_discount"),
    *("entity_codes", "rate_codes", "tax_codes", "discount_codes"),
)
"""The columns of the layout that checks and sums need."""

_F, _S, _W = Severity.FATAL, Severity.SEVERE, Severity.WARNING

FILE_CHECKS: Final[tuple[Check, ...]] = (
    Check("tap_no_batch_control", "transferBatch", 0, _F, "the file has no batch control information"),
    Check("tap_no_sender", "batchControlInfo", 30, _F, "no sender is named"),
    Check("tap_no_recipient", "batchControlInfo", 31, _F, "no recipient is named"),
    Check("tap_no_sequence", "batchControlInfo", 32, _F, "the file has no sequence number"),
    Check("tap_no_available_time", "batchControlInfo", 33, _F, "the time at which the file was available is missing"),
    Check("tap_no_version", "batchControlInfo", 34, _F, "no specification version is given"),
    Check("tap_no_cut_off", "batchControlInfo", 36, _W, "the cut-off time of the events is missing"),
    Check("tap_bad_sender", "sender", 10, _F, "the sender is no TADIG code of five characters"),
    Check("tap_bad_recipient", "recipient", 10, _F, "the recipient is no TADIG code of five characters"),
    Check("tap_bad_sequence", "fileSequenceNumber", 10, _F, "the sequence number is not made of five digits"),
    Check("tap_sequence_out_of_range", "fileSequenceNumber", 20, _F, "the sequence number is not 00001 to 99999"),
    Check("tap_file_name_differs", "fileSequenceNumber", 100, _F, "the file's name has another sequence number"),
    Check("tap_unknown_version", "specificationVersionNumber", 0, _F, "not TAP 3, releases 10 to 12"),
    Check("tap_bad_time", "batchControlInfo", 0, _F, "a time of the header is none, or has no UTC offset"),
    Check("tap_no_accounting", "transferBatch", 0, _F, "there are charges, but no accounting information"),
    Check("tap_no_local_currency", "accountingInfo", 0, _F, "the local currency is missing"),
    Check("tap_no_decimals", "accountingInfo", 0, _F, "the number of decimal places is missing"),
    Check("tap_decimals_out_of_range", "tapDecimalPlaces", 20, _F, "more than 6 decimal places"),
    Check("tap_no_network_info", "transferBatch", 0, _F, "the file has no network information"),
    Check("tap_bad_offset", "utcTimeOffset", 0, _F, "a UTC offset is not like +0200"),
    Check("tap_offset_ambiguous", "utcTimeOffsetInfo", 0, _F, "one code stands for several UTC offsets"),
    Check("tap_entity_incomplete", "recEntityInformation", 32, _F, "a recording entity has no code, type or identity"),
    Check("tap_entity_ambiguous", "recEntityInformation", 33, _F, "one code stands for several recording entities"),
    Check("tap_rate_incomplete", "currencyConversion", 0, _F, "an exchange rate has no code, rate or decimal places"),
    Check("tap_rate_ambiguous", "currencyConversion", 0, _F, "one code stands for several exchange rates"),
    Check("tap_tax_ambiguous", "taxation", 0, _F, "one code stands for several taxes"),
    Check("tap_no_events", "transferBatch", 0, _F, "the file has no call event"),
    Check("tap_no_audit", "transferBatch", 0, _F, "the file has no audit information"),
    Check("tap_no_total", "auditControlInfo", 0, _F, "a total that must be there is missing"),
    Check("tap_count_differs", "callEventDetailsCount", 100, _F, "another number of events than is there"),
    Check("tap_charge_differs", "totalCharge", 100, _F, "the charges of type 00 and CAMEL fees sum to something else"),
    Check("tap_refund_differs", "totalChargeRefund", 100, _F, "the refunded charges sum to something else"),
    Check("tap_tax_differs", "totalTaxValue", 100, _F, "the taxes sum to something else"),
    Check("tap_tax_refund_differs", "totalTaxRefund", 100, _F, "the refunded taxes sum to something else"),
    Check("tap_discount_differs", "totalDiscountValue", 100, _F, "the discounts sum to something else"),
    Check("tap_discount_refund_differs", "totalDiscountRefund", 100, _F, "the refunded discounts do not sum to it"),
    Check("tap_earliest_differs", "earliestCallTimeStamp", 0, _W, "the first event began at another time"),
    Check("tap_latest_differs", "latestCallTimeStamp", 0, _W, "the last event began at another time"),
)

RECORD_CHECKS: Final[tuple[Check, ...]] = (
    Check("tap_no_subscriber", "chargeableSubscriber", 0, _S, "no IMSI (or MIN) says who is charged"),
    Check("tap_bad_subscriber", "imsi", 10, _S, "an IMSI or MIN that is not made of up to 15 digits"),
    Check("tap_bad_start", "callEventStartTimeStamp", 10, _S, "no start, or one that is no date and time"),
    Check("tap_no_offset", "callEventStartTimeStamp", 30, _S, "no UTC offset code, or one that the header lacks"),
    Check("tap_future", "callEventStartTimeStamp", 0, _S, "it began after the file was available"),
    Check("tap_too_old", "callEventStartTimeStamp", 0, _S, "it began longer before the file than is agreed"),
    Check("tap_unknown_entity", "recEntityCode", 100, _S, "a recording entity that the header does not list"),
    Check("tap_unknown_rate", "exchangeRateCode", 0, _S, "an exchange rate that the header does not list"),
    Check("tap_unknown_tax", "taxCode", 0, _S, "a tax that the header does not list"),
    Check("tap_unknown_discount", "discountCode", 0, _S, "a discount that the header does not list"),
    Check("tap_bad_duration", "totalCallEventDuration", 20, _S, "a duration below zero"),
    Check("tap_bad_volume", "dataVolumeIncoming", 20, _S, "a volume below zero"),
    Check("tap_no_charge", "chargeDetail", 0, _S, "no charge of type 00"),
    Check("tap_bad_charge", "charge", 20, _S, "a charge below zero"),
)

BY_CODE: Final[Mapping[str, Check]] = {check.code: check for check in (*FILE_CHECKS, *RECORD_CHECKS)}


def severity(code: str, changed: Mapping[str, Severity]) -> Severity:
    """What the check ``code`` costs, where a layout has ``changed`` some."""
    return changed.get(code, BY_CODE[code].severity)
