"""The published JSON Schema: it knows the keys that the loader knows, takes good tariffs and refuses bad ones."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tariffs.load import load

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "schema" / "tariff.schema.json").read_text("utf-8"))
VALID = Draft202012Validator(SCHEMA)
TARIFFS = [
    *sorted((ROOT / "samples" / "tariffs").glob("*/*.toml")),
    ROOT / "tests" / "tariffs" / "data" / "small" / "small.toml",
]
UNKNOWN = """
zzz = 1
[tariff]
zzz = 1
[calendar.c]
zzz = 1
[calendar.c.special]
sun = { country = "GB", zzz = 1 }
[zone.z]
zzz = 1
[class.k]
zzz = 1
[deck.d]
zzz = 1
file = "d.csv"
currency = "GBP"
rounding = { zzz = 1 }
[deck.d.columns]
zzz = 1
prefix = "p"
price = "r"
[rate.r]
zzz = 1
price = "1"
currency = "GBP"
[rate.s]
currency = "GBP"
steps = [{ price = "1", zzz = 1 }]
[tax.t]
zzz = 1
[plan.p]
zzz = 1
[[plan.p.version]]
zzz = 1
[[plan.p.version.rule]]
zzz = 1
[allowance.a]
zzz = 1
[allowance.a.rollover]
zzz = 1
[accumulator.b]
zzz = 1
[fee.f]
zzz = 1
[discount.d]
zzz = 1
[discount.d.when]
zzz = 1
"""
# a key in UNKNOWN, where the schema has the keys that may stand beside it
TABLES = {
    "zzz": "",
    "tariff.zzz": "properties/tariff",
    "calendar.c.zzz": "$defs/calendar",
    "calendar.c.special.sun.zzz": "$defs/holidays",
    "zone.z.zzz": "$defs/zone",
    "class.k.zzz": "$defs/class",
    "deck.d.zzz": "$defs/deck",
    "deck.d.rounding.zzz": "$defs/rounding",
    "deck.d.columns.zzz": "$defs/deck/properties/columns",
    "rate.r.zzz": "$defs/rate",
    "rate.s.steps.0.zzz": "$defs/step",
    "tax.t.zzz": "$defs/tax",
    "plan.p.zzz": "$defs/plan",
    "plan.p.version.0.zzz": "$defs/version",
    "plan.p.version.0.rule.0.zzz": "$defs/rule",
    "allowance.a.zzz": "$defs/allowance",
    "accumulator.b.zzz": "$defs/accumulator",
    "allowance.a.rollover.zzz": "$defs/allowance/properties/rollover",
    "fee.f.zzz": "$defs/fee",
    "discount.d.zzz": "$defs/discount",
    "discount.d.when.zzz": "$defs/discount/properties/when",
}


def test_the_loader_and_the_schema_know_the_same_keys(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(UNKNOWN)
    (tmp_path / "d.csv").write_text("p,r\n44,1\n")
    wanted = "is unknown; expected one of "
    told = {each.key: each.message for each in load(tmp_path)[1] if each.message.startswith(wanted)}
    known = {key: set(message.removeprefix(wanted).split(", ")) for key, message in told.items()}
    assert known == {key: _keys(place) for key, place in TABLES.items()}


def _keys(place: str) -> set[str]:
    table = SCHEMA
    for part in place.split("/") if place else ():
        table = table[part]
    return set(table["properties"])


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", TARIFFS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_good_tariffs_are_valid(path: Path) -> None:
    assert [error.message for error in VALID.iter_errors(tomllib.loads(path.read_text("utf-8")))] == []


RATE = '[rate.r]\ncurrency = "GBP"\n'
PLAN = '[plan.p]\ncurrency = "GBP"\n'
FEE = '[fee.f]\nplan = "p"\ncurrency = "GBP"\n'
DISCOUNT = '[discount.d]\nplan = "p"\n'
ALLOWANCE = '[allowance.a]\nplan = "p"\nunit = "s"\n'
MONEY = '[allowance.a]\nplan = "p"\ncurrency = "GBP"\n'
BAD = [
    RATE + "price = 0.1",
    RATE + 'price = "1e3"',
    RATE + 'price = "-1"',
    RATE + 'price = "0.1234567891"',
    RATE,
    RATE + 'steps = [{ price = "1" }]\nper = 60',
    '[rate.r]\nprice = "1"',
    RATE + 'price = "1"\nper = 0',
    RATE + 'price = "1"\ncolour = "red"',
    RATE + 'price = "1"\nrounding = { scale = 10 }',
    '[zone.z]\nprefixes = ["44x"]',
    '[calendar.c.special]\nxmas = ["25/12/2024"]',
    "[calendar.c.special]\nxmas = { }",
    PLAN,
    PLAN + '[[plan.p.rule]]\nrate = "r"\ndeck = "d"',
    PLAN + '[[plan.p.rule]]\nzone = "z"\ndeck = "d"',
    PLAN + '[[plan.p.rule]]\nservice = "fax"\nrate = "r"',
    '[deck.d]\nfile = "d.csv"\ncurrency = "GBP"\n[deck.d.columns]\nprefix = "p"',
    '[rates.r]\nprice = "1"',
    ALLOWANCE + "amount = 1.5",
    ALLOWANCE + 'amount = 1\nperiod = "year"',
    ALLOWANCE + "amount = 1\nfactor = 2",
    ALLOWANCE + "amount = 1\nrollover = { periods = 2 }",
    ALLOWANCE,
    ALLOWANCE + 'amount = "1.50"',
    MONEY + "amount = 1",
    MONEY + 'amount = "1"\nfactor = "2"',
    MONEY + 'amount = "1"\nrollover = { limit = 5 }',
    '[accumulator.a]\nunit = "s"',
    '[accumulator.a]\nplan = "p"\nunit = "s"\ncap = "1"',
    RATE + 'price = "1"\ntiers = "volume"',
    RATE + 'price = "1"\naccumulator = "a"\nstep_counter = "isolated"',
    FEE,
    FEE + "amount = 5",
    FEE + 'amount = "5"\nperiod = "year"',
    FEE + 'amount = "5"\ndue = "later"',
    DISCOUNT,
    DISCOUNT + 'percent = "10"\namount = "5"\ncurrency = "GBP"',
    DISCOUNT + 'amount = "5"',
    DISCOUNT + 'percent = "10"\nabove = "100"',
    DISCOUNT + 'percent = "10"\nwhen = { limit = "100" }',
]


@pytest.mark.parametrize("text", BAD)
def test_bad_tariffs_are_not(text: str) -> None:
    assert not VALID.is_valid(tomllib.loads(text))


PARTNERS = Draft202012Validator(json.loads((ROOT / "docs" / "schema" / "partners.schema.json").read_text("utf-8")))
# line of partners.csv, whether it may be
LINES = [
    ("acme,DEUAC,262-01 262-010,bills,visitors,2026-01-01,", True),
    ("acme,DEUAC,,bills,,,", True),
    ("acme,DEUAC,,,visitors,,", False),
    (",DEUAC,262-01,,,,", False),
    ("acme,deuac,262-01,,,,", False),
    ("acme,DEUAC,26201,,,,", False),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_partner_is_told_by_its_own_schema(line: str, *, expected: bool, tmp_path: Path) -> None:
    names = ("partner", "tadig", "networks", "plan_in", "plan_out", "valid_from", "valid_to")
    assert PARTNERS.is_valid(dict(zip(names, line.split(","), strict=True))) == expected
    plan = '[plan.{0}]\ncurrency = "XDR"\n[[plan.{0}.rule]]\nrate = "r"\n'
    rate = '[rate.r]\ncurrency = "XDR"\nprice = "1"\n'
    (tmp_path / "a.toml").write_text(rate + plan.format("bills") + plan.format("visitors"))
    (tmp_path / "partners.csv").write_text(f"{','.join(names)}\n{line}\n")
    assert (load(tmp_path)[1] == []) == expected
