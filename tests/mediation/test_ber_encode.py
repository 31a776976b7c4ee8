"""Trees written as BER: read again they are the same, and another decoder reads them too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.ber.encode import EncodeError, Encoder, content_of, element
from mediation.ber.format import APPLICATION, CONTEXT, GROUP, Field, Format, Value, parse_format, read_format, tag_key
from mediation.ber.tree import Tree, tree_of
from mediation.ber.values import shown

DIGITS = st.text("0123456789", min_size=1, max_size=16)
HEX = st.binary(min_size=1, max_size=12).map(bytes.hex)
TEXTS: dict[Value, st.SearchStrategy[str]] = {
    Value.INTEGER: st.integers(-(1 << 63), (1 << 63) - 1).map(str),
    Value.BOOLEAN: st.sampled_from(["true", "false"]),
    Value.NULL: st.just("true"),
    Value.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\0 "), min_size=1, max_size=20),
    Value.OCTETS: HEX,
    Value.BITS: HEX,
    Value.TBCD: st.text("0123456789*#abc", min_size=1, max_size=16),
    Value.BCD: st.text("0123456789abcde", min_size=1, max_size=16),
    Value.ISDN: st.builds("{}{}".format, st.sampled_from(["+", ""]), DIGITS),
    Value.TIMESTAMP: st.builds(
        "{:012}{}{:04}".format, st.integers(0, 10**12 - 1), st.sampled_from("+-"), st.integers(0, 1400)
    ),
    Value.PLMN: st.from_regex(r"[0-9]{3}-[0-9]{2,3}", fullmatch=True),
    Value.IP: st.ip_addresses().map(str),
    Value.ANY: HEX,
}

LISTED: Format = parse_format(
    {
        "name": "listed",
        "title": "lists of every kind",
        "standard": "none",
        "records": {"0": "call: Call"},
        "types": {
            "Call": {
                "1": "numbers: list tbcd",
                "2": "counts: list integer",
                "3": "parts: list Part",
                "4": "who: Who",
                "5": "whos: list Who",
                "200": "deep: list list Part",
            },
            "Part": {"0": "volume: integer", "1": "at: timestamp"},
        },
        "choices": {"Who": {"0": "imsi: tbcd", "1": "name: text"}},
    },
    "listed",
)
CALL: Tree = {
    "call": [
        {
            "numbers": ["447700900123", "112"],
            "counts": ["-1", "300"],
            "parts": [{"volume": ["1"]}, {"volume": ["2"], "at": ["260301120000+0100"]}],
            "who": [{"imsi": ["234150000000001"]}],
            "whos": [{"imsi": ["1", "2"], "name": ["x"]}],
            "deep": [{"volume": ["7"]}, {"volume": ["8"]}],
        }
    ]
}


@pytest.mark.parametrize("kind", list(Value))
@given(data=st.data())
def test_a_value_reads_as_it_was_written(kind: Value, data: st.DataObject) -> None:
    text = data.draw(TEXTS[kind])
    assert shown(kind, content_of(Field("x", kind), text)) == text


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Value.INTEGER, "0", "00"),
        (Value.INTEGER, "127", "7f"),
        (Value.INTEGER, "128", "0080"),
        (Value.INTEGER, "-128", "80"),
        (Value.INTEGER, "-129", "ff7f"),
        (Value.TBCD, "123", "21f3"),
        (Value.BCD, "123", "123f"),
        (Value.ISDN, "+4477", "914477"),
        (Value.ISDN, "112", "8111f2"),
        (Value.TIMESTAMP, "260301120000+0100", "2603011200002b0100"),
        (Value.PLMN, "262-01", "62f210"),
        (Value.PLMN, "310-260", "130062"),
        (Value.IP, "192.0.2.1", "c0000201"),
    ],
)
def test_a_value_has_these_octets(kind: Value, text: str, expected: str) -> None:
    assert content_of(Field("x", kind), text).hex() == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Value.INTEGER, ""),
        (Value.INTEGER, "1.5"),
        (Value.INTEGER, "1_0"),
        (Value.INTEGER, "01"),
        (Value.BOOLEAN, "yes"),
        (Value.TBCD, "12f"),
        (Value.BCD, "12x"),
        (Value.TIMESTAMP, "260301120000"),
        (Value.PLMN, "26201"),
        (Value.PLMN, "262-0"),
        (Value.IP, "192.0.2"),
        (Value.OCTETS, "0"),
        (Value.OCTETS, "0A"),
    ],
)
def test_a_text_without_octets_is_an_error(kind: Value, text: str) -> None:
    with pytest.raises(EncodeError, match=r"^x: "):
        content_of(Field("x", kind), text)


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"transferBach": [{}]}, "gsma_tap.transferBach: format gsma_tap has no such field"),
        ({"transferBatch": [{"sendr": ["X"]}]}, "transferBatch.sendr: format gsma_tap has no such field"),
        ({"transferBatch": ["x"]}, "transferBatch: expected a structure, not x"),
        ({"notification": [{"sender": [{}]}]}, "sender: expected a value, not {}"),
        ({"notification": [{"sender": ["ok"], "cellId": ["x"]}]}, "cellId: 'x' is no integer"),
    ],
)
def test_a_tree_that_the_format_lacks_is_an_error(tree: Tree, problem: str) -> None:
    with pytest.raises(EncodeError) as fault:
        Encoder(read_format("gsma_tap")).bytes_of(tree)
    assert str(fault.value) == problem


@pytest.mark.parametrize(
    ("key", "length", "head"),
    [
        (tag_key(CONTEXT, 30), 0, "9e00"),
        (tag_key(CONTEXT, 31), 127, "9f1f7f"),
        (tag_key(APPLICATION, 200), 128, "5f81488180"),
        (tag_key(APPLICATION, 434), 256, "5f8332820100"),
    ],
)
def test_long_tags_and_lengths(key: int, length: int, head: str) -> None:
    assert element(key, bytes(length), constructed=False) == bytes.fromhex(head) + bytes(length)


def test_lists_of_values_structures_and_choices_read_as_they_were_written() -> None:
    assert tree_of(Encoder(LISTED).bytes_of(CALL), LISTED) == CALL


TAP = read_format("gsma_tap")
GROUPS = sorted(f.name for f in TAP.tags.values() if f.of == GROUP)
VALUES = sorted((f.name, f.value) for f in TAP.tags.values() if not f.of)
_LEAVES = st.lists(st.sampled_from(VALUES), max_size=4, unique=True)


@st.composite
def structures(draw: st.DrawFn, depth: int = 3) -> Tree:
    """A structure of any TAP tags."""
    leaves = {name: draw(st.lists(TEXTS[value], min_size=1, max_size=2)) for name, value in draw(_LEAVES)}
    inner: dict[str, Any] = {}
    if depth:
        for name in draw(st.lists(st.sampled_from(GROUPS), max_size=2, unique=True)):
            inner[name] = draw(st.lists(structures(depth=depth - 1), min_size=1, max_size=2))
    return {**leaves, **inner}


@given(structures())
def test_any_tree_of_tap_reads_as_it_was_written(tree: Tree) -> None:
    assert tree_of(Encoder(TAP).bytes_of(tree), TAP) == tree


BATCH: Tree = {
    "transferBatch": [
        {
            "batchControlInfo": [
                {
                    "sender": ["GBRAA"],
                    "recipient": ["FRABB"],
                    "fileSequenceNumber": ["00042"],
                    "specificationVersionNumber": ["3"],
                    "releaseVersionNumber": ["12"],
                }
            ],
            "callEventDetailList": [
                {
                    "mobileOriginatedCall": [
                        {
                            "moBasicCallInformation": [
                                {
                                    "chargeableSubscriber": [
                                        {
                                            "simChargeableSubscriber": [
                                                {"imsi": ["208930000000001"], "msisdn": ["33612345678"]}
                                            ]
                                        }
                                    ],
                                    "destination": [{"calledNumber": ["447700900123"]}],
                                    "totalCallEventDuration": ["61"],
                                }
                            ],
                        }
                    ]
                }
            ],
            "auditControlInfo": [{"totalCharge": ["4294967296"], "callEventDetailsCount": ["1"]}],
        }
    ]
}


def test_another_decoder_reads_what_we_write() -> None:
    tap = pytest.importorskip("pycrate_asn1dir.TAP3", reason="pycrate is a development dependency").TAP_0312
    tap.DataInterChange.from_ber(Encoder(TAP).bytes_of(BATCH))
    kind, batch = tap.DataInterChange.get_val()
    assert (kind, batch["batchControlInfo"]["sender"]) == ("transferBatch", b"GBRAA")
    assert batch["auditControlInfo"] == {"totalCharge": 4294967296, "callEventDetailsCount": 1}
    record, call = batch["callEventDetails"][0]
    information = call["basicCallInformation"]
    assert (record, information["totalCallEventDuration"]) == ("mobileOriginatedCall", 61)
    assert information["chargeableSubscriber"] == (
        "simChargeableSubscriber",
        {"imsi": bytes.fromhex("208930000000001f"), "msisdn": bytes.fromhex("33612345678f")},
    )
    assert information["destination"]["calledNumber"] == bytes.fromhex("447700900123")
