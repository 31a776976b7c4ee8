"""Random records, written here or by another encoder, read as they were meant."""

from __future__ import annotations

import importlib
import random
import runpy
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.ber.columns import Source
from mediation.ber.format import Field, Format, Value, read_format, tag_key
from mediation.ber.values import shown
from mediation.layout_file import read_layout
from tests.ber import small
from tests.ber.small import CALL, field
from tests.ber.writer import contained, prefixed, primitive, structure

COLUMNS = ("served", "called", "parts.kind", "parts.text", "codes", "address.name", "duration", "vendor", "all kinds")
BY_CONTAINER = {
    name: small.source(name, 2, "", small.column("all kinds", "parts.kind", repeat="join"))
    for name in ("bare", "nested", "prefixed", "ts32297")
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[bytes, tuple[str, ...]]:
    """A record, its fields in any order among unknown ones, with lengths of any form; and what it says."""
    maybe = st.none() | st.integers(-(1 << 63), (1 << 63) - 1)
    served, number = (
        draw(st.text("0123456789", max_size=15)),
        draw(st.none() | st.text("0123456789", min_size=1, max_size=15)),
    )
    kinds = draw(st.lists(st.integers(0, 127), max_size=4))
    texts = draw(st.lists(st.text("abcdé", min_size=1, max_size=5), min_size=len(kinds), max_size=len(kinds)))
    codes = draw(st.lists(st.integers(-128, 127), max_size=3))
    name, duration, vendor = draw(st.none() | st.text("xyz.", max_size=200)), draw(maybe), draw(st.binary(max_size=300))

    def form() -> dict[str, Any]:
        return {"indefinite": draw(st.booleans()), "octets": draw(st.sampled_from([0, 0, 2, 8]))}

    parts = []
    for kind, text in zip(kinds, texts, strict=True):
        inside = (primitive(field(0), bytes([kind])), unknown(draw), primitive(field(1), text.encode()))
        parts.append(structure(draw(st.sampled_from([16, 17])) << 2, *inside, **form()))
    elements = [primitive(field(0), tbcd(served)), primitive(field(300), vendor), unknown(draw), unknown(draw)]
    if number is not None:
        elements.append(primitive(field(1), b"\x91" + tbcd(number)))
    if parts:
        elements.append(structure(field(2), *parts, **form()))
    if codes:
        elements.append(
            structure(field(3), *(primitive(2 << 2, c.to_bytes(1, "big", signed=True)) for c in codes), **form())
        )
    if name is not None:
        elements.append(structure(field(4), primitive(field(1), name.encode()), **form()))
    if duration is not None:
        elements.append(primitive(field(6), duration.to_bytes(8, "big", signed=True), draw(st.sampled_from([0, 1, 4]))))
    said = (
        served, f"+{number}" if number is not None else "", str(kinds[0]) if kinds else "", texts[0] if texts else "",
        str(codes[0]) if codes else "", name or "", "" if duration is None else str(duration), vendor.hex(),
        ";".join(map(str, kinds)),
    )  # fmt: skip
    return structure(CALL, *draw(st.permutations(elements)), **form()), said


def unknown(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(400, 70_000))
    inside = primitive(field(0), b"\x99")
    return draw(
        st.sampled_from([b"", primitive(field(number), b"\0\xff"), structure(field(number), inside, indefinite=True)])
    )


def tbcd(digits: str) -> bytes:
    padded = digits + "f" * (len(digits) % 2)
    return bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, len(padded), 2))


@pytest.mark.parametrize("container", list(BY_CONTAINER))
@settings(max_examples=60)
@given(written=st.lists(calls(), max_size=6), filler=st.sampled_from([b"", b"\xff", b"\0" * 9]))
def test_what_is_written_is_read(container: str, written: list[tuple[bytes, tuple[str, ...]]], filler: bytes) -> None:
    by: Source = BY_CONTAINER[container]
    between = filler if container in ("bare", "nested") else b""
    content = contained(by, b"".join(prefixed(by, record) + between for record, _ in written))
    assert small.decoded(content, by, *COLUMNS) == [said for _, said in written]


ROOTS = [
    ("3gpp_cs", "CSChargingDataTypes", "CSRecord"),
    ("3gpp_ps", "GPRSChargingDataTypes", "GPRSRecord"),
    ("gsma_tap", "TAP_0312", "CallEventDetail"),
    ("3gpp_chf", "ChfFieldsRead", "CHFRecord"),
]
OWN_MODULE = Path(__file__).with_name("chf.asn")
"""For records that the other encoder has no module of."""
KNOWN: dict[str, Callable[[random.Random, Any], Any]] = {
    "INTEGER": lambda rng, _: rng.choice([0, 1, 7, 127, 128, 255, 65_535, 1 << 31, (1 << 62) + 5]),
    "BOOLEAN": lambda rng, _: rng.random() < 0.5,
    "NULL": lambda _, __: 0,
    "ENUMERATED": lambda rng, theirs: rng.choice(sorted(theirs._cont)),  # noqa: SLF001 - pycrate shows its types in no other way
    "OCTET STRING": lambda rng, _: rng.randbytes(rng.choice([1, 2, 4, 8, 16, 40])),
    "IA5String": lambda rng, _: "".join(rng.choices("abc123", k=rng.randrange(1, 200))),
    "UTF8String": lambda rng, _: "".join(rng.choices("abcé", k=rng.randrange(1, 20))),
    "GraphicString": lambda rng, _: "".join(rng.choices("abc123", k=rng.randrange(1, 20))),
}
"""A random value of a compiled type; a field of another type is left out."""


def random_value(rng: random.Random, theirs: Any, depth: int = 0) -> Any:  # noqa: ANN401 - pycrate is untyped
    """A value for ``theirs``; None where it cannot be made."""
    if theirs.TYPE in KNOWN:
        return KNOWN[theirs.TYPE](rng, theirs)
    if theirs._cont is None:  # noqa: SLF001
        return None
    if theirs.TYPE == "CHOICE":
        name = rng.choice(list(theirs._cont))  # noqa: SLF001
        inner = random_value(rng, theirs._cont[name], depth + 1)  # noqa: SLF001
        return None if inner is None else (name, inner)
    if theirs.TYPE in ("SEQUENCE OF", "SET OF"):
        items = [random_value(rng, theirs._cont, depth + 1) for _ in range(rng.randrange(1, 4))]  # noqa: SLF001
        return None if None in items else items
    if theirs.TYPE not in ("SEQUENCE", "SET") or depth > 9:
        return None
    chosen = {n: p for n, p in theirs._cont.items() if not p._opt or rng.random() < 0.8 / (depth + 1)}  # noqa: SLF001
    found = {name: random_value(rng, part, depth + 1) for name, part in chosen.items()}
    return {name: value for name, value in found.items() if value is not None}


def theirs_at(format_: Format, ours: Field, theirs: Any, value: Any) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ANN401
    """Every value by our path, as we would show it."""
    if theirs.TYPE in ("SEQUENCE OF", "SET OF"):
        parts = [(theirs._cont, item) for item in value]  # noqa: SLF001
    elif theirs.TYPE in ("SEQUENCE", "SET", "CHOICE"):
        named = [value] if theirs.TYPE == "CHOICE" else value.items()
        parts = [(theirs._cont[name], inner) for name, inner in named]  # noqa: SLF001
    else:
        if not ours.of:
            yield (), text_of(ours, theirs._cont[value] if theirs.TYPE == "ENUMERATED" else value)  # noqa: SLF001
        return
    for part, inner in parts:
        known = format_.child(ours, tag_key(*part._tagc[0])) if part._tagc else None  # noqa: SLF001
        if known is None:  # an untagged choice, or an element of a list
            yield from theirs_at(format_, ours, part, inner)
            continue
        for path, text in theirs_at(format_, known, part, inner):
            yield (known.name, *path), text


def text_of(ours: Field, value: Any) -> str:  # noqa: ANN401
    """A value of theirs as ours is shown."""
    if isinstance(value, bytes):
        return shown(ours.value, value)
    if ours.value in (Value.BOOLEAN, Value.NULL):
        return "true" if ours.value is Value.NULL or value else "false"
    return str(value)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The modules of the other encoder, which must not mind values beyond their bounds."""
    pytest.importorskip("pycrate_asn1dir", reason="pycrate is a development dependency")
    for name in ("_SAFE_BND", "_SAFE_VAL"):
        monkeypatch.setattr(importlib.import_module("pycrate_asn1rt.asnobj").ASN1Obj, name, value=False)
    return module_of


@cache
def module_of(name: str) -> Any:  # noqa: ANN401
    """The other encoder's module ``name``; records of the charging function by ours."""
    if name == "ChfFieldsRead":
        compiler = importlib.import_module("pycrate_asn1c.asnproc")
        compiler.compile_text(OWN_MODULE.read_text())
        with tempfile.TemporaryDirectory() as folder:
            compiler.generate_modules(compiler.PycrateGenerator, f"{folder}/chf.py")
            return runpy.run_path(f"{folder}/chf.py")[name]
    return getattr(importlib.import_module(f"pycrate_asn1dir.{'TAP3' if 'TAP' in name else 'CDR'}"), name)


@pytest.mark.parametrize(("format_name", "module", "root"), ROOTS, ids=[root[0] for root in ROOTS])
def test_what_another_encoder_writes_is_read(
    format_name: str, module: str, root: str, compiled: Callable[[str], Any]
) -> None:
    """Every value of random records of every kind, by its path, as a column and in the tree."""
    format_, theirs, rng = read_format(format_name), getattr(compiled(module), root), random.Random(8)
    by, read, values = Source(format_, "bare"), 0, 0
    for name in list(theirs._cont) * max(8, 64 // len(theirs._cont)):  # noqa: SLF001
        value = random_value(rng, theirs._cont[name])  # noqa: SLF001
        key = tag_key(*theirs._cont[name]._tagc[0])  # noqa: SLF001
        if value is None or key not in format_.records:
            continue
        theirs.set_val((name, value))
        content = theirs.to_ber()
        record = format_.records[key]
        expected: dict[str, str] = {}
        for path, text in theirs_at(format_, record, theirs._cont[name], value):  # noqa: SLF001
            expected.setdefault(".".join((record.name, *path)), text)
        names = tuple(expected)
        assert small.decoded(content, by, *names) == [tuple(expected.values())]
        read, values = read + 1, values + len(names)
    assert read > 50
    assert values > 500


def test_volumes_of_another_encoders_records_are_summed(compiled: Callable[[str], Any]) -> None:
    """As layout 3gpp_chf reads them, from every container of every rating group."""
    theirs, rng = compiled("ChfFieldsRead").CHFRecord, random.Random(9)
    layout = read_layout("3gpp_chf").framing.ber
    assert layout is not None
    by = replace(layout, container="bare")
    for _ in range(40):
        units = [[rng.randrange(1 << rng.choice([1, 8, 31, 55])) for _ in range(3)] for _ in range(rng.randrange(1, 5))]
        containers = [[{"dataVolumeUplink": up, "dataVolumeDownlink": up + 1} for up in unit] for unit in units]
        groups = [{"ratingGroup": n, "usedUnitContainers": used} for n, used in enumerate(containers)]
        theirs.set_val(("chargingFunctionRecord", {"duration": 7, "listOfMultipleUnitUsage": groups}))
        up = sum(map(sum, units))
        expected = (str(up), str(up + 3 * len(units)), "7")
        assert small.decoded(theirs.to_ber(), by, "up", "down", "duration") == [expected]
