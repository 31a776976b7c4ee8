"""The tables of 3GPP records: as a compiler of the standard's modules has them, and whole for real files.

The compiler is pycrate, whose module is of release 15; our tables go on to release 18 and back to 7, so ours may
have more. It has no records of a charging function.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediation.ber.format import Field, Format, Tags, Value, read_format, tag_key, tag_text
from mediation.ber.tree import Tree, tree_of

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "3gpp"

ROOTS = [
    ("3gpp_cs", "CSChargingDataTypes", "CSRecord"),
    ("3gpp_ps", "GPRSChargingDataTypes", "GPRSRecord"),
    ("3gpp_ims", "IMSChargingDataTypes", "IMSRecord"),
    ("3gpp_sms", "SMSChargingDataTypes", "SMSRecordType"),
    ("3gpp_mmtel", "MMTelChargingDataTypes", "MMTelServiceRecord"),
]
OMITTED = {
    "PrivateExtension.extType",  # has no tag of its own: whatever stands there is kept
    "ExtensionContainer.pcs-Extensions",  # kept as it is: it is empty but for private tags
}
"""What the compiler names and we do not name."""

VALUES = {
    "IMSI": {Value.TBCD},
    "IMEI": {Value.TBCD},
    "MSISDN": {Value.ISDN},
    "AddressString": {Value.ISDN},
    "CalledNumber": {Value.ISDN},
    "CallingNumber": {Value.ISDN},
    "TimeStamp": {Value.TIMESTAMP},
    "PLMN-Id": {Value.PLMN},
    "MCC-MNC": {Value.PLMN},
    "IPBinV4Address": {Value.IP},
    "IPBinV6Address": {Value.IP},
    "INTEGER": {Value.INTEGER},
    "ENUMERATED": {Value.INTEGER},
    "BOOLEAN": {Value.BOOLEAN},
    "NULL": {Value.NULL},
    "BIT STRING": {Value.BITS},
    "IA5String": {Value.TEXT},
    "UTF8String": {Value.TEXT},
    "GraphicString": {Value.TEXT},
    "OPEN_TYPE": {Value.ANY},
    "OBJECT IDENTIFIER": {Value.OCTETS},
    "REAL": {Value.OCTETS},
    "OCTET STRING": {Value.OCTETS, Value.TEXT, Value.ISDN},  # the standard says in words what is inside
}
"""The kinds that fit a type; the most special of its names counts."""
STRUCTURES = {"SEQUENCE", "SET", "CHOICE"}
CLASSES = {"UNIVERSAL": 0, "APPLICATION": 1, "CONTEXT-SPECIFIC": 2, "PRIVATE": 3}
UNIVERSAL = {"BOOLEAN": 1, "INTEGER": 2, "OCTET STRING": 4, "OBJECT IDENTIFIER": 6, "ENUMERATED": 10}


def compiled(module: str, name: str) -> Any:  # noqa: ANN401 - pycrate is untyped
    """The compiled type ``name``."""
    cdr = pytest.importorskip("pycrate_asn1dir.CDR", reason="pycrate is a development dependency")
    return getattr(getattr(cdr, module), name)


def type_name(theirs: Any) -> str:  # noqa: ANN401
    """The name of a compiled type, empty if it has none."""
    return "" if theirs._typeref is None else str(theirs._typeref.called[1])  # noqa: SLF001 - pycrate has no other way


def parts(theirs: Any) -> Iterator[tuple[int, str, Any]]:  # noqa: ANN401
    """Tag, name and type of each part; the alternatives of a choice without a tag stand for it."""
    for name, part in (theirs._cont or {}).items():  # noqa: SLF001
        if part._tag is not None:  # noqa: SLF001
            yield tag_key(CLASSES[part._tag[1]], part._tag[0]), name, part  # noqa: SLF001
        elif part.TYPE == "CHOICE":
            yield from parts(part)
        else:
            yield tag_key(0, UNIVERSAL.get(part.TYPE, 0)), name, part


def differences(ours: Format, tags: Tags, theirs: Any, where: str, seen: set[str]) -> Iterator[str]:  # noqa: ANN401
    """What is not the same in our ``tags`` and the parts of ``theirs``."""
    for key, name, part in parts(theirs):
        here = f"{where}.{name}"
        field = tags.get(key)
        if here in OMITTED:
            continue
        if field is None or field.name != name:
            yield f"{here}: {tag_text(key)} is {field.name if field else 'missing'}"
        else:
            yield from _inside(ours, field, part, here, seen)


def _inside(ours: Format, field: Field, theirs: Any, where: str, seen: set[str]) -> Iterator[str]:  # noqa: ANN401
    depth = 0
    while theirs.TYPE in {"SEQUENCE OF", "SET OF"} and theirs._cont is not None:  # noqa: SLF001
        theirs, depth = theirs._cont, depth + 1  # noqa: SLF001
    if theirs.TYPE in {"SEQUENCE OF", "SET OF"}:
        return
    if field.depth != depth:
        yield f"{where}: {field.depth} lists, not {depth}"
    name = type_name(theirs)
    if theirs.TYPE in STRUCTURES:
        if not field.of:
            yield f"{where}: a value, not {theirs.TYPE}"
        elif name not in seen:
            seen.add(name)
            yield from differences(ours, ours.inside(field), theirs, name, seen)
    elif field.of or field.value not in VALUES.get(name, VALUES[theirs.TYPE]):
        yield f"{where}: {field.of or field.value}, not {name or theirs.TYPE}"
    elif theirs._cont and theirs.TYPE in {"INTEGER", "ENUMERATED"}:  # noqa: SLF001
        meanings = {number: text for text, number in theirs._cont.items()}  # noqa: SLF001
        if not meanings.items() <= ours.enums.get(field.enum, {}).items():
            yield f"{where}: enumeration {field.enum!r}"


@pytest.mark.parametrize(("table", "module", "root"), ROOTS, ids=[r[0] for r in ROOTS])
def test_tables_are_those_of_the_standard(table: str, module: str, root: str) -> None:
    ours, theirs = read_format(table), compiled(module, root)
    assert list(differences(ours, ours.records, theirs, root, set())) == []


UNNAMED = re.compile(r"[uap]?\d+")


def records(path: Path) -> Iterator[bytes]:
    """The records of a TS 32.297 file; a header of 4 octets stands before each, or 5 from release 10 on."""
    octets = path.read_bytes()
    at = int.from_bytes(octets[4:8])
    while at < len(octets):
        length, head = int.from_bytes(octets[at : at + 2]), 5 if octets[at + 2] >> 5 == 7 else 4
        yield octets[at + head : at + head + length]
        at += head + length


def unnamed(tree: Tree, where: str) -> Iterator[str]:
    """The tags that no table names."""
    for name, elements in tree.items():
        if UNNAMED.fullmatch(name):
            yield f"{where}.{name}"
        for element in elements:
            if not isinstance(element, str):
                yield from unnamed(element, f"{where}.{name}")


@pytest.mark.parametrize(
    ("file", "table", "expected"),
    [
        ("sigscale_cs_500.dat", "3gpp_cs", {"moCallRecord": 250, "mtCallRecord": 125, "moSMSRecord": 125}),
        ("free5gc_chf_60.cdr", "3gpp_chf", {"chargingFunctionRecord": 60}),
    ],
)
def test_every_tag_of_a_real_file_has_a_name(file: str, table: str, expected: dict[str, int]) -> None:
    format_ = read_format(table)
    trees = [tree_of(record, format_) for record in records(SAMPLES / file)]
    assert [tag for tree in trees for tag in unnamed(tree, file)] == []
    assert Counter(name for tree in trees for name in tree) == expected
