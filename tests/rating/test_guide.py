"""Who pays, on which leg: one event a row, the legs (leg account zone prefix band) or the error last."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from mediation.fields import schema
from rating.guide import guide
from rating.hypothetical import parse_event, usage_batch
from rating.price import price
from rating.quote import quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

FOLDER = Path(__file__).parents[1] / "tariffs" / "data" / "small"
ALICE, FRENCH = "+447700900001", "+33612345678"
T = "2024-03-06T12:00:00"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    tariff, problems = load(FOLDER)
    assert not problems
    compiled, problems = compile_tariff(tariff)
    assert [str(problem) for problem in problems] == [
        "small.toml:60: plan.retail.rule: no rule for zone short in band offpeak"
    ]
    assert compiled is not None
    return compiled


# a_number, b_number, start, service, keys, outcome
CASES = [
    (ALICE, "+447911", T, "voice", {}, ["retail alice uk-mobile +447 peak"]),
    (ALICE, "+447911", "2024-03-06T20:00", "voice", {}, ["retail alice uk-mobile +447 offpeak"]),
    (ALICE, "+441", T, "voice", {}, ["retail alice UK +44 peak"]),
    (ALICE, FRENCH, "2024-02-01T11:59:59", "voice", {}, ["retail alice France +33 peak"]),
    (ALICE, FRENCH, "2024-02-01T12:00", "voice", {}, ["retail alice France mobile +336 peak"]),
    (ALICE, FRENCH, "2023-12-31T23:00", "voice", {}, "no_rate: retail +33612345678 retail"),
    (ALICE, "+491", T, "voice", {}, "no_rate: retail +491 retail"),
    (ALICE, "", T, "voice", {}, "no_rate: retail  retail"),
    (ALICE, "45123", T, "voice", {}, ["retail alice short 45 peak"]),
    (ALICE, "45123", "2024-03-06T20:00", "voice", {}, "no_rate: retail 45123 retail"),
    (ALICE, "23", T, "voice", {}, ["retail alice short 2 peak"]),
    (ALICE, "+447911", T, "sms", {}, "no_rate: retail +447911 retail"),
    (ALICE, "+491", "2024-08-01T00:00", "sms", {"direction": "odd"}, "no_account: a_number +447700900001"),
    (ALICE, "+491", "2024-06-01T00:00", "voice", {}, "no_plan: a_number +447700900001"),
    (ALICE, "+491", "2024-08-01T00:00", "sms", {}, ["retail bob   offpeak"]),
    ("+33", ALICE, T, "voice", {"direction": "terminated"}, ["retail alice   peak"]),
    (ALICE, "+33", T, "voice", {"direction": "forwarded"}, ["retail alice   peak"]),
    ("0042", "+441", T, "voice", {}, ["retail zero UK +44 peak"]),
    ("042", "+441", T, "voice", {}, "no_account: a_number 042"),
    ("+0042", "+441", T, "voice", {}, "no_account: a_number +0042"),
    ("", "+441", T, "voice", {"imsi": "234150000000001"}, ["retail carol UK +44 peak"]),
    ("+1", "+441", T, "voice", {"account": "PBX"}, ["retail dora UK +44 peak"]),
    ("+1", "+441", T, "voice", {"trunk_in": "T-PBX"}, ["retail ernest UK +44 peak"]),
    (ALICE, "+441", T, "voice", {"trunk_out": "T-ACME"}, ["retail alice UK +44 peak", "wholesale_out acme   any"]),
    ("+1", ALICE, T, "voice", {"trunk_in": "T-ACME"}, ["wholesale_in acme   any"]),
    (
        "+1",
        "+441",
        T,
        "voice",
        {"trunk_in": "T-ACME", "trunk_out": "T-OUT"},
        ["wholesale_in acme   any", "wholesale_out acme   any"],
    ),
    ("+1", "+441", T, "voice", {"trunk_out": "T-OUT"}, "no_account: a_number +1"),
    (ALICE, "+441", T, "voice", {"trunk_in": "T-OUT"}, "unknown_trunk: trunk_in T-OUT"),
    (ALICE, "+441", T, "voice", {"trunk_out": "T-NEW"}, "unknown_trunk: trunk_out T-NEW"),
    (ALICE, "+441", T, "voice", {"trunk_in": "T-OWN", "trunk_out": "T-OWN"}, ["retail alice UK +44 peak"]),
    ("+1", "+441", "2025-01-01T00:00", "voice", {"trunk_in": "T-ACME"}, "unknown_trunk: trunk_in T-ACME"),
    (ALICE, "+441", T, "voice", {"trunk_in": "T-BARE"}, "no_plan: trunk_in T-BARE"),
    (ALICE, "+491", T, "voice", {"trunk_out": "T-OUT"}, "no_rate: retail +491 retail"),
]


def _line(a: str, b: str, start: str, service: str, keys: dict[str, str]) -> str:
    said = {"id": "x", "usage": 60, "start": start, "a_number": a, "b_number": b, "service": service, "keys": keys}
    return json.dumps(said)


@pytest.mark.parametrize("case", CASES)
def test_legs(catalogue: Catalogue, case: tuple[str, str, str, str, dict[str, str], object]) -> None:
    *event, outcome = case
    (answer,) = quote_lines(catalogue, [_line(*event)])
    legs = [" ".join(str(c[k]) for k in ("leg", "account", "zone", "prefix", "band")) for c in answer["charges"]]
    assert (answer["error"] or legs) == outcome


def test_charges_are_leg_major_and_an_event_is_set_aside_whole(catalogue: Catalogue) -> None:
    keys = {"trunk_in": "T-ACME", "trunk_out": "T-OUT"}
    rows = [(ALICE, "+441", T, "voice", keys), (ALICE, "+491", T, "voice", keys), (ALICE, "+442", T, "voice", keys)]
    usage = usage_batch([parse_event(json.loads(_line(*row))) for row in rows])
    guided, astray = guide(usage, catalogue)
    priced, unpriced = price(guided, catalogue, rating_run=7)
    assert astray.num_rows == 0
    assert unpriced.select(["record_no", "reason", "field"]).to_pylist() == [
        {"record_no": 2, "reason": "no_rate", "field": "retail"}
    ]
    assert priced.usage["record_no"].to_pylist() == [1, 3]
    assert priced.charges.schema == schema("charge")
    assert priced.charges["leg"].to_pylist() == ["retail"] * 2 + ["wholesale_in"] * 2 + ["wholesale_out"] * 2
    assert set(priced.charges["rating_run"].to_pylist()) == {7}
    assert set(priced.charges["tariff_version"].to_pylist()) == {catalogue.version}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_slices_and_empty_batches(catalogue: Catalogue, rows: int) -> None:
    lines = [_line(ALICE, f"+44{n}", T, "voice", {}) for n in range(5)]
    usage = usage_batch([parse_event(json.loads(line)) for line in lines])
    whole, _ = price(guide(usage, catalogue)[0], catalogue)
    part, rejected = price(guide(usage.slice(2, rows), catalogue)[0], catalogue)
    assert rejected.num_rows == 0
    assert (
        pa.Table.from_batches([part.charges]).to_pylist()
        == pa.Table.from_batches([whole.charges]).to_pylist()[2 : 2 + rows]
    )
