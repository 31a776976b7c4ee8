"""TAP files checked as TD.57 wants: header and trailer against each other and against the events.

Enters: the inside of a transferBatch or a notification as a tree, and :class:`~mediation.tap_header.Totals` of its
events. Leaves: findings, with codes of ``tap_checks.py``. Always holds: nothing is raised, whatever the tree holds;
a missing structure is one finding, not one for each thing that it would hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from mediation.ber.tree import Tree
from mediation.controls import Found
from mediation.tap_checks import Severity, severity
from mediation.tap_header import (
    Totals,
    below,
    entity_rows,
    offset_rows,
    rate_rows,
    tax_rows,
    text,
    time_us,
    whole,
)

_TADIG = re.compile(r"[A-Z0-9]{5}")
_OFFSET = re.compile(r"[+-](0[0-9]|1[0-4])[0-5][0-9]")
_SEQUENCE = re.compile(r"[0-9]{5}")
_VERSION, _RELEASES = 3, range(10, 13)
_DECIMALS = range(7)

_NEEDED_CONTROL = (
    ("tap_no_sender", "sender"),
    ("tap_no_recipient", "recipient"),
    ("tap_no_sequence", "fileSequenceNumber"),
    ("tap_no_available_time", "fileAvailableTimeStamp"),
    ("tap_no_version", "specificationVersionNumber"),
    ("tap_no_cut_off", "transferCutOffTimeStamp"),
)
_TIMES = ("fileCreationTimeStamp", "transferCutOffTimeStamp", "fileAvailableTimeStamp")
_NEEDED_TOTALS = ("callEventDetailsCount", "totalCharge", "totalTaxValue", "totalDiscountValue")


def file_findings(batch: Tree, totals: Totals, sequence_of_name: int | None = None) -> list[Found]:
    """What is wrong with a TAP file of events: ``batch`` is the inside of its transferBatch.

    ``sequence_of_name`` is the sequence number that the file's name gives, if it gives one.
    """
    control = next(below(batch, "batchControlInfo"), {})
    return [
        *(control_findings(control, sequence_of_name) if control else [_lack("tap_no_batch_control")]),
        *_accounting(batch, totals),
        *_network(batch),
        *([] if totals.events else [Found("tap_no_events", "events", "none")]),
        *_audit(batch, totals),
    ]


def control_findings(control: Tree, sequence_of_name: int | None = None) -> list[Found]:
    """What is wrong with batch control information, or with the inside of a notification."""
    found = [_lack(code) for code, name in _NEEDED_CONTROL if not control.get(name)]
    for code, name in (("tap_bad_sender", "sender"), ("tap_bad_recipient", "recipient")):
        if control.get(name) and not _TADIG.fullmatch(text(control, name)):
            found.append(Found(code, "5 capitals or digits", text(control, name)))
    if control.get("fileSequenceNumber"):
        found += _sequence(text(control, "fileSequenceNumber"), sequence_of_name)
    version = text(control, "specificationVersionNumber"), text(control, "releaseVersionNumber")
    if version[0] and not (whole(version[0]) == _VERSION and whole(version[1]) in _RELEASES):
        found.append(Found("tap_unknown_version", "3.10 to 3.12", ".".join(version)))
    found += [
        Found("tap_bad_time", f"{name}: date, time and UTC offset", _shown(control, name))
        for name in _TIMES
        if control.get(name) and time_us(control, name) is None
    ]
    return found


def fatal(findings: Iterable[Found], changed: Mapping[str, Severity]) -> list[Found]:
    """Those of ``findings`` that suspend the file, where a layout has ``changed`` some severities."""
    return [f for f in findings if severity(f.finding, changed) is Severity.FATAL]


def _lack(code: str) -> Found:
    return Found(code, "present", "missing")


def _shown(tree: Tree, name: str) -> str:
    return f"{text(tree, f'{name}.localTimeStamp')} {text(tree, f'{name}.utcTimeOffset')}".strip()


def _civil(moment_us: int) -> str:
    """An instant as TAP writes it, in UTC."""
    return f"{datetime.fromtimestamp(moment_us // 1_000_000, UTC):%Y%m%d%H%M%S} +0000"


def _sequence(number: str, of_name: int | None) -> Iterator[Found]:
    if not _SEQUENCE.fullmatch(number):
        yield Found("tap_bad_sequence", "5 digits", number)
    elif int(number) == 0:
        yield Found("tap_sequence_out_of_range", "00001 to 99999", number)
    elif of_name is not None and int(number) != of_name:
        yield Found("tap_file_name_differs", number, f"{of_name:05}")


def _accounting(batch: Tree, totals: Totals) -> Iterator[Found]:
    accounting = next(below(batch, "accountingInfo"), {})
    if not accounting:
        if totals.charge or totals.refund:
            yield _lack("tap_no_accounting")
        return
    if not accounting.get("localCurrency"):
        yield _lack("tap_no_local_currency")
    decimals = text(accounting, "tapDecimalPlaces")
    if not decimals:
        yield _lack("tap_no_decimals")
    elif whole(decimals) not in _DECIMALS:
        yield Found("tap_decimals_out_of_range", "0 to 6", decimals)
    rate = ("exchangeRateCode", "exchangeRate", "numberOfDecimalPlaces")
    yield from _incomplete("tap_rate_incomplete", rate_rows(batch), rate)
    yield from _ambiguous("tap_rate_ambiguous", rate_rows(batch), rate)
    yield from _ambiguous("tap_tax_ambiguous", tax_rows(batch), ("taxCode", "taxType", "taxRate"))


def _network(batch: Tree) -> Iterator[Found]:
    if not any(below(batch, "networkInfo")):
        yield _lack("tap_no_network_info")
        return
    for row in offset_rows(batch):
        if not _OFFSET.fullmatch(text(row, "utcTimeOffset")):
            yield Found("tap_bad_offset", "like +0200", text(row, "utcTimeOffset"))
    yield from _ambiguous("tap_offset_ambiguous", offset_rows(batch), ("utcTimeOffsetCode", "utcTimeOffset"))
    entity = ("recEntityCode", "recEntityType", "recEntityId")
    yield from _incomplete("tap_entity_incomplete", entity_rows(batch), entity)
    yield from _ambiguous("tap_entity_ambiguous", entity_rows(batch), entity)


def _incomplete(code: str, rows: Iterable[Tree], names: tuple[str, ...]) -> Iterator[Found]:
    """One finding for each row that lacks one of ``names``."""
    for row in rows:
        missing = [name for name in names if not row.get(name)]
        if missing:
            yield Found(code, ", ".join(missing), f"{names[0]} {text(row, names[0])}")


def _ambiguous(code: str, rows: Iterable[Tree], names: tuple[str, ...]) -> Iterator[Found]:
    """One finding for each row whose code, the first of ``names``, an earlier row gives another meaning."""
    seen: dict[str, str] = {}
    for row in rows:
        meaning = " ".join(text(row, name) for name in names[1:])
        first = seen.setdefault(text(row, names[0]), meaning)
        if first != meaning:
            yield Found(code, f"{names[0]} {text(row, names[0])}: {first}", meaning)


def _audit(batch: Tree, totals: Totals) -> Iterator[Found]:
    audit = next(below(batch, "auditControlInfo"), {})
    if not audit:
        yield _lack("tap_no_audit")
        return
    figures = (
        ("tap_count_differs", "callEventDetailsCount", totals.events),
        ("tap_charge_differs", "totalCharge", totals.charge),
        ("tap_refund_differs", "totalChargeRefund", totals.refund),
        ("tap_tax_differs", "totalTaxValue", totals.tax),
        ("tap_tax_refund_differs", "totalTaxRefund", totals.tax_refund),
        ("tap_discount_differs", "totalDiscountValue", totals.discount),
        ("tap_discount_refund_differs", "totalDiscountRefund", totals.discount_refund),
    )
    for code, name, found in figures:
        declared = text(audit, name)
        if declared:
            if whole(declared) != found:
                yield Found(code, f"{name} {declared}", f"{name} {found}")
        elif name in _NEEDED_TOTALS:
            yield Found("tap_no_total", name, "missing")
        elif found:
            yield Found(code, f"{name} {found}", "missing")
    for code, name, moment in (
        ("tap_earliest_differs", "earliestCallTimeStamp", totals.earliest_us),
        ("tap_latest_differs", "latestCallTimeStamp", totals.latest_us),
    ):
        if audit.get(name) and moment is not None and time_us(audit, name) != moment:
            yield Found(code, f"{name} {_shown(audit, name)}", f"{name} {_civil(moment)}")
