"""What a tariff may say but hardly mean: one folder a row, the lint last; and clean folders, which have none."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tariffs.compile import compile_tariff
from tariffs.diagnose import Diagnosis, diagnose
from tariffs.load import load

AT = 1_772_323_200_000_000  # 2026-03-01
RATE = '[rate.r]\ncurrency = "GBP"\nprice = "1"\n'
CHEAP = '[rate.cheap]\ncurrency = "GBP"\nprice = "0.5"\n'
PLAN = '[plan.p]\ncurrency = "GBP"\n'
RULE = '[[plan.p.rule]]\nrate = "r"\n'
UK = '[zone.uk]\nprefixes = ["44"]\n'
KIN = "[class.kin]\nsubscribed = true\n"
WEEK = '[calendar.w]\n[calendar.w.bands]\npeak = ["mon-fri"]\n'
DECK = (
    '[deck.d]\nfile = "d.csv"\ncurrency = "GBP"\nper = 1\n'
    '[deck.d.columns]\nprefix = "p"\nprice = "r"\nvalid_from = "f"\nvalid_to = "t"\n'
)
ON_DECK = DECK + PLAN + '[[plan.p.rule]]\ndeck = "d"\n'
BESIDE_DECK = (
    WEEK
    + UK
    + RATE
    + DECK
    + PLAN
    + ('calendar = "w"\n[[plan.p.rule]]\ndeck = "d"\n[[plan.p.rule]]\nzone = "uk"\nband = "peak"\nrate = "r"\n')
)
UK_RULE = '[[plan.p.rule]]\nzone = "uk"\nrate = "r"\n'
TEN = "p,r,f,t\n44,1,,\n" + "".join(f"44{digit},1,,\n" for digit in range(10))
BUY = '[plan.out]\ncurrency = "GBP"\n[[plan.out.rule]]\nrate = "r"\n'
TRUNKS = "trunk,carrier,direction,plan_in,plan_out\n"
SUBSCRIBED = "kind,key,account,plan\n"
USD = '[rate.d]\ncurrency = "USD"\nprice = "1"\n[plan.q]\ncurrency = "USD"\n[[plan.q.rule]]\nrate = "d"\n'


def _steps(steps: str, more: str = "") -> str:
    return f'[rate.r]\ncurrency = "GBP"\nsteps = [{steps}]\n{more}' + PLAN + RULE


def _diagnosed(folder: Path, files: dict[str, str]) -> Diagnosis:
    for name, text in files.items():
        (folder / name).write_text(text)
    return diagnose(folder, AT)


# files beside each other, the lint
LINTS = [
    (
        {"a.toml": RATE + UK + PLAN + '[[plan.p.rule]]\nzone = "uk"\nrate = "r"\n[[plan.p.rule]]\nservice = "voice"\n'
         'zone = "uk"\nrate = "r"\n' + "".join(f'[[plan.p.rule]]\nservice = "{s}"\nzone = "uk"\nrate = "r"\n'
                                             for s in ("sms", "mms", "data", "content"))},
        "a.toml:8: plan.p.rule: never applies, other rules are more specific everywhere: zone=uk -> rate r",
    ),
    (
        {"a.toml": RATE + UK + WEEK + PLAN + 'calendar = "w"\n'
         '[[plan.p.rule]]\nzone = "uk"\nrate = "r"\n'
         '[[plan.p.rule]]\nzone = "uk"\nband = ["peak", "any"]\nrate = "r"\n'},
        "a.toml:12: plan.p.rule: never applies, other rules are more specific everywhere: zone=uk -> rate r",
    ),
    (
        {"a.toml": RATE + UK + WEEK + PLAN + 'calendar = "w"\n'
         '[[plan.p.rule]]\nzone = "uk"\nband = "peak"\nrate = "r"\n'},
        "a.toml:12: plan.p.rule: no rule for zone uk in band any",
    ),
    # what another source prices in that band is no gap, prefix by prefix
    ({"a.toml": BESIDE_DECK, "d.csv": "p,r,f,t\n44,1,,\n"}, ""),
    (
        {"a.toml": BESIDE_DECK.replace('["44"]', '["44", "33", "39"]'), "d.csv": "p,r,f,t\n44,1,,\n"},
        "a.toml:23: plan.p.rule: no rule for zone uk in band any for 2 of its 3 prefixes, 33 the first",
    ),
    (
        {"a.toml": BESIDE_DECK, "d.csv": "p,r,f,t\n44,1,,2027-01-01\n"},
        "a.toml:23: plan.p.rule: no rule for zone uk in band any",
    ),
    ({"a.toml": BESIDE_DECK, "d.csv": "p,r,f,t\n44,1,,2027-01-01\n44,1,2027-01-01,\n"}, ""),
    (
        {"a.toml": BESIDE_DECK + DECK.replace("deck.d", "deck.e").replace("d.csv", "e.csv")
         + '[[plan.p.rule]]\ndeck = "e"\nband = "any"\n', "d.csv": "p,r,f,t\n1,1,,\n",
         "e.csv": "p,r,f,t\n44,1,,\n49,1,,\n"},
        "a.toml:36: plan.p.rule: no rule for deck e in band peak for 1 of its 2 prefixes, 49 the first",
    ),
    ({"a.toml": RATE + KIN + PLAN + RULE}, "a.toml:4: class.kin: no plan names it"),
    ({"a.toml": RATE + UK + KIN + PLAN + RULE + '[[plan.p.rule]]\norigin = "uk"\nclass = "kin"\nrate = "r"\n'}, ""),
    (
        {"a.toml": RATE + KIN + PLAN + '[[plan.p.rule]]\nrate = "r"\n'
         + '[[plan.p.rule]]\nclass = ["kin", "other"]\nrate = "r"\n'},
        "a.toml:8: plan.p.rule: never applies, other rules are more specific everywhere: everything -> rate r",
    ),
    ({"a.toml": RATE + CHEAP + PLAN + RULE}, "a.toml:4: rate.cheap: no plan names it"),
    ({"a.toml": RATE + UK + PLAN + RULE}, "a.toml:4: zone.uk: no plan names it"),
    ({"a.toml": RATE + WEEK + PLAN + RULE}, "a.toml:5: calendar.w: no plan names it"),
    (
        {"a.toml": RATE + '[zone.uk]\nprefixes = ["44", "4420"]\n' + PLAN
         + '[[plan.p.rule]]\nzone = "uk"\nrate = "r"\n'},
        "a.toml:4: zone.uk: 4420 adds nothing: 44 of the same zone includes it",
    ),
    (
        {"a.toml": RATE + '[zone.uk]\nprefixes = ["44", "44207"]\n[zone.b]\nprefixes = ["4420"]\n' + PLAN
         + '[[plan.p.rule]]\nzone = ["uk", "b"]\nrate = "r"\n'},
        "",
    ),
    # a deck's prefix between them prices others; a deck has no local ones
    ({"a.toml": RATE + '[zone.uk]\nprefixes = ["4", "442"]\n' + ON_DECK + UK_RULE, "d.csv": "p,r,f,t\n44,1,,\n"}, ""),
    (
        {"a.toml": RATE + '[zone.uk]\nlocal = ["4", "442"]\n' + ON_DECK + UK_RULE, "d.csv": "p,r,f,t\n44,1,,\n"},
        "a.toml:4: zone.uk: 442 adds nothing: 4 of the same zone includes it",
    ),
    (
        {"a.toml": RATE + PLAN + '[[plan.p.version]]\nvalid_to = "2026-01-01"\n[[plan.p.version.rule]]\nrate = "r"\n'
         '[[plan.p.version]]\nvalid_from = "2026-01-02"\n[[plan.p.version.rule]]\nrate = "r"\n'},
        "a.toml:10: plan.p.version: no version is in force from 2026-01-01 to 2026-01-02",
    ),
    (
        {"a.toml": ON_DECK, "d.csv": "p,r,f,t\n44,1,,2026-01-01\n44,2,2026-01-01T12:00,\n"},
        "d.csv:3: deck.d: 44 is not listed from 2026-01-01 to 2026-01-01 12:00:00Z",
    ),
    ({"a.toml": ON_DECK, "d.csv": "p,r,f,t\n44,1,,2026-01-01\n44,2,2026-01-01,\n"}, ""),
    ({"a.toml": ON_DECK, "d.csv": TEN}, "d.csv:2: deck.d: 44 never applies: all of its ten continuations are listed"),
    ({"a.toml": ON_DECK, "d.csv": TEN.replace("449,1,,\n", "")}, ""),
    ({"a.toml": ON_DECK, "d.csv": TEN.replace("449,1,,", "449,1,,2027-01-01")}, ""),
    (
        {"a.toml": ON_DECK, "d.csv": TEN.replace("449,1,,\n", "".join(f"449{digit},1,,\n" for digit in range(10)))},
        "d.csv:2: deck.d: 44 never applies: all of its ten continuations are listed",
    ),
    (
        {"a.toml": UK + RATE + ON_DECK + '[[plan.p.rule]]\nzone = "uk"\nrate = "r"\n',
         "d.csv": "p,r,f,t\n1,1,,\n44,1,,\n"},
        "d.csv:3: deck.d: +44 never applies on plan p: zone uk lists it too",
    ),
    (
        {"a.toml": _steps('{ price = "1", increment = 60 }, { from = 30, price = "2" }, { from = 60, price = "3" }')},
        "a.toml:1: rate.r.steps.1: never applies: no increment begins from 30 to 60, 60 is the next",
    ),
    ({"a.toml": _steps('{ price = "1", increment = 30 }, { from = 30, price = "2" }, { from = 60, price = "3" }')}, ""),
    (
        {"a.toml": _steps('{ price = "1", minimum = 90 }, { from = 60, price = "2" }, { from = 90, price = "3" }')},
        "a.toml:1: rate.r.steps.1: never applies: no increment begins from 60 to 90, 90 is the next",
    ),
    (
        {"a.toml": _steps('{ price = "1", minimum = 90 }, { from = 60, price = "2" }, { from = 90, price = "3" }',
                          'boundary = "cut"\n')},
        "",
    ),
    (
        {"a.toml": _steps('{ price = "1" }, { from = 60, price = "2" }', 'max_charge = "60"\n')},
        "a.toml:1: rate.r.steps.1: never applies: max_charge is reached before it begins",
    ),
    ({"a.toml": _steps('{ price = "1" }, { from = 60, price = "2" }', 'max_charge = "60.5"\n')}, ""),
    (
        {"a.toml": RATE + CHEAP + PLAN + '[[plan.p.rule]]\nrate = "cheap"\n' + BUY,
         "trunks.csv": TRUNKS + "T,c,out,,out\n"},
        "a.toml:4: plan.p: everything sells at 0.5 per 1, below the 1 per 1 that out costs for it",
    ),
    (
        {"a.toml": RATE + ON_DECK + BUY, "d.csv": "p,r,f,t\n44,1,,\n4420,0.999999999,,\n",
         "trunks.csv": TRUNKS + "T,c,out,,out\n"},
        "d.csv:3: plan.p: +4420 sells at 0.999999999 per 1, below the 1 per 1 that out costs for +4420",
    ),
    ({"a.toml": RATE + ON_DECK + BUY, "d.csv": "p,r,f,t\n44,0,,\n", "trunks.csv": TRUNKS + "T,c,out,,out\n"}, ""),
    (
        {"a.toml": RATE + PLAN + RULE + USD, "subscriptions.csv": SUBSCRIBED + "number,1,a,p\nnumber,2,a,q\n"},
        "subscriptions.csv:2: plan: account a has plans in GBP and USD",
    ),
    (
        {"a.toml": RATE + PLAN + RULE + USD, "trunks.csv": TRUNKS + "T,c,in,p,\nU,c,out,,q\n"},
        "trunks.csv:3: plan: carrier c has plans in USD and, in line 2, in GBP",
    ),
    (
        {"a.toml": RATE + PLAN + RULE + USD, "trunks.csv": TRUNKS + "U,c,out,,q\n"},
        "a.toml:11: plan.q: costs are in USD, sales in GBP: no margin can be told",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("files", "lint"), LINTS)
def test_lint(tmp_path: Path, files: dict[str, str], lint: str) -> None:
    found = _diagnosed(tmp_path, files)
    told = [str(each) for each in found.problems]
    assert found.catalogue is not None
    assert all(each.lint and each.code for each in found.problems)
    assert told == ([lint] if lint else []) or (lint and lint in told), told


def test_one_fault_does_not_hide_another(tmp_path: Path) -> None:
    found = _diagnosed(tmp_path, {"a.toml": RATE + PLAN + RULE + RULE + '[[plan.p.rule]]\nrate = "none"\n'})
    assert found.catalogue is None
    assert [str(each) for each in found.errors] == [
        "a.toml:8: plan.p.rule: as specific as the rule in a.toml:6",
        "a.toml:10: plan.p.rule.rate: there is no rate none",
    ]


# the new price of +44, in force at 1; the threshold; how many jumps
JUMPS = [("1.25", "25", 0), ("1.2501", "25", 1), ("0.75", "25", 0), ("0.7", "25", 1), ("1.02", "1.5", 1)]


@pytest.mark.parametrize(("price", "percent", "count"), JUMPS)
def test_jump(tmp_path: Path, price: str, percent: str, count: int) -> None:
    (tmp_path / "a.toml").write_text(ON_DECK)
    (tmp_path / "d.csv").write_text("p,r,f,t\n44,1,,\n")
    against, _ = compile_tariff(load(tmp_path)[0])
    (tmp_path / "d.csv").write_text(f"p,r,f,t\n1,9,,\n44,{price},,\n")
    found = diagnose(tmp_path, AT, against, Decimal(percent)).problems
    assert [(each.code, each.place.line) for each in found] == [("jump", 3)] * count
