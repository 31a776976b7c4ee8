"""Parts of files: values by name, unknown tags, undecodable bytes, and every byte somewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mediation.ber.format import parse_format, read_format
from mediation.ber.named import Names, code_text
from mediation.ber.tree import Tree
from mediation.part import Kind, Part
from mediation.recognise import Choice, recognise_file
from mediation.show import parts
from tests.mediation import gsma

ROOT = Path(__file__).parents[2]
CS = ROOT / "samples/3gpp/sigscale_cs_500.dat"

FORMAT = parse_format(
    {
        "name": "f",
        "title": "",
        "standard": "",
        "records": {"0": "call: Call"},
        "types": {
            "Call": {
                "0": "kind: enum Kind",
                "1": "seconds: integer",
                "2": "answered: boolean",
                "3": "legs: list Leg",
                "4": "flag: null",
                "5": "notes: list text",
            },
            "Leg": {"0": "trunk: text"},
        },
        "enums": {"Kind": {"0": "normal"}},
    },
    "f",
)
NAMED: list[tuple[Tree, dict[str, Any]]] = [
    # the inside of a call, what it becomes
    ({"kind": ["0"]}, {"kind": {"number": 0, "name": "normal"}}),
    ({"kind": ["7"]}, {"kind": {"number": 7, "name": None}}),
    ({"kind": [""]}, {"kind": ""}),
    ({"seconds": ["-12"]}, {"seconds": -12}),
    ({"seconds": ["5f81"]}, {"seconds": "5f81"}),
    ({"seconds": ["0x0123456789abcdef01"]}, {"seconds": "0x0123456789abcdef01"}),
    ({"seconds": ["1", "2"]}, {"seconds": [1, 2]}),
    ({"answered": ["true"], "flag": ["true"]}, {"answered": True, "flag": True}),
    ({"legs": [{"trunk": ["A"]}]}, {"legs": [{"trunk": "A"}]}),
    ({"notes": ["x"]}, {"notes": ["x"]}),
    ({"200": ["0aff"], "a9": [{"3": ["01"]}]}, {"200": "0aff", "a9": {"3": "01"}}),
]


@pytest.mark.parametrize(("inside", "expected"), NAMED)
def test_values_by_their_meaning(inside: Tree, expected: dict[str, Any]) -> None:
    assert Names(FORMAT).named({"call": [inside]}) == {"call": expected}


def test_codes_for_people() -> None:
    named = Names(FORMAT, code_text).named({"call": [{"kind": ["0"]}], "other": ["ff"]})
    assert named == {"call": {"kind": "0 (normal)"}, "other": "ff"}


def shown(path: Path, choice: Choice | None = None) -> list[Part]:
    return list(parts(recognise_file(str(path), choice or Choice())))


def test_a_record_with_all_that_stands_around_it() -> None:
    header, record = shown(CS)[:2]
    assert header.values["file"]["numberOfCdrs"] == "500"
    assert json.loads(json.dumps(record.row())) == {
        "part": "record",
        "record_no": 2,
        "offset_bytes": 54,
        "record": "mtCallRecord",
        "cdr_header": {"cdrLength": "93", "release": "18.1", "dataRecordFormat": "BER", "standard": "TS 32.250"},
        "values": {
            "recordType": {"number": 1, "name": "mtCallRecord"},
            "servedIMSI": "001001933589510",
            "servedIMEI": "011300009666463",
            "servedMSISDN": "050209",
            "callingNumber": "+1404575617",
            "recordingEntity": "+8172897068",
            "mscIncomingTKGP": {"tkgpNumber": 66},
            "basicService": {"teleservice": "0b"},
            "seizureTime": "261121235252+0000",
            "releaseTime": "261122002258+0000",
            "callDuration": 1806,
            "causeForTerm": {"number": 0, "name": "normalRelease"},
            "callReference": "9525e3a9",
        },
    }


def test_header_and_trailer_of_a_nested_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gsma.content(gsma.VALID))
    found = shown(path)
    assert [part.record_no for part in found] == list(range(1, 7))
    assert found[0].values["transferBatch"]["batchControlInfo"]["releaseVersionNumber"] == 12
    assert found[-1].kind is Kind.TRAILER
    assert "callEventDetailsCount" in found[-1].values["auditControlInfo"]


def test_a_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CS.read_bytes()[:-10])
    last = shown(path)[-1]
    assert last.kind is Kind.UNDECODABLE
    assert last.fault
    assert last.fault.error == "the file ends inside the record"
    assert last.offset_bytes + len(last.fault.octets) == path.stat().st_size


@pytest.mark.parametrize(
    ("bend", "place", "error"),
    [
        (b"\x30", 0, "no record of the format has this tag"),
        (b"\xa1\x5b\x80\x7f", 2, "runs beyond the bytes around it"),
        (b"\xa1\x80\x80\x01", 93, "runs beyond the bytes around it"),
        (b"\xa1\x7f\x80\x01", 0, "runs beyond the bytes around it"),
        (b"\xa1\x5b\x80\x80", 2, "a length that is none: over eight octets, or indefinite on a primitive"),
    ],
)
def test_an_undecodable_record_names_its_fault_and_the_rest_goes_on(
    tmp_path: Path, bend: bytes, place: int, error: str
) -> None:
    content, first = CS.read_bytes(), 54 + 5
    path = tmp_path / "file"
    path.write_bytes(content[:first] + bend + content[first + len(bend) :])
    found = shown(path)
    assert [part.kind for part in found[:3]] == [Kind.HEADER, Kind.UNDECODABLE, Kind.RECORD]
    assert len(found) == 501
    fault = found[1].fault
    assert fault
    assert (fault.error, fault.offset_bytes - first) == (error, place)
    assert found[1].row()["undecodable"]["hex"] == path.read_bytes()[54:152].hex()


def test_bytes_behind_a_record_are_no_part_of_it(tmp_path: Path) -> None:
    record = b"\xa6\x03\x80\x01\x06"
    path = tmp_path / "file"
    path.write_bytes(b"".join(len(r).to_bytes(2, "big") + r for r in (record, record + b"\0\0", record)))
    found = shown(path, Choice("3gpp_cs", "prefixed"))
    alone = {"recordType": {"number": 6, "name": read_format("3gpp_cs").enums["RecordType"][6]}}
    assert [part.values for part in found] == [alone, {}, alone]
    assert found[1].fault
    assert (found[1].fault.error, found[1].fault.offset_bytes) == (
        "bytes behind the element, in what should be one",
        14,
    )


@pytest.mark.parametrize("name", [*gsma.FILES, "samples/3gpp/free5gc_chf_60.cdr"])
def test_parts_lie_end_to_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(gsma.content(name))
    offsets = [part.offset_bytes for part in shown(path)]
    assert offsets[0] == 0
    assert offsets == sorted(set(offsets))
    for part in shown(path):
        json.dumps(part.row())


UNKNOWN = [
    # an element of no known tag, what is shown of it
    (b"\x9f\x63\x02ab", "6162"),
    (b"\xbf\x63\x04\x80\x02ab", {"0": "6162"}),
    (b"\xbf\x63\x04\x80\x07ab", "80076162"),
]


@pytest.mark.parametrize(("element", "expected"), UNKNOWN)
def test_unknown_tags_are_elements_or_hex(tmp_path: Path, element: bytes, expected: object) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xa6" + bytes([3 + len(element)]) + b"\x80\x01\x06" + element)
    assert shown(path, Choice("3gpp_cs", "bare"))[0].values["99"] == expected


def test_text_parts() -> None:
    found = shown(ROOT / "tests/data/generic_csv/cut.csv")
    assert [part.kind for part in found] == [Kind.HEADER, *[Kind.RECORD] * 3, Kind.UNDECODABLE]
    assert found[1].values["switch"] == "SW1"
    assert found[-1].fault
    assert found[-1].fault.error == "the file ends inside the record"


def test_documents_are_shown_as_they_are() -> None:
    path = ROOT / "tests/data/freeswitch_json_cdr/indented.cdr.json"
    assert shown(path)[0].values == json.loads(path.read_text())
