"""Balances of CGRateS folders as allowances: what each kind becomes, who draws on it, and what is lost."""

from __future__ import annotations

import csv
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediation.stage import empty
from rating import hypothetical
from rating.balances.live import Balances, no_balances, price_drawing
from rating.guide import guide
from tariffs.catalogue import Catalogue
from tariffs.importers.cgrates import import_cgrates
from tariffs.importers.report import Report
from tests.tariffs.imports import compiled

BASE = {
    "Destinations": "UK,44\nLONDON,4420\nFR,33\nINFO,info\nINFO,55\n",
    "Timings": "FIRST,*any,*any,1,*any,00:00:00\nMONDAYS,*any,*any,*any,1,00:00:00\nNOON,*any,*any,*any,*any,12:00:00\n"
    "NIGHTLY,*any,*any,*any,*any,00:00:00\nJUNE,*any,6,1,*any,00:00:00\n",
    "Rates": "R,0,0.01,1s,1s,0s\nR_SMS,0,0.1,1,1,0\n",
    "DestinationRates": "D,*any,R,*up,4,,\nD_SMS,*any,R_SMS,*up,4,,\n",
    "RatingPlans": "P,D,*any,10\nP_SMS,D_SMS,*any,10\n",
    "RatingProfiles": "t,call,ann,,P,\nt,call,*any,,P,\nt,sms,*any,,P_SMS,\n",
    "AccountActions": "t,ann,PACK,TRIGGERS,,\nt,ben,PACK,,,\n",
}
COLUMNS = (
    *("id", "action", "parameters", "filters", "balance", "type", "categories", "destinations", "subject", "group"),
    *("expiry", "timings", "units", "weight", "blocker", "disabled", "order"),
)
MINUTES = {"type": "*voice", "units": "5m"}
MONEY = {"type": "*monetary", "units": "10.5"}


def action(action: str = "*topup_reset", name: str = "A", **keys: str) -> str:
    said = {"id": name, "action": action} | keys
    assert set(said) <= set(COLUMNS)
    return ",".join(said.get(column, "") for column in COLUMNS)


def imported(folder: Path, **files: str) -> Report:
    source = folder / "in"
    source.mkdir()
    for name, text in (BASE | {"ActionPlans": "PACK,A,*asap,10\n"} | files).items():
        (source / f"{name}.csv").write_text(text)
    return import_cgrates(source, folder / "out", currency="EUR", zone="Europe/London")


def allowances(folder: Path) -> dict[str, dict[str, object]]:
    """The allowances of the folder, but for their plans and zone."""
    path = folder / "out" / "allowances.toml"
    if not path.exists():
        return {}
    compiled(folder / "out")
    made = tomllib.loads(path.read_text("utf-8"))["allowance"]
    return {name: {key: made[name][key] for key in made[name].keys() - {"plan", "time_zone"}} for name in made}


VOICE = {"unit": "s", "service": "voice", "amount": 300, "increment": 1, "period": "once", "priority": 0}
MONTHLY = VOICE | {"period": "month"}
PURSE = {"currency": "EUR", "amount": "10.5", "period": "once", "priority": 0}

# keys of the action, when it is done, the allowance
BECOMES = [
    (MINUTES, ["*asap"], VOICE),
    (MINUTES | {"subject": "*zero1m"}, ["*asap"], VOICE | {"increment": 60}),
    (MINUTES | {"units": "600000000000"}, ["*asap"], VOICE | {"amount": 600}),
    (MINUTES | {"expiry": "*unlimited", "categories": "*any", "destinations": "*any"}, ["*asap"], VOICE),
    (MINUTES | {"expiry": "+720h"}, ["*asap"], VOICE | {"valid_days": 30}),
    (MINUTES, ["*asap", "FIRST"], MONTHLY),
    (MINUTES, ["FIRST"], MONTHLY),
    (MINUTES, ["*monthly"], MONTHLY),
    (MINUTES, ["MONDAYS"], VOICE | {"period": "week"}),
    (MINUTES, ["NIGHTLY"], VOICE | {"period": "day"}),
    (MINUTES | {"action": "*topup"}, ["*asap"], VOICE),
    (MINUTES | {"action": "*topup", "expiry": "*month_end"}, ["FIRST"], MONTHLY),
    (MINUTES | {"action": "*topup"}, ["FIRST"], MONTHLY | {"rollover": {"limit": 300, "periods": 12}}),
    ({"type": "*sms", "units": "100"}, ["*asap"],
     {"unit": "event", "service": "sms", "amount": 100, "increment": 1, "period": "once", "priority": 0}),
    ({"type": "*data", "units": "1024", "subject": "*zero1024"}, ["*asap"],
     {"unit": "byte", "service": "data", "amount": 1024, "increment": 1024, "period": "once", "priority": 0}),
    (MONEY, ["*asap"], PURSE),
    (MONEY | {"action": "*topup"}, ["FIRST"],
     PURSE | {"period": "month", "rollover": {"limit": "10.5", "periods": 12}}),
    (MINUTES | {"destinations": "UK"}, ["*asap"], VOICE | {"class": ["UK"]}),
    (MINUTES | {"group": "FAMILY"}, ["*asap"], VOICE | {"amount": 600, "pool": True}),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "timings", "expected"), BECOMES)
def test_what_a_balance_becomes(
    keys: dict[str, str], timings: list[str], expected: dict[str, object], tmp_path: Path
) -> None:
    plans = "".join(f"PACK,A,{timing},10\n" for timing in timings)
    imported(tmp_path, Actions=action(**keys), ActionPlans=plans)
    assert allowances(tmp_path) == {"A": expected}


# files beside the base, (file, line, whether it is lost, part of the message) of a finding
FOUND = [
    ({"Actions": action("*debit", **MONEY)}, ("Actions.csv", 1, True, "*debit has no counterpart")),
    ({"Actions": action("*log")}, ("Actions.csv", 1, False, "changes no balance")),
    ({"Actions": action(**MINUTES, subject="RP")}, ("Actions.csv", 1, True, "at the prices of RP")),
    ({"Actions": action(**MONEY, subject="RP")}, ("Actions.csv", 1, True, "at the prices of RP")),
    ({"Actions": action(type="*generic", units="5")}, ("Actions.csv", 1, True, "a balance of *generic")),
    ({"Actions": action(**MINUTES, categories="call")}, ("Actions.csv", 1, True, "categories (call)")),
    ({"Actions": action(**MINUTES, timings="NOON")}, ("Actions.csv", 1, True, "timings (NOON)")),
    ({"Actions": action(**MINUTES, filters="F")}, ("Actions.csv", 1, True, "filters (F)")),
    ({"Actions": action(**MINUTES, blocker="true")}, ("Actions.csv", 1, True, "blocks")),
    ({"Actions": action(**MINUTES, disabled="true")}, ("Actions.csv", 1, False, "disabled")),
    ({"Actions": action(**MINUTES, expiry="2026-01-01")}, ("Actions.csv", 1, True, "ends at 2026-01-01")),
    ({"Actions": action(**MINUTES, destinations="UK;!LONDON")}, ("Actions.csv", 1, True, "no destination !LONDON")),
    ({"Actions": action(**MINUTES, destinations="INFO")}, ("Destinations.csv", 4, True, "'info' of INFO is no number")),
    ({"Actions": action(type="*voice", units="1500ms")}, ("Actions.csv", 1, True, "no whole units")),
    ({"Actions": action(**MINUTES, weight="heavy")}, ("Actions.csv", 1, True, "'heavy'")),
    ({"Actions": action("*topup", **MINUTES), "ActionPlans": "PACK,A,FIRST,10\n"},
     ("Actions.csv", 1, True, "stays for 12 more periods")),
    ({"Actions": action(**MINUTES, balance="B") + "\n" + action(**MINUTES, balance="B")},
     ("Actions.csv", 2, True, "B is granted in line 1, too")),
    ({"Actions": action(**MINUTES), "ActionPlans": "PACK,A,*monthly,10\n"},
     ("ActionPlans.csv", 1, False, "civil midnights")),
    ({"Actions": action(**MINUTES), "ActionPlans": "PACK,A,FIRST,10\n"},
     ("Actions.csv", 1, False, "in which a subscription begins, too")),
    ({"Actions": action("*topup", **MINUTES), "ActionPlans": "PACK,A,*asap,10\nPACK,A,*asap,10\n"},
     ("ActionPlans.csv", 2, True, "A is done twice")),
    ({"Actions": action(**MINUTES), "ActionPlans": "PACK,A,NOON,10\n"}, ("ActionPlans.csv", 1, True, "no midnight")),
    ({"Actions": action(**MINUTES), "ActionPlans": "PACK,A,JUNE,10\n"}, ("ActionPlans.csv", 1, True, "no midnight")),
    ({"Actions": action(**MINUTES), "ActionPlans": "PACK,A,NEVER,10\n"}, ("ActionPlans.csv", 1, True, "timing NEVER")),
    ({"ActionPlans": "PACK,B,*asap,10\n"}, ("ActionPlans.csv", 1, True, "no actions B")),
    ({"ActionPlans": "OTHER,A,*asap,10\n"}, ("AccountActions.csv", 1, True, "no action plan PACK")),
    ({"ActionPlans": "OTHER,A,*asap,10\n"}, ("ActionPlans.csv", 1, False, "that of no account")),
    ({"Actions": action(name="B", **MINUTES)}, ("Actions.csv", 1, False, "done to no account")),
    ({"AccountActions": "t,ann,PACK,,,\nt,ann,PACK,,,\n"}, ("AccountActions.csv", 2, True, "in line 1 already")),
    ({"AccountActions": "t,ann,PACK,,true,\n"}, ("AccountActions.csv", 1, False, "allow negative")),
    ({"AccountActions": "t,ann,PACK,,,true\n"}, ("AccountActions.csv", 1, False, "disabled")),
    ({"Actions": action(**MINUTES), "AccountActions": "u,ann,PACK,,,\n"},
     ("AccountActions.csv", 1, True, "nothing prices the account")),
    ({"Actions": action(**MINUTES), "ActionTriggers": "TRIGGERS,,*min_balance,2" + "," * 16 + "A,10\n"},
     ("ActionTriggers.csv", 1, True, "never does A")),
    ({"Actions": action("*log"), "ActionTriggers": "TRIGGERS,,*max_balance,2" + "," * 16 + "A,10\n"},
     ("ActionTriggers.csv", 1, False, "moves no balance")),
    ({"ActionTriggers": "OTHERS,,*max_balance,2" + "," * 16 + "A,10\n"},
     ("ActionTriggers.csv", 1, False, "those of no account")),
    ({"Actions": action(**MINUTES, group="FAMILY"), "SharedGroups": "FAMILY,*any,*highest,\n"},
     ("SharedGroups.csv", 1, False, "the members draw on one")),
    ({"Actions": action(**MINUTES, group="FAMILY") + "\n" + action(**MONEY, group="WORK")},
     ("AccountActions.csv", 1, True, "it cannot share WORK, too")),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), FOUND)
def test_what_is_found(files: dict[str, str], expected: tuple[str, int, bool, str], tmp_path: Path) -> None:
    report = imported(tmp_path, **files)
    found = [(each.place.file, each.place.line, each.lost, each.message) for each in report.sorted]
    assert any(row[:3] == expected[:3] and expected[3] in row[3] for row in found), found


def test_accounts_with_balances_are_no_strangers(tmp_path: Path) -> None:
    imported(tmp_path, Actions=action(**MINUTES, group="FAMILY"))
    with (tmp_path / "out" / "subscriptions.csv").open() as text:
        rows = [(row["key"], row["plan"], row["pool"]) for row in csv.DictReader(text)]
    assert rows == [
        ("t/call/ann", "P~PACK", "FAMILY"),
        ("t/call/*any", "P", ""),
        ("t/sms/*any", "P_SMS", ""),
        ("t/sms/ann", "P_SMS~PACK", "FAMILY"),
        ("t/call/ben", "P~PACK", "FAMILY"),
        ("t/sms/ben", "P_SMS~PACK", "FAMILY"),
    ]


def draw(catalogue: Catalogue, balances: Balances, key: str, to: str, usage: int, service: str = "voice") -> str:
    """``free of usage: amount less what money covers`` of an event, which has then landed."""
    start = int(datetime(2024, 3, 6, 12, tzinfo=UTC).timestamp()) * 10**6
    unit = "s" if service == "voice" else "event"
    event = hypothetical.Event(None, service, unit, usage, start, "", to, account=key)
    guided, _ = guide(hypothetical.usage_batch([event]), catalogue)
    outcome = price_drawing(guided, catalogue, balances, lambda priced: (priced, empty("rejected")))
    balances.landed(outcome.drawn)
    (row,) = outcome.priced.charges.select(["free_usage", "amount", "covered_amount"]).to_pylist()
    return f"{row['free_usage']}: {(row['amount'] - row['covered_amount']).normalize():f}"


def test_the_heaviest_is_used_first_but_for_named_destinations(tmp_path: Path) -> None:
    actions = [
        action(name="A", type="*voice", units="100s", weight="10"),
        action(name="A", type="*voice", units="200s", weight="20", subject="*zero1m"),
        action(name="A", type="*voice", units="50s", weight="5", destinations="LONDON"),
        action(name="A", type="*sms", units="1", destinations="UK;FR"),
    ]
    report = imported(tmp_path, Actions="\n".join(actions))
    assert report.complete, [str(each) for each in report.sorted]
    catalogue = compiled(tmp_path / "out")
    balances = no_balances(catalogue)
    told = [
        draw(catalogue, balances, "t/call/ann", "+442079460000", 40),  # 40 of London's 50
        draw(catalogue, balances, "t/call/ann", "+442079460000", 40),  # its last 10, then one of the minutes
        draw(catalogue, balances, "t/call/ann", "+33142000000", 150),  # the other two minutes, then 30 of 100
        draw(catalogue, balances, "t/call/ann", "+33142000000", 100),  # the last 70
        draw(catalogue, balances, "t/call/ben", "+33142000000", 60),  # ben has his own
        draw(catalogue, balances, "t/call/joe", "+33142000000", 60),  # a stranger has none
        draw(catalogue, balances, "t/sms/ann", "+4915112345678", 1, "sms"),
        draw(catalogue, balances, "t/sms/ann", "+442079460000", 1, "sms"),
        draw(catalogue, balances, "t/sms/ann", "+33612345678", 1, "sms"),
    ]
    assert told == ["40: 0", "40: 0", "150: 0", "70: 0.3", "60: 0", "0: 0.6", "0: 0.1", "1: 0", "0: 0.1"]


def test_money_pays_what_units_leave(tmp_path: Path) -> None:
    actions = [action(type="*monetary", units="1", weight="20"), action(type="*voice", units="30s", weight="10")]
    assert imported(tmp_path, Actions="\n".join(actions)).complete
    catalogue = compiled(tmp_path / "out")
    balances = no_balances(catalogue)
    told = [draw(catalogue, balances, "t/call/ann", "+33142000000", 50) for _ in range(4)]
    assert told == ["30: 0", "0: 0", "0: 0.2", "0: 0.5"]  # 30 s free, then 0.20, 0.50 and 0.30 of 1.00
