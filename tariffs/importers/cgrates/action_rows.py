"""The CSV files of a CGRateS folder that say who is granted which balances, as rows with lines.

Enters: a folder. Leaves: an ``ActionSource``: every row as it stands there, by name. Always holds: each file may be
absent; text is not interpreted yet.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tariffs.importers.cgrates.rows import rows_of
from tariffs.importers.report import Report
from tariffs.model import Place

_TRIGGER_ACTIONS: Final = 19
"""The column of ActionTriggers.csv that names what a trigger does."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One thing that actions do, most of it about the balance that they do it to; lists are separated by ``;``."""

    place: Place
    id: str
    action: str
    parameters: str
    filters: str
    balance: str
    type: str
    categories: str
    destinations: str
    subject: str
    group: str
    expiry: str
    timings: str
    units: str
    weight: str
    blocker: str
    disabled: str
    order: str


@dataclass(frozen=True, slots=True)
class ActionPlanRow:
    """When the actions of a plan are done to each of its accounts."""

    place: Place
    id: str
    actions: str
    timing: str
    weight: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account, its action plan and its triggers."""

    place: Place
    tenant: str
    account: str
    plan: str
    triggers: str
    allow_negative: str
    disabled: str


@dataclass(frozen=True)
class ActionSource:
    """Rows by the name that other rows call them by; ``triggers`` with the actions that each sets off."""

    actions: dict[str, list[ActionRow]]
    plans: dict[str, list[ActionPlanRow]]
    accounts: list[AccountRow]
    triggers: dict[str, list[tuple[str, Place]]]
    groups: dict[str, Place]


def read_actions(folder: Path, report: Report) -> ActionSource:
    """Read the files of ``folder``; ValueError if one cannot be read."""
    source = ActionSource(defaultdict(list), defaultdict(list), [], defaultdict(list), {})
    for row, place in rows_of(folder / "Actions.csv", 2, 17, report):
        source.actions[row[0]].append(ActionRow(place, *row))
    for row, place in rows_of(folder / "ActionPlans.csv", 3, 4, report):
        source.plans[row[0]].append(ActionPlanRow(place, *row))
    for row, place in rows_of(folder / "AccountActions.csv", 3, 6, report):
        source.accounts.append(AccountRow(place, *row))
    for row, place in rows_of(folder / "ActionTriggers.csv", _TRIGGER_ACTIONS + 1, 21, report):
        source.triggers[row[0]].append((row[_TRIGGER_ACTIONS], place))
    for row, place in rows_of(folder / "SharedGroups.csv", 1, 4, report):
        source.groups.setdefault(row[0], place)
    return source
