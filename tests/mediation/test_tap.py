"""TAP files as TD.57 checks them: what each broken rule is called, and that a good file breaks none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.ber.tree import Tree
from mediation.controls import Found
from mediation.tap import control_findings, fatal, file_findings
from mediation.tap_checks import BY_CODE, FILE_CHECKS, RECORD_CHECKS, Severity
from mediation.tap_header import Rate, Totals, below, moment_us, read_header, whole
from tests.mediation import gsma

NOON = moment_us("20260301120000", "+0100") or 0
TOTALS = Totals(
    events=3,
    charge=4500,
    refund=100,
    tax=90,
    tax_refund=2,
    discount=7,
    discount_refund=1,
    earliest_us=NOON,
    latest_us=NOON,
)


def at(stamp: str, offset: str = "+0100") -> list[Any]:
    """A time with its UTC offset."""
    return [{"localTimeStamp": [stamp], "utcTimeOffset": [offset]}]


CONTROL = {
    "sender": ["GBRAA"],
    "recipient": ["FRABB"],
    "fileSequenceNumber": ["00042"],
    "fileCreationTimeStamp": at("20260302090000"),
    "transferCutOffTimeStamp": at("20260302080000"),
    "fileAvailableTimeStamp": at("20260302100000"),
    "specificationVersionNumber": ["3"],
    "releaseVersionNumber": ["12"],
}
RATE = {"exchangeRateCode": ["0"], "numberOfDecimalPlaces": ["5"], "exchangeRate": ["116203"]}
ENTITY = {"recEntityCode": ["1"], "recEntityType": ["1"], "recEntityId": ["447700900000"]}
TAX = {"taxCode": ["0"], "taxType": ["VAT"], "taxRate": ["2000000"]}
OFFSET = {"utcTimeOffsetCode": ["0"], "utcTimeOffset": ["+0100"]}
BATCH = {
    "batchControlInfo": [CONTROL],
    "accountingInfo": [
        {
            "taxationList": [{"taxation": [TAX]}],
            "discountingList": [{"discounting": [{"discountCode": ["4"]}]}],
            "localCurrency": ["GBP"],
            "currencyConversionList": [{"currencyConversion": [RATE]}],
            "tapDecimalPlaces": ["3"],
        }
    ],
    "networkInfo": [
        {
            "utcTimeOffsetInfoList": [{"utcTimeOffsetInfo": [OFFSET]}],
            "recEntityInfoList": [{"recEntityInformation": [ENTITY]}],
        }
    ],
    "auditControlInfo": [
        {
            "earliestCallTimeStamp": at("20260301120000"),
            "latestCallTimeStamp": at("20260301110000", "+0000"),
            "totalCharge": ["4500"],
            "totalChargeRefund": ["100"],
            "totalTaxRefund": ["2"],
            "totalTaxValue": ["90"],
            "totalDiscountValue": ["7"],
            "totalDiscountRefund": ["1"],
            "callEventDetailsCount": ["3"],
        }
    ],
}

CONTROLS, ACCOUNTING, AUDIT = "batchControlInfo", "accountingInfo", "auditControlInfo"
OFFSETS = "networkInfo.utcTimeOffsetInfoList.utcTimeOffsetInfo"
ENTITIES = "networkInfo.recEntityInfoList.recEntityInformation"
RATES, TAXES = "accountingInfo.currencyConversionList.currencyConversion", "accountingInfo.taxationList.taxation"
ABSENT: list[Any] = []

CASES = [
    (CONTROLS, ABSENT, ["tap_no_batch_control"]),
    (f"{CONTROLS}.sender", ABSENT, ["tap_no_sender"]),
    (f"{CONTROLS}.sender", ["GBRA"], ["tap_bad_sender"]),
    (f"{CONTROLS}.sender", ["gbraa"], ["tap_bad_sender"]),
    (f"{CONTROLS}.recipient", ABSENT, ["tap_no_recipient"]),
    (f"{CONTROLS}.recipient", ["FRABB1"], ["tap_bad_recipient"]),
    (f"{CONTROLS}.fileSequenceNumber", ABSENT, ["tap_no_sequence"]),
    (f"{CONTROLS}.fileSequenceNumber", ["42"], ["tap_bad_sequence"]),
    (f"{CONTROLS}.fileSequenceNumber", ["0004\u0663"], ["tap_bad_sequence"]),
    (f"{CONTROLS}.fileSequenceNumber", ["00000"], ["tap_sequence_out_of_range"]),
    (f"{CONTROLS}.fileSequenceNumber", ["00043"], ["tap_file_name_differs"]),
    (f"{CONTROLS}.fileAvailableTimeStamp", ABSENT, ["tap_no_available_time"]),
    (f"{CONTROLS}.fileAvailableTimeStamp", at("20260230100000"), ["tap_bad_time"]),
    (f"{CONTROLS}.fileAvailableTimeStamp", at("20260302100000", "0100"), ["tap_bad_time"]),
    (f"{CONTROLS}.transferCutOffTimeStamp", ABSENT, ["tap_no_cut_off"]),
    (f"{CONTROLS}.fileCreationTimeStamp", ABSENT, []),
    (f"{CONTROLS}.specificationVersionNumber", ABSENT, ["tap_no_version"]),
    (f"{CONTROLS}.specificationVersionNumber", ["4"], ["tap_unknown_version"]),
    (f"{CONTROLS}.releaseVersionNumber", ["9"], ["tap_unknown_version"]),
    (f"{CONTROLS}.releaseVersionNumber", ["10"], []),
    (ACCOUNTING, ABSENT, ["tap_no_accounting"]),
    (f"{ACCOUNTING}.localCurrency", ABSENT, ["tap_no_local_currency"]),
    (f"{ACCOUNTING}.tapDecimalPlaces", ABSENT, ["tap_no_decimals"]),
    (f"{ACCOUNTING}.tapDecimalPlaces", ["7"], ["tap_decimals_out_of_range"]),
    (f"{ACCOUNTING}.tapDecimalPlaces", ["-1"], ["tap_decimals_out_of_range"]),
    (RATES, [RATE, RATE], []),
    (RATES, [RATE, RATE | {"exchangeRate": ["116204"]}], ["tap_rate_ambiguous"]),
    (RATES, [RATE | {"numberOfDecimalPlaces": []}], ["tap_rate_incomplete"]),
    (TAXES, [TAX, TAX | {"taxRate": ["2100000"]}], ["tap_tax_ambiguous"]),
    ("networkInfo", ABSENT, ["tap_no_network_info"]),
    (OFFSETS, [OFFSET | {"utcTimeOffset": ["+2500"]}], ["tap_bad_offset"]),
    (OFFSETS, [OFFSET, OFFSET | {"utcTimeOffset": ["-0500"]}], ["tap_offset_ambiguous"]),
    (ENTITIES, [ENTITY | {"recEntityId": []}], ["tap_entity_incomplete"]),
    (ENTITIES, [ENTITY, ENTITY | {"recEntityId": ["10.0.0.1"]}], ["tap_entity_ambiguous"]),
    (AUDIT, ABSENT, ["tap_no_audit"]),
    (f"{AUDIT}.callEventDetailsCount", ABSENT, ["tap_no_total"]),
    (f"{AUDIT}.callEventDetailsCount", ["4"], ["tap_count_differs"]),
    (f"{AUDIT}.callEventDetailsCount", ["three"], ["tap_count_differs"]),
    (f"{AUDIT}.totalCharge", ABSENT, ["tap_no_total"]),
    (f"{AUDIT}.totalCharge", ["4501"], ["tap_charge_differs"]),
    (f"{AUDIT}.totalChargeRefund", ABSENT, ["tap_refund_differs"]),
    (f"{AUDIT}.totalChargeRefund", ["99"], ["tap_refund_differs"]),
    (f"{AUDIT}.totalTaxValue", ["91"], ["tap_tax_differs"]),
    (f"{AUDIT}.totalTaxRefund", ["3"], ["tap_tax_refund_differs"]),
    (f"{AUDIT}.totalDiscountValue", ["-7"], ["tap_discount_differs"]),
    (f"{AUDIT}.totalDiscountRefund", ["0"], ["tap_discount_refund_differs"]),
    (f"{AUDIT}.earliestCallTimeStamp", at("20260301120001"), ["tap_earliest_differs"]),
    (f"{AUDIT}.latestCallTimeStamp", at("20260301120000", "+0000"), ["tap_latest_differs"]),
    (f"{AUDIT}.latestCallTimeStamp", ABSENT, []),
]


def changed(path: str, occurrences: list[Any]) -> Tree:
    """The good file with what stands at ``path`` replaced."""
    batch: Any = copy.deepcopy(BATCH)
    above, _, name = path.rpartition(".")
    inside = next(below(batch, above))
    inside[name] = occurrences  # type: ignore[index] # a dict, as made here
    return batch  # type: ignore[no-any-return]


@pytest.mark.parametrize(("path", "occurrences", "expected"), CASES)
def test_a_broken_rule_is_named(path: str, occurrences: list[Any], expected: list[str]) -> None:
    assert [f.finding for f in file_findings(changed(path, occurrences), TOTALS, 42)] == expected


def test_a_good_file_has_no_finding() -> None:
    assert file_findings(BATCH, TOTALS, 42) == []
    assert file_findings(BATCH, TOTALS) == []


def test_a_file_without_events_is_fatal() -> None:
    empty = {**BATCH, "accountingInfo": [], "auditControlInfo": []}
    assert [f.finding for f in file_findings(empty, Totals())] == ["tap_no_events", "tap_no_audit"]


def test_an_empty_file_lacks_each_part_once() -> None:
    lacking = ["tap_no_batch_control", "tap_no_network_info", "tap_no_events", "tap_no_audit"]
    assert [f.finding for f in file_findings({}, Totals())] == lacking


def test_every_file_check_can_be_found() -> None:
    found = {code for _, _, codes in CASES for code in codes} | {"tap_no_events"}
    assert found == {check.code for check in FILE_CHECKS}


def test_findings_say_what_was_expected_and_found() -> None:
    assert file_findings(changed(f"{AUDIT}.totalCharge", ["4501"]), TOTALS) == [
        Found("tap_charge_differs", "totalCharge 4501", "totalCharge 4500")
    ]


def test_a_layout_may_soften_a_severity() -> None:
    found = file_findings(changed(AUDIT, ABSENT), TOTALS)
    assert fatal(found, {}) == found
    assert fatal(found, {"tap_no_audit": Severity.WARNING}) == []


def test_codes_are_unique_and_severities_fit() -> None:
    assert len(BY_CODE) == len(FILE_CHECKS) + len(RECORD_CHECKS)
    assert {c.severity for c in FILE_CHECKS} == {Severity.FATAL, Severity.WARNING}
    assert {c.severity for c in RECORD_CHECKS} == {Severity.SEVERE}


def test_a_header_gives_what_events_refer_to() -> None:
    header = read_header(BATCH)
    assert (header.sender, header.recipient, header.currency, header.local_currency) == ("GBRAA", "FRABB", "XDR", "GBP")
    assert (header.decimals, header.offsets, header.rates) == (3, {"0": "+0100"}, {"0": Rate(116203, 5)})
    assert (header.entities, header.taxes, header.discounts) == ({"1": "447700900000"}, {"0"}, {"4"})
    assert header.available_us == moment_us("20260302090000", "+0000")


def test_an_empty_header_is_empty() -> None:
    header = read_header({})
    assert (header.sender, header.available_us, header.decimals, header.currency) == ("", None, 0, "XDR")


@pytest.mark.parametrize(
    ("stamp", "offset", "expected"),
    [
        ("19700101000000", "+0000", 0),
        ("19700101010000", "+0100", 0),
        ("19691231190000", "-0500", 0),
        ("19700101000001", "-0530", 19_801_000_000),
        ("20260230000000", "+0000", None),
        ("2026022800000", "+0000", None),
        ("20260228000000", "", None),
        ("20260228000000", "+01:0", None),
        ("\uff120260228000000", "+0100", None),
    ],
)
def test_times_of_the_file_become_instants(stamp: str, offset: str, expected: int | None) -> None:
    assert moment_us(stamp, offset) == expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("0", 0),
        ("-7", -7),
        ("", None),
        ("-", None),
        ("1.5", None),
        ("\u0663", None),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
    ],
)
def test_whole_numbers_are_ascii_and_small(digits: str, expected: int | None) -> None:
    assert whole(digits) == expected


def test_totals_add_up() -> None:
    one, other = Totals(events=1, charge=5, latest_us=3), Totals(events=2, charge=6, earliest_us=1, latest_us=2)
    assert one + other == Totals(events=3, charge=11, earliest_us=1, latest_us=3)
    assert Totals() + one == one


FINDINGS = [
    (gsma.ASN1C, 5, ["tap_entity_incomplete"] * 3 + ["tap_no_total"] * 4),
    (gsma.VALID, 4, ["tap_charge_differs"]),
    (gsma.TIMES, 5, ["tap_count_differs", "tap_charge_differs"]),
]


@pytest.mark.parametrize(("name", "events", "expected"), FINDINGS)
def test_real_files_have_these_findings(name: str, events: int, expected: list[str]) -> None:
    batch = next(below(gsma.tree(name), "transferBatch"))
    assert [f.finding for f in file_findings(batch, Totals(events=events))] == expected


def test_a_notification_is_checked_as_batch_control() -> None:
    notification = next(below(gsma.tree(gsma.NOTIFICATION), "notification"))
    assert control_findings(notification) == [Found("tap_unknown_version", "3.10 to 3.12", "3.9")]


NAMES = sorted(set(gsma.names(BATCH)) | {"localTimeStamp"})
TEXTS = st.one_of(st.sampled_from(["", "0", "-1", "9" * 30, "+0100", "20260301120000"]), st.text(max_size=6))
TREES = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), st.lists(TEXTS, max_size=2), max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), st.lists(st.one_of(TEXTS, inner), max_size=2), max_size=5),
    max_leaves=12,
)


@given(TREES, st.dictionaries(st.sampled_from(sorted(BATCH)), st.lists(TREES, max_size=2)))
def test_nothing_that_a_file_holds_is_an_exception(tree: Tree, batch: Tree) -> None:
    for file in (tree, batch, {**BATCH, **batch}):
        header, findings = read_header(file), file_findings(file, Totals(events=1, charge=1), 1)
        assert all(f.finding in BY_CODE for f in findings)
        assert header.decimals >= 0 or findings
