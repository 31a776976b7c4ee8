# ruff: noqa: SLF001 - pycrate shows its types in no other way
"""The tables of TAP, NRTRDE and RAP: as a compiler of the standards' modules has them, and whole for real files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mediation.ber.format import APPLICATION, GROUP, Value, read_format, tag_key
from mediation.ber.tree import Tree
from mediation.tap_header import below
from tests.mediation import gsma

MODULES = [("gsma_tap", "TAP_0312"), ("gsma_rap", "RAP_0105")]
ABSTRACT = {165, 169}
"""Tags of types that other types are made of; no field has them."""
STRUCTURES = {"SEQUENCE", "SEQUENCE OF", "CHOICE"}
TEXTS = {"AsciiString", "NumberString", "HexString", "Currency"}
UNNAMED = re.compile(r"[uap]?\d+")

ACCEPTED = [*gsma.TAP_FILES, gsma.RAP_ACKNOWLEDGEMENT]
"""What the other decoder reads: it refuses a RAP file without its returns, and has no NRTRDE."""

EVENTS = [
    (gsma.ASN1C, {"mobileTerminatedCall": 2, "gprsCall": 3}),
    (gsma.VALID, {"mobileTerminatedCall": 1, "mobileOriginatedCall": 1, "gprsCall": 1, "supplServiceEvent": 1}),
    (gsma.INDEFINITE, {"mobileTerminatedCall": 1, "mobileOriginatedCall": 1, "gprsCall": 1, "supplServiceEvent": 1}),
    (gsma.NEGATIVE, {"gprsCall": 1}),
    (gsma.TIMES, {"mobileTerminatedCall": 1, "mobileOriginatedCall": 1, "gprsCall": 1, "supplServiceEvent": 2}),
    (gsma.NRTRDE, {"moc": 2, "mtc": 2, "gprs": 3}),
]


def module(name: str) -> Any:  # noqa: ANN401 - pycrate is untyped
    """A compiled module."""
    return getattr(pytest.importorskip("pycrate_asn1dir.TAP3", reason="pycrate is a development dependency"), name)


def type_names(theirs: Any) -> list[str]:  # noqa: ANN401
    """The names of a compiled type, the most special first."""
    modules = {"TAP-0312": "TAP_0312", "RAP-0105": "RAP_0105"}
    found = [] if theirs._name[:1].islower() or theirs._name == "_item_" else [theirs._name]
    while theirs._typeref is not None:
        home, name = theirs._typeref.called
        found.append(name)
        theirs = getattr(module(modules[home]), name)
    return found


def kind(theirs: Any) -> Value | str:  # noqa: ANN401
    """What our table should say of a compiled type."""
    if theirs.TYPE in STRUCTURES:
        return GROUP
    if theirs.TYPE == "INTEGER":
        return Value.INTEGER
    names = set(type_names(theirs))
    return Value.BCD if "BCDString" in names else Value.TEXT if names & TEXTS else Value.OCTETS


@pytest.mark.parametrize(("format_name", "module_name"), MODULES)
def test_tags_names_and_kinds_are_the_standards(format_name: str, module_name: str) -> None:
    tags = read_format(format_name).tags
    for theirs in module(module_name)._all_:
        for tag_class, number in theirs._tagc:
            if tag_class != 1 or number in ABSTRACT:
                continue
            ours, name = tags[tag_key(APPLICATION, number)], type_names(theirs)[0]
            assert (ours.of or ours.value) == kind(theirs), name
            assert name.lower().startswith(ours.name.lower()), number


@pytest.mark.parametrize("name", gsma.FILES)
def test_every_tag_of_a_file_has_a_name(name: str) -> None:
    assert [n for n in gsma.names(gsma.tree(name)) if UNNAMED.fullmatch(n)] == []


@pytest.mark.parametrize(("name", "xml"), gsma.TWINS)
def test_a_file_and_its_twin_agree(name: str, xml: str) -> None:
    assert gsma.tree(name) == gsma.twin(xml, gsma.format_of(name))


@pytest.mark.parametrize(("name", "events"), EVENTS)
def test_every_event_is_there(name: str, events: dict[str, int]) -> None:
    found = [
        events
        for path in ("transferBatch.callEventDetailList", "nrtrde.callEventList")
        for events in below(gsma.tree(name), path)
    ]
    assert [{record: len(occurrences) for record, occurrences in events.items()} for events in found] == [events]


def theirs_as_tree(theirs: Any, value: Any) -> Iterator[tuple[str, Tree | str]]:  # noqa: ANN401
    """What a compiled type holds by our names: the alternative, the fields or the items."""
    if theirs.TYPE == "CHOICE":
        parts = [(theirs._cont[value[0]], value[1])]
    elif theirs.TYPE == "SEQUENCE":
        parts = [(theirs._cont[name], inner) for name, inner in value.items()]
    else:
        parts = [(theirs._cont, inner) for inner in value]
    tags = read_format("gsma_rap").tags
    for part, inner in parts:
        if not part._tagc:
            yield from theirs_as_tree(part, inner)
        else:
            yield tags[tag_key(APPLICATION, part._tagc[0][1])].name, theirs_shown(part, inner)


def theirs_shown(theirs: Any, value: Any) -> Tree | str:  # noqa: ANN401
    """A value of a compiled type as we show it."""
    if kind(theirs) == GROUP:
        found: dict[str, list[Tree | str]] = {}
        for name, inner in theirs_as_tree(theirs, value):
            found.setdefault(name, []).append(inner)
        return found
    if kind(theirs) is Value.INTEGER:
        return str(value)
    if kind(theirs) is Value.TEXT:
        return bytes(value).decode("ascii")
    return bytes(value).hex().rstrip("f" if kind(theirs) is Value.BCD else "")


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_reads_as_another_decoder_reads_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = module("RAP_0105").RapDataInterChange if name in gsma.RAP_FILES else module("TAP_0312").DataInterChange
    monkeypatch.setattr(root, "_SAFE_BND", False)  # a sequence number of three digits
    root.from_ber(gsma.content(name))
    theirs = {part: [value] for part, value in theirs_as_tree(root, root.get_val())}
    assert gsma.tree(name) == theirs
