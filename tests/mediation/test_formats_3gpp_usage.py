"""3GPP records become usage: written by another encoder, and real files read by another decoder."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediation.ber.format import read_format
from mediation.ber.tree import Tree, tree_of
from mediation.layout_file import read_layout
from mediation.pickup import blocks, bound, pick_up
from mediation.records import Chunk
from rating.pipeline import mediate

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "3gpp"
MODULES = {
    "3gpp_cs": ("CSChargingDataTypes", "CSRecord"),
    "3gpp_ps": ("GPRSChargingDataTypes", "GPRSRecord"),
    "3gpp_ims": ("IMSChargingDataTypes", "IMSRecord"),
    "3gpp_sms": ("SMSChargingDataTypes", "SMSRecordType"),
}
Row = dict[str, Any]


def encoder(layout: str) -> Any:  # noqa: ANN401 - pycrate is untyped
    """The compiled records of a layout's format."""
    cdr = pytest.importorskip("pycrate_asn1dir.CDR", reason="pycrate is a development dependency")
    module, root = MODULES[layout]
    return getattr(getattr(cdr, module), root)


def became(layout_name: str, path: Path) -> list[Row]:
    """What each record of a file became: a usage row, or the reason why it is none."""
    layout = read_layout(layout_name)
    file = pick_up(str(path), layout)
    layout = bound(file, layout)
    (block,) = blocks(file, layout.framing, 0)
    mediated = mediate(Chunk(file.source, 0, 1, block.bytes, block.last), layout)
    found = {row["record_no"]: row for row in mediated.usage.to_pylist()}
    for rejected in mediated.rejected:
        rows = [row for row in rejected.to_pylist() if row["disposition"] != "control"]
        found |= {row["record_no"]: {"reason": row["reason"]} for row in rows}
    return [found[number] for number in sorted(found)]


def written(folder: Path, records: list[bytes]) -> Path:
    """A TS 32.297 file of ``records``: a header of 52 octets, and one of 4 before each."""
    body = b"".join(len(record).to_bytes(2) + b"\x60\x20" + record for record in records)
    header = bytearray(52)
    for at, number in ((0, 52 + len(body)), (4, 52), (18, len(records)), (22, 7)):
        header[at : at + 4] = number.to_bytes(4)
    path = folder / "records.dat"
    path.write_bytes(header + body)
    return path


def tbcd(digits: str) -> bytes:
    """Digits, the low half of each octet first."""
    even = digits + "f" * (len(digits) % 2)
    return bytes.fromhex("".join(even[i + 1] + even[i] for i in range(0, len(even), 2)))


def number(text: str) -> bytes:
    """An address: international with ``+``, else of unknown nature."""
    return (b"\x91" if text[0] == "+" else b"\x81") + tbcd(text.lstrip("+"))


def time(text: str) -> bytes:
    """``260301123456`` two hours ahead of UTC."""
    return bytes.fromhex(text) + b"+\x02\x00"


ALICE, BOB, CAROL = "+447700900001", "+447700900002", "+447700900003"
MSC, SMSC = number("+447700900100"), number("+447700900200")
IMSI = "234150000000001"
NOON = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CALL = {
    "recordingEntity": MSC,
    "seizureTime": time("260301115950"),
    "answerTime": time("260301120000"),
    "callDuration": 61,
    "causeForTerm": 0,
    "callReference": b"\x01\x02",
}
MO = CALL | {"recordType": 0, "servedIMSI": tbcd(IMSI), "servedMSISDN": number(ALICE), "calledNumber": number(BOB)}
ATTEMPT = {name: value for name, value in MO.items() if name != "answerTime"} | {"causeForTerm": 3}
MT = CALL | {"recordType": 1, "servedIMSI": tbcd(IMSI), "servedMSISDN": number(BOB), "callingNumber": number(ALICE)}
GATEWAY = CALL | {
    "callingNumber": number(ALICE),
    "calledNumber": number(BOB),
    "mscIncomingTKGP": ("tkgpName", "TI-1"),
    "mscOutgoingTKGP": ("tkgpNumber", 9),
}
TRANSIT = {k: v for k, v in GATEWAY.items() if not k.endswith("Time")} | {"answerTimestamp": time("260301120000")}
OWN = {"recordingEntity": MSC, "servedIMSI": tbcd(IMSI), "servedMSISDN": number(ALICE)}
SESSION = {
    "p-GWAddress": ("iPTextRepresentedAddress", ("iPTextV4Address", "192.0.2.1")),
    "chargingID": 4711,
    "servingNodeAddress": [],
    "servingNodeType": ["gTPSGW"],
    "chargingCharacteristics": b"\x08\x00",
    "servedIMSI": tbcd(IMSI),
    "servedMSISDN": number(ALICE),
    "accessPointNameNI": "internet",
    "recordOpeningTime": time("260301120000"),
    "duration": 900,
    "causeForRecClosing": 17,
    "recordSequenceNumber": 3,
    "servingNodePLMNIdentifier": b"\x32\xf4\x51",
}


def by_service(up: int, down: int) -> Row:
    """The volume of one service."""
    return {
        "ratingGroup": 1,
        "serviceConditionChange": (0, 8),
        "timeOfReport": time("260301120000"),
        "datavolumeFBCUplink": up,
        "datavolumeFBCDownlink": down,
    }


def by_condition(up: int, down: int) -> Row:
    """The volume up to a change of condition."""
    return {
        "dataVolumeGPRSUplink": up,
        "dataVolumeGPRSDownlink": down,
        "changeCondition": "recordClosure",
        "changeTime": time("260301120000"),
    }


V4 = ("iPBinaryAddress", ("iPBinV4Address", bytes([192, 0, 2, 1])))
V6 = ("iPBinaryAddress", ("iPBinV6Address", ("iPBinV6Address", bytes.fromhex("20010db8" + "00" * 11 + "01"))))
BOTH = {"listOfServiceData": [by_service(5, 6)], "listOfTrafficVolumes": [by_condition(7, 8)]}
SGSN_SMS = {
    "servedIMSI": tbcd(IMSI),
    "servedMSISDN": number(ALICE),
    "eventTimeStamp": time("260301120000"),
    "chargingCharacteristics": b"\x08\x00",
    "servingNodeType": "sGSN",
}
SC = {"sMSNodeAddress": SMSC, "eventtimestamp": time("260301120000"), "messageReference": b"\x05"}
FROM, TO = {"originatorMSISDN": number(ALICE)}, {"recipientMSISDN": number(BOB)}

REQUEST = {
    "recordType": 63,
    "nodeAddress": ("domainName", "scscf1.example"),
    "role-of-Node": "originating",
    "list-Of-Calling-Party-Address": [("sIP-URI", "sip:alice@ims.example"), ("tEL-URI", f"tel:{ALICE}")],
    "called-Party-Address": ("tEL-URI", f"tel:{BOB}"),
    "serviceRequestTimeStamp": time("260301115950"),
    "causeForRecordClosing": "serviceDeliveryEndSuccessfully",
    "iMS-Charging-Identifier": b"icid-1",
    "list-of-subscription-ID": [{"subscriptionIDType": "eND-USER-IMSI", "subscriptionIDData": IMSI}],
}
DELIVERY = {
    "serviceDeliveryStartTimeStamp": time("260301120000"),
    "serviceDeliveryEndTimeStamp": time("260301120101"),
}

CASES = [
    (
        "3gpp_cs",
        "moCallRecord",
        MO,
        {"service": "voice", "direction": "originated", "a_number": ALICE, "b_number": BOB},
    ),
    ("3gpp_cs", "moCallRecord", MO, {"start_utc": NOON, "utc_offset_min": 120, "duration_s": 61, "unit": "s"}),
    ("3gpp_cs", "moCallRecord", MO, {"imsi": IMSI, "network_element": "+447700900100", "call_reference": "0102"}),
    ("3gpp_cs", "moCallRecord", MO | {"calledNumber": number("01632960001")}, {"b_number": "+441632960001"}),
    ("3gpp_cs", "moCallRecord", MO | {"calledNumber": number("112")}, {"b_number": "112"}),
    ("3gpp_cs", "moCallRecord", MO | {"sequenceNumber": 2}, {"partial_no": 2}),
    ("3gpp_cs", "moCallRecord", MO | {"callDuration": 0}, {"usage": 0, "duration_s": 0}),
    ("3gpp_cs", "moCallRecord", ATTEMPT, {"duration_s": 0, "start_utc": NOON - timedelta(seconds=10), "cause": "3"}),
    ("3gpp_cs", "moCallRecord", MO | {"mscOutgoingTKGP": ("tkgpName", "TO-1")}, {"trunk_out": "TO-1", "trunk_in": ""}),
    ("3gpp_cs", "moCallRecord", MO | {"supplServicesUsed": [{"ssCode": b"\x21"}]}, {"direction": "forwarded"}),
    ("3gpp_cs", "moCallRecord", MO | {"supplServicesUsed": [{"ssCode": b"\x11"}]}, {"direction": "originated"}),
    (
        "3gpp_cs",
        "moCallRecord",
        MO | {"location": {"locationAreaCode": b"\x0a\x0b", "cellId": b"\x0c\x0d", "mCC-MNC": b"\x32\xf4\x51"}},
        {"network": "234-15", "cell": "0a0b 0c0d"},
    ),
    ("3gpp_cs", "mtCallRecord", MT, {"direction": "terminated", "a_number": ALICE, "b_number": BOB, "duration_s": 61}),
    (
        "3gpp_cs",
        "incGatewayRecord",
        GATEWAY | {"recordType": 3},
        {"direction": "transit", "a_number": ALICE, "b_number": BOB, "trunk_in": "TI-1", "trunk_out": ""},
    ),
    (
        "3gpp_cs",
        "transitRecord",
        TRANSIT | {"recordType": 5},
        {"direction": "transit", "trunk_in": "TI-1", "trunk_out": "9", "start_utc": NOON},
    ),
    ("3gpp_cs", "outGatewayRecord", GATEWAY | {"recordType": 4}, {"reason": "not_billable"}),
    (
        "3gpp_cs",
        "moSMSRecord",
        OWN
        | {
            "recordType": 6,
            "msClassmark": b"\x33",
            "serviceCentre": SMSC,
            "messageReference": b"\x07",
            "originationTime": time("260301120000"),
            "destinationNumber": number(BOB),
        },
        {
            "service": "sms",
            "direction": "originated",
            "a_number": ALICE,
            "b_number": BOB,
            "start_utc": NOON,
            "usage": 1,
        },
    ),
    (
        "3gpp_cs",
        "mtSMSRecord",
        OWN | {"recordType": 7, "msClassmark": b"\x33", "serviceCentre": SMSC, "deliveryTime": time("260301120000")},
        {"service": "sms", "direction": "terminated", "a_number": "+447700900200", "b_number": ALICE},
    ),
    (
        "3gpp_ps",
        "pGWRecord",
        SESSION | {"recordType": 85, "listOfServiceData": [by_service(100, 2_000), by_service(30, 400)]},
        {"service": "data", "volume_up_bytes": 130, "volume_down_bytes": 2_400, "usage": 2_530, "unit": "byte"},
    ),
    (
        "3gpp_ps",
        "pGWRecord",
        SESSION | {"recordType": 85, "listOfTrafficVolumes": [by_condition(1, 2), by_condition(1 << 40, 4)]},
        {"volume_up_bytes": (1 << 40) + 1, "volume_down_bytes": 6},
    ),
    ("3gpp_ps", "pGWRecord", SESSION | {"recordType": 85} | BOTH, {"volume_up_bytes": 5, "volume_down_bytes": 6}),
    (
        "3gpp_ps",
        "pGWRecord",
        SESSION | {"recordType": 85},
        {"a_number": ALICE, "b_number": "internet", "call_reference": "4711", "partial_no": 3, "network": "234-15"},
    ),
    ("3gpp_ps", "pGWRecord", SESSION | {"recordType": 85}, {"network_element": "192.0.2.1", "start_utc": NOON}),
    (
        "3gpp_ps",
        "pGWRecord",
        SESSION | {"recordType": 85, "nodeID": "PGW1"},
        {"network_element": "PGW1", "cause": "17"},
    ),
    ("3gpp_ps", "pGWRecord", SESSION | {"recordType": 85, "p-GWAddress": V4}, {"network_element": "192.0.2.1"}),
    (
        "3gpp_ps",
        "pGWRecord",
        SESSION | {"recordType": 85, "p-GWAddress": V6},
        {"network_element": "2001:db8::1"},
    ),
    (
        "3gpp_ps",
        "sgsnSMORecord",
        SGSN_SMS | {"recordType": 21, "messageReference": b"\x01", "destinationNumber": number(BOB)},
        {"service": "sms", "direction": "originated", "a_number": ALICE, "b_number": BOB},
    ),
    (
        "3gpp_ps",
        "sgsnSMTRecord",
        SGSN_SMS | {"recordType": 22, "originatingAddress": number(CAROL)},
        {"service": "sms", "direction": "terminated", "a_number": CAROL, "b_number": ALICE},
    ),
    ("3gpp_ims", "sCSCFRecord", REQUEST | DELIVERY, {"service": "voice", "start_utc": NOON, "duration_s": 61}),
    ("3gpp_ims", "sCSCFRecord", REQUEST | DELIVERY, {"a_number": ALICE, "b_number": BOB, "imsi": IMSI}),
    ("3gpp_ims", "sCSCFRecord", REQUEST, {"service": "voice", "duration_s": 0, "call_reference": "icid-1"}),
    (
        "3gpp_ims",
        "sCSCFRecord",
        REQUEST | {"serviceDeliveryStartTimeStamp": b"\x00" * 9, "serviceDeliveryEndTimeStamp": b"\x00" * 9},
        {"reason": "bad_timestamp"},
    ),
    (
        "3gpp_ims",
        "sCSCFRecord",
        REQUEST | DELIVERY | {"serviceDeliveryEndTimeStamp": time("260301115900")},
        {"reason": "bad_duration"},
    ),
    ("3gpp_ims", "sCSCFRecord", REQUEST | {"sIP-Method": "MESSAGE"}, {"service": "sms", "usage": 1}),
    ("3gpp_ims", "sCSCFRecord", REQUEST | {"role-of-Node": "terminating"}, {"direction": "terminated"}),
    ("3gpp_ims", "sCSCFRecord", REQUEST | {"sIP-Method": "REGISTER"}, {"reason": "not_billable"}),
    ("3gpp_ims", "pCSCFRecord", REQUEST | {"recordType": 64}, {"reason": "not_billable"}),
    (
        "3gpp_sms",
        "sCSMORecord",
        SC | {"recordType": 93, "originatorInfo": FROM | {"originatorIMSI": tbcd(IMSI)}, "recipientInfo": [TO]},
        {"direction": "originated", "a_number": ALICE, "b_number": BOB, "imsi": IMSI, "start_utc": NOON, "usage": 1},
    ),
    (
        "3gpp_sms",
        "sCSMTRecord",
        SC
        | {
            "recordType": 94,
            "originatorInfo": {"originatorReceivedAddress": {"sMAddressData": "BANK"}},
            "recipientInfo": TO | {"recipientIMSI": tbcd(IMSI)},
        },
        {"direction": "terminated", "a_number": "BANK", "b_number": BOB, "imsi": IMSI, "call_reference": "05"},
    ),
    ("3gpp_sms", "sCSMTRecord", SC | {"recordType": 94, "sMMessageType": "deliveryReport"}, {"reason": "not_billable"}),
]


@pytest.mark.parametrize(("layout", "name", "fields", "expected"), CASES)
def test_a_record_becomes_usage(layout: str, name: str, fields: Row, expected: Row, tmp_path: Path) -> None:
    record = encoder(layout)
    record.set_val((name, fields))
    (row,) = became(layout, written(tmp_path, [record.to_ber()]))
    assert {key: row.get(key) for key in expected} == expected


def digits(octets: bytes) -> str:
    """TBCD digits."""
    return "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets).rstrip("f")


def address(octets: bytes) -> str:
    """Digits, with ``+`` if their nature is international."""
    return ("+" if octets[0] >> 4 & 7 == 1 else "") + digits(octets[1:])


def instant(octets: bytes) -> datetime:
    """A time of TS 32.298."""
    return datetime.strptime(octets.hex().replace("2b", "+", 1), "%y%m%d%H%M%S%z")


def e164(text: str) -> str:
    """An international number, or a national one of the shipped country."""
    if text.startswith("00"):
        return f"+{text[2:]}"
    return text if text.startswith("+") else f"+44{text.removeprefix('0')}"


def told(name: str, call: Row) -> Row:
    """What the other decoder says of a call, in the terms of the usage table."""
    out = name == "moCallRecord"
    served, other = (
        e164(digits(call["servedMSISDN"])),
        e164(address(call["calledNumber" if out else "callingNumber"])),
    )
    return {
        "record_type": name,
        "service": "voice",
        "direction": "originated" if out else "terminated",
        "a_number": served if out else other,
        "b_number": other if out else served,
        "imsi": digits(call["servedIMSI"]),
        "network_element": address(call["recordingEntity"]),
        "trunk_out": str(call["mscOutgoingTKGP"][1]) if out else "",
        "trunk_in": "",
        "start_utc": instant(call["answerTime" if out else "seizureTime"]),
        "duration_s": call["callDuration"],
        "usage": call["callDuration"],
        "call_reference": call["callReference"].hex(),
        "cause": str(call["causeForTerm"]),
    }


def test_real_calls_are_what_another_decoder_reads() -> None:
    path, decoder = SAMPLES / "sigscale_cs_500.dat", encoder("3gpp_cs")
    rows = became("3gpp_cs_sigscale", path)
    assert Counter(row.get("record_type", row.get("reason")) for row in rows) == {
        "moCallRecord": 250,
        "mtCallRecord": 110,
        "moSMSRecord": 125,
        "bad_number": 15,  # international, and beginning with 0
    }
    for row in rows:
        if row.get("record_type") not in {"moCallRecord", "mtCallRecord"}:
            continue  # the other decoder refuses messages for want of a class mark
        decoder.from_ber(row["raw"][5:])
        expected = told(*decoder.get_val())
        assert {key: row[key] for key in expected} == expected


def totals(record: Tree) -> int:
    """The volume of all containers, by the field that no layout maps."""
    units = [unit for unit in record["listOfMultipleUnitUsage"] if not isinstance(unit, str)]
    containers = [c for unit in units for c in unit["usedUnitContainers"] if not isinstance(c, str)]
    return sum(int(str(container["dataTotalVolume"][0])) for container in containers)


def test_real_sessions_add_up() -> None:
    rows = became("3gpp_chf_free5gc", SAMPLES / "free5gc_chf_60.cdr")
    format_ = read_format("3gpp_chf")
    for number, row in enumerate(rows):
        (record,) = tree_of(row["raw"][4:], format_)["chargingFunctionRecord"]
        assert not isinstance(record, str)
        assert row["usage"] == totals(record)
        expected = {
            "service": "data",
            "direction": "originated",
            "network_element": "f5c7f3a2-0000-4000-8000-000000000001",
            "call_reference": str(1000 + number),
            "b_number": "internet",
            "network": "208-93",
            "partial_no": (number - 3) // 6 if number % 6 == 3 else 0,
            "duration_s": int(str(record["duration"][0])),
        }
        assert {key: row[key] for key in expected} == expected
        assert row["imsi"].startswith("20893000000000")
    assert len(rows) == 60
