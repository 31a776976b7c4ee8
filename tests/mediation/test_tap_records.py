"""TAP and NRTRDE events: what each becomes as usage, which rule a bad one breaks, what they sum to."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from mediation.ber.controls import control_findings
from mediation.ber.encode import Encoder
from mediation.ber.format import read_format
from mediation.controls import Found
from mediation.tap import file_findings
from mediation.tap_checks import COLUMNS, RECORD_CHECKS
from mediation.tap_header import Totals, below, read_header
from mediation.tap_records import check_of, severe_faults, totals_of
from tests.mediation import gsma

TAP = Encoder(read_format("gsma_tap"))
IMSI, MSISDN, BOB = "208930000000001", "33612345678", "447700900123"
START = [{"localTimeStamp": ["20260301120000"], "utcTimeOffsetCode": ["2"]}]
NOON = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
CHARGEABLE = [{"simChargeableSubscriber": [{"imsi": [IMSI], "msisdn": [MSISDN]}]}]
PLACE = [
    {"networkLocation": [{"recEntityCode": ["1"], "callReference": ["0a0b"], "locationArea": ["7"], "cellId": ["9"]}]}
]


def charges(*details: tuple[str, str], tax: str = "", discount: str = "") -> dict[str, Any]:
    """Charge information: (type, amount) by detail."""
    information: dict[str, Any] = {
        "chargedItem": ["D"],
        "exchangeRateCode": ["0"],
        "chargeDetailList": [
            {"chargeDetail": [{"chargeType": [kind], "charge": [amount]} for kind, amount in details]}
        ],
    }
    if tax:
        information["taxInformationList"] = [{"taxInformation": [{"taxCode": ["0"], "taxValue": [tax]}]}]
    if discount:
        information["discountInformation"] = [{"discountCode": ["4"], "discount": [discount]}]
    return information


def used(service: str, *information: dict[str, Any]) -> list[Any]:
    """Basic services used: one of a teleservice code."""
    code = {"basicService": [{"basicServiceCode": [{"teleServiceCode": [service]}]}]}
    return [{"basicServiceUsed": [{**code, "chargeInformationList": [{"chargeInformation": list(information)}]}]}]


def originated(service: str = "11", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - a tree of any depth
    """A call or message from a subscriber."""
    basic: dict[str, Any] = {
        "chargeableSubscriber": CHARGEABLE,
        "destination": [{"calledNumber": [BOB], "dialledDigits": ["07700900123"]}],
        "callEventStartTimeStamp": START,
        "totalCallEventDuration": ["61"],
        "causeForTerm": ["0"],
    }
    return {
        "moBasicCallInformation": [{**basic, **more}],
        "locationInformation": PLACE,
        "basicServiceUsedList": used(service, charges(("00", "2300"), ("01", "2300"), tax="46", discount="5")),
    }


TERMINATED = {
    "mtBasicCallInformation": [
        {
            "chargeableSubscriber": CHARGEABLE,
            "callOriginator": [{"callingNumber": [BOB]}],
            "callEventStartTimeStamp": START,
            "totalCallEventDuration": ["5"],
        }
    ],
    "locationInformation": PLACE,
    "basicServiceUsedList": used("11", charges(("00", "10")), charges(("00", "1"))),
    "camelServiceUsed": [{"camelInvocationFee": ["3"]}],
}
SESSION = {
    "gprsBasicCallInformation": [
        {
            "gprsChargeableSubscriber": [{"chargeableSubscriber": CHARGEABLE, "pdpAddress": ["10.0.0.1"]}],
            "gprsDestination": [{"accessPointNameNI": ["internet"]}],
            "callEventStartTimeStamp": START,
            "totalCallEventDuration": ["3600"],
            "partialTypeIndicator": ["F"],
            "chargingId": ["77"],
        }
    ],
    "gprsLocationInformation": [{"gprsNetworkLocation": [{"recEntityCodeList": [{"recEntityCode": ["3", "4"]}]}]}],
    "gprsServiceUsed": [
        {
            "dataVolumeIncoming": ["5000000000"],
            "dataVolumeOutgoing": ["7"],
            "chargeInformationList": [{"chargeInformation": [charges(("00", "100"))]}],
        }
    ],
}
CONTENT = {
    "contentTransactionBasicInfo": [{"orderPlacedTimeStamp": START, "totalTransactionDuration": ["9"]}],
    "chargedPartyInformation": [
        {
            "chargedPartyIdList": [
                {"chargedPartyIdentification": [{"chargedPartyIdType": ["1"], "chargedPartyIdentifier": [IMSI]}]}
            ]
        }
    ],
    "contentServiceUsedList": [
        {
            "contentServiceUsed": [
                {
                    "transactionIdentifier": ["T1"],
                    "chargeInformationList": [{"chargeInformation": [charges(("00", "50"), tax="4")]}],
                },
                {
                    "chargeRefundIndicator": ["1"],
                    "chargeInformationList": [{"chargeInformation": [charges(("00", "20"), tax="1", discount="2")]}],
                },
            ]
        }
    ],
}
PARTY = [{"imsi": [IMSI], "msisdn": [MSISDN]}]
SUPPLEMENTARY = {
    "chargeableSubscriber": CHARGEABLE,
    "locationInformation": PLACE,
    "supplServiceUsed": [{"supplServiceCode": ["21"], "chargingTimeStamp": START}],
}
MESSAGE = {
    "chargedParty": PARTY,
    "eventReference": ["E1"],
    "serviceStartTimestamp": START,
    "nonChargedParty": [{"nonChargedPartyNumber": [BOB]}],
    "exchangeRateCode": ["0"],
    "charge": ["30"],
}
IMS_SESSION = {
    "chargedParty": PARTY,
    "serviceStartTimestamp": START,
    "totalCallEventDuration": ["12"],
    "requestedDestination": [{"requestedNumber": [BOB]}],
    "sessionChargeInfoList": [{"sessionChargeInformation": [charges(("00", "8"), tax="1")]}],
}
CENTRE = {
    "scuBasicInformation": [
        {
            "scuChargeableSubscriber": [{"gsmChargeableSubscriber": [{"imsi": [IMSI], "msisdn": [MSISDN]}]}],
            "nonChargedNumber": [BOB],
        }
    ],
    "recEntityCode": ["1"],
    "chargeInformation": [charges(("00", "6"))],
    "scuTimeStamps": [{"depositTimeStamp": START}],
}
TRACKING = {
    "trackingCustomerInformation": [
        {
            "trackingCustomerIdList": [
                {"trackingCustomerIdentification": [{"customerIdType": ["1"], "customerIdentifier": [IMSI]}]}
            ]
        }
    ],
    "locationServiceUsage": [
        {"chargingTimeStamp": START, "chargeInformationList": [{"chargeInformation": [charges(("00", "2"))]}]}
    ],
}
ENTITIES = [
    {"recEntityCode": ["1"], "recEntityType": ["1"], "recEntityId": ["447700900000"]},
    {"recEntityCode": ["3"], "recEntityType": ["3"], "recEntityId": ["192.0.2.3"]},
    {"recEntityCode": ["4"], "recEntityType": ["4"], "recEntityId": ["192.0.2.4"]},
]
HEADER: dict[str, Any] = {
    "batchControlInfo": [
        {
            "sender": ["GBRAA"],
            "recipient": ["FRABB"],
            "fileSequenceNumber": ["00042"],
            "transferCutOffTimeStamp": [{"localTimeStamp": ["20260302080000"], "utcTimeOffset": ["+0000"]}],
            "fileAvailableTimeStamp": [{"localTimeStamp": ["20260302100000"], "utcTimeOffset": ["+0000"]}],
            "specificationVersionNumber": ["3"],
            "releaseVersionNumber": ["12"],
        }
    ],
    "accountingInfo": [
        {
            "taxationList": [{"taxation": [{"taxCode": ["0"], "taxType": ["13"], "taxRate": ["0200000"]}]}],
            "discountingList": [
                {"discounting": [{"discountCode": ["4"], "discountApplied": [{"fixedDiscountValue": ["5"]}]}]}
            ],
            "localCurrency": ["GBP"],
            "currencyConversionList": [
                {
                    "currencyConversion": [
                        {"exchangeRateCode": ["0"], "numberOfDecimalPlaces": ["5"], "exchangeRate": ["116203"]}
                    ]
                }
            ],
            "tapDecimalPlaces": ["3"],
        }
    ],
    "networkInfo": [
        {
            "utcTimeOffsetInfoList": [
                {"utcTimeOffsetInfo": [{"utcTimeOffsetCode": ["2"], "utcTimeOffset": ["-0500"]}]}
            ],
            "recEntityInfoList": [{"recEntityInformation": ENTITIES}],
        }
    ],
}


def file_of(events: dict[str, list[Any]], audit: dict[str, Any] | None = None) -> bytes:
    """A TAP file of ``events``."""
    batch = {**HEADER, "callEventDetailList": [events], "auditControlInfo": [audit or {}]}
    return TAP.bytes_of({"transferBatch": [batch]})


USAGE = [
    (
        ("mobileOriginatedCall", originated()),
        {
            "record_type": "mobileOriginatedCall",
            "service": "voice",
            "direction": "originated",
            "a_number": f"+{MSISDN}",
            "b_number": f"+{BOB}",
            "imsi": IMSI,
            "network": "GBRAA",
            "network_element": "447700900000",
            "call_reference": "0a0b",
            "cell": "7 9",
            "start_utc": NOON,
            "utc_offset_min": -300,
            "duration_s": 61,
            "usage": 61,
            "cause": "0",
        },
    ),
    (("mobileOriginatedCall", originated("22")), {"service": "sms", "usage": 1, "unit": "event"}),
    (("mobileOriginatedCall", originated("12", destination=[{"calledNumber": ["112"]}])), {"b_number": "112"}),
    (
        ("mobileOriginatedCall", originated("22", destination=[{"sMSDestinationNumber": ["8080"]}])),
        {"b_number": "8080"},
    ),
    (
        ("mobileTerminatedCall", TERMINATED),
        {"direction": "terminated", "a_number": f"+{BOB}", "b_number": f"+{MSISDN}", "duration_s": 5},
    ),
    (
        ("gprsCall", SESSION),
        {
            "record_type": "gprsCall F",
            "service": "data",
            "a_number": f"+{MSISDN}",
            "b_number": "internet",
            "volume_up_bytes": 7,
            "volume_down_bytes": 5_000_000_000,
            "usage": 5_000_000_007,
            "network_element": "192.0.2.3",
            "call_reference": "77",
        },
    ),
    (("contentTransaction", CONTENT), {"service": "content", "imsi": IMSI, "call_reference": "T1", "duration_s": 9}),
    (("supplServiceEvent", SUPPLEMENTARY), {"service": "content", "a_number": f"+{MSISDN}", "start_utc": NOON}),
    (("messagingEvent", MESSAGE), {"service": "sms", "b_number": f"+{BOB}", "call_reference": "E1"}),
    (("mobileSession", IMS_SESSION), {"service": "voice", "b_number": f"+{BOB}", "usage": 12}),
    (("serviceCentreUsage", CENTRE), {"service": "sms", "a_number": f"+{MSISDN}", "b_number": f"+{BOB}", "imsi": IMSI}),
    (("locationService", TRACKING), {"service": "content", "imsi": IMSI, "start_utc": NOON}),
]


@pytest.mark.parametrize(("event", "expected"), USAGE)
def test_an_event_becomes_usage(event: tuple[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    usage, rejected = gsma.mediated("gsma_tap", file_of({event[0]: [event[1]]})).usage()
    assert [r["reason"] for r in rejected] == []
    assert {name: usage[0][name] for name in expected} == expected


def test_partials_of_one_session_are_events_of_their_own() -> None:
    second = copy.deepcopy(SESSION)
    second["gprsBasicCallInformation"][0]["partialTypeIndicator"] = ["L"]
    usage, _ = gsma.mediated("gsma_tap", file_of({"gprsCall": [SESSION, second]})).usage()
    assert len({r["event_id"] for r in usage}) == 2


def test_nrtrde_events_become_usage() -> None:
    usage, rejected = gsma.mediated("gsma_nrtrde", gsma.content(gsma.NRTRDE)).usage()
    shown = [(r["record_type"], r["service"], r["a_number"], r["b_number"], r["usage"]) for r in usage]
    out, message = ("moc", "voice", "", "+495211065844", 43), ("mtc", "sms", "+1232323", "", 1)
    session = ("gprs", "data", "", "thenet", 127_272_726)
    assert shown == [out, message, session, out, message, session, session]
    assert (rejected, {r["network"] for r in usage}) == ([], {"FOO01"})


def test_a_negative_volume_is_no_usage() -> None:
    usage, rejected = gsma.mediated("gsma_tap", gsma.content(gsma.NEGATIVE)).usage()
    assert (usage, [(r["reason"], r["value"]) for r in rejected]) == ([], [("bad_integer", "-2")])


BASIC = "moBasicCallInformation"
LONG_AGO, TOMORROW = "20260101120000", "20260303120000"


def at(stamp: str, code: str = "2") -> list[Any]:
    """A time with the code of its UTC offset."""
    return [{"localTimeStamp": [stamp], "utcTimeOffsetCode": [code]}]


SEVERE = [
    (originated(), ""),
    (originated(chargeableSubscriber=[{}]), "tap_no_subscriber"),
    (originated(chargeableSubscriber=[{"simChargeableSubscriber": [{"imsi": ["20893a"]}]}]), "tap_bad_subscriber"),
    (originated(chargeableSubscriber=[{"simChargeableSubscriber": [{"imsi": ["2" * 16]}]}]), "tap_bad_subscriber"),
    (originated(chargeableSubscriber=[{"minChargeableSubscriber": [{"min": ["2025550123"]}]}]), ""),
    (originated(callEventStartTimeStamp=[{}]), "tap_bad_start"),
    (originated(callEventStartTimeStamp=at("20260229120000")), "tap_bad_start"),
    (originated(callEventStartTimeStamp=[{"localTimeStamp": ["20260301120000"]}]), "tap_no_offset"),
    (originated(callEventStartTimeStamp=at("20260301120000", "3")), "tap_no_offset"),
    (originated(callEventStartTimeStamp=at(TOMORROW)), "tap_future"),
    (originated(callEventStartTimeStamp=at(LONG_AGO)), "tap_too_old"),
    (originated(totalCallEventDuration=["-1"]), "tap_bad_duration"),
    ({**originated(), "locationInformation": [{"networkLocation": [{"recEntityCode": ["2"]}]}]}, "tap_unknown_entity"),
    ({**originated(), "basicServiceUsedList": []}, "tap_no_charge"),
    ({**originated(), "basicServiceUsedList": used("11", charges(("01", "5")))}, "tap_no_charge"),
    ({**originated(), "basicServiceUsedList": used("11", charges(("00", "-5")))}, "tap_bad_charge"),
    (
        {**originated(), "basicServiceUsedList": used("11", {**charges(("00", "5")), "exchangeRateCode": ["1"]})},
        "tap_unknown_rate",
    ),
    (
        {
            **originated(),
            "basicServiceUsedList": used(
                "11",
                charges(("00", "5"), tax="1"),
                {
                    **charges(("00", "5")),
                    "taxInformationList": [{"taxInformation": [{"taxCode": ["9"], "taxValue": ["1"]}]}],
                },
            ),
        },
        "tap_unknown_tax",
    ),
    (
        {
            **originated(),
            "basicServiceUsedList": used(
                "11", {**charges(("00", "5")), "discountInformation": [{"discountCode": ["8"], "discount": ["1"]}]}
            ),
        },
        "tap_unknown_discount",
    ),
]


def faults(events: dict[str, list[Any]], **options: int) -> list[str]:
    """The rule that each event breaks."""
    file = gsma.mediated("gsma_tap", file_of(events))
    header = read_header(next(below(file.file, "transferBatch")))
    found = severe_faults(file.fields(COLUMNS), header, **options)
    return [check_of(fault).code if fault else "" for fault in found.tolist()]


@pytest.mark.parametrize(("call", "expected"), SEVERE)
def test_a_severe_event_names_its_rule(call: dict[str, Any], expected: str) -> None:
    assert faults({"mobileOriginatedCall": [originated(), call, originated()]}) == ["", expected, ""]


def test_a_volume_below_zero_is_severe() -> None:
    session = copy.deepcopy(SESSION)
    session["gprsServiceUsed"][0]["dataVolumeOutgoing"] = ["-7"]
    assert faults({"gprsCall": [SESSION, session]}) == ["", "tap_bad_volume"]


def test_what_need_not_be_there_is_not_missed() -> None:
    anyone = {**CONTENT, "chargedPartyInformation": []}
    assert faults({"supplServiceEvent": [SUPPLEMENTARY], "contentTransaction": [anyone]}) == ["", ""]


def test_partners_agree_on_the_age_of_events() -> None:
    old = originated(callEventStartTimeStamp=at(LONG_AGO))
    assert faults({"mobileOriginatedCall": [old]}, max_age_days=90) == [""]


def test_every_record_check_can_be_found() -> None:
    assert {code for _, code in SEVERE if code} | {"tap_bad_volume"} == {check.code for check in RECORD_CHECKS}


ALL = {
    "mobileOriginatedCall": [originated(), originated("22")],
    "mobileTerminatedCall": [TERMINATED],
    "gprsCall": [SESSION],
    "contentTransaction": [CONTENT],
    "supplServiceEvent": [SUPPLEMENTARY],
    "messagingEvent": [MESSAGE],
    "mobileSession": [IMS_SESSION],
    "serviceCentreUsage": [CENTRE],
    "locationService": [TRACKING],
}
NOON_US = int(NOON.timestamp()) * 1_000_000
SUMS = Totals(
    events=10,
    charge=2300 + 2300 + 11 + 3 + 100 + 50 + 30 + 8 + 6 + 2,
    refund=20,
    tax=46 + 46 + 4 + 1,
    tax_refund=1,
    discount=5 + 5,
    discount_refund=2,
    earliest_us=NOON_US,
    latest_us=NOON_US,
)
AUDIT: dict[str, Any] = {
    "totalCharge": ["4810"],
    "totalChargeRefund": ["20"],
    "totalTaxRefund": ["1"],
    "totalTaxValue": ["97"],
    "totalDiscountValue": ["10"],
    "totalDiscountRefund": ["2"],
    "callEventDetailsCount": ["10"],
}


def test_events_sum_to_what_the_audit_says() -> None:
    file = gsma.mediated("gsma_tap", file_of(ALL, AUDIT))
    totals = totals_of(file.fields(COLUMNS))
    assert totals == SUMS
    assert file_findings(next(below(file.file, "transferBatch")), totals) == []


def test_a_trailer_that_is_no_ber_says_nothing() -> None:
    content = file_of(ALL, AUDIT)
    file = gsma.mediated("gsma_tap", content[:-3])
    assert not any(below(file.file, "transferBatch.auditControlInfo"))


@pytest.mark.parametrize("name", [gsma.VALID, gsma.INDEFINITE])
def test_lengths_do_not_matter(name: str) -> None:
    file = gsma.mediated("gsma_tap", gsma.content(name))
    totals = totals_of(file.fields(COLUMNS))
    found = [f.finding for f in file_findings(next(below(file.file, "transferBatch")), totals)]
    assert (totals.events, totals.charge) == (4, 71_200)
    assert found == ["tap_charge_differs", "tap_earliest_differs", "tap_latest_differs"]


def test_an_nrtrde_file_counts_its_events() -> None:
    file = gsma.mediated("gsma_nrtrde", gsma.content(gsma.NRTRDE))
    source = file.layout.framing.ber
    assert source is not None
    counted = [control_findings(source, file.trailer, events) for events in (len(file.records), 10)]
    assert counted == [[Found("trailer_mismatch", "records 10", "records 7")], []]
