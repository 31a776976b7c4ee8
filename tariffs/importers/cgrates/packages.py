"""Who is granted what: accounts with action plans as subscriptions to plans that include allowances.

Enters: an ``ActionSource``, its grants, the periods of profiles. Leaves: ``Payer``s, copies of plans, ``[allowance]``
tables. Always holds: an account with balances has its own subscriptions, also where it was priced as ``*any``;
strangers are granted nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tariffs.importers.cgrates.action_rows import AccountRow, ActionSource
from tariffs.importers.cgrates.grants import Grant, Grants
from tariffs.importers.cgrates.plans import plan_id
from tariffs.importers.cgrates.profiles import Period
from tariffs.importers.cgrates.rows import ANY
from tariffs.importers.report import Report

Table = dict[str, object]
Account = tuple[str, str]
"""Tenant, account."""


@dataclass(frozen=True, slots=True)
class Payer:
    """A period of a key with the action plan of its account, if that grants anything."""

    period: Period
    package: str = ""
    pool: str = ""

    @property
    def plan(self) -> str:
        """The id of its plan: a copy for the holders of a package."""
        return plan_id(self.period.chain) + (f"~{self.package}" if self.package else "")


@dataclass
class Packages:
    """Accounts by tenant and name, the grants of each action plan that they have, the pool of each account."""

    source: ActionSource
    report: Report
    accounts: dict[Account, AccountRow] = field(default_factory=dict)
    grants: dict[str, list[Grant]] = field(default_factory=dict)
    pools: dict[Account, str] = field(default_factory=dict)

    def read(self, grants: Grants) -> None:
        """Take in every account."""
        for row in self.source.accounts:
            account = (row.tenant, row.account)
            if account in self.accounts:
                self.report.lost(row.place, f"the account is in line {self.accounts[account].place.line} already")
                continue
            self.accounts[account] = row
            if row.plan and row.plan not in self.grants:
                if row.plan not in self.source.plans:
                    self.report.lost(row.place, f"there is no action plan {row.plan}")
                self.grants[row.plan] = grants.of(row.plan) if row.plan in self.source.plans else []
            self._report_terms(row)
            self._pool(account, row)
        self._report_unused()

    @property
    def destinations(self) -> Iterator[str]:
        """Every destination that a grant names."""
        for grant in self._all():
            yield from grant.destinations

    def payers(self, periods: Iterable[Period]) -> list[Payer]:
        """``periods``, and those of ``*any`` for accounts that have balances but no profile of a category."""
        known = list(periods)
        keys = {period.key for period in known}
        found = [self._payer(period, period.key[2]) for period in known]
        strangers: dict[str, list[Period]] = defaultdict(list)
        for period in known:
            if period.key[2] == ANY:
                strangers[period.key[0]].append(period)
        for (tenant, account), row in self.accounts.items():
            for period in strangers[tenant] if self.grants.get(row.plan) else ():
                key = (tenant, period.key[1], account)
                if key not in keys:
                    found.append(self._payer(replace(period, key=key), account))
        self._report_strangers({payer.period.key for payer in found})
        return found

    def copy_plans(self, plans: dict[str, Table], payers: Iterable[Payer]) -> None:
        """Add to ``plans`` the copies that ``payers`` have."""
        for payer in payers:
            plans[payer.plan] = plans[plan_id(payer.period.chain)]

    def allowances(self, payers: Iterable[Payer], classes: Mapping[str, list[str]]) -> dict[str, Table]:
        """The allowances that the plans of ``payers`` include; ``classes`` of each destination."""
        held = list(payers)
        ranks = sorted({grant.rank for grant in self._all()})
        tables: dict[str, Table] = {}
        for grant, packages in self._distinct().items():
            plans = list(dict.fromkeys(payer.plan for payer in held if payer.package in packages))
            many = sum(row.plan in packages for row in self.accounts.values()) if grant.pool else 1
            if plans and grant.amount:
                told = {"plan": plans, "priority": ranks.index(grant.rank)}
                tables[_name(grant, tables)] = told | grant.allowance(many, classes)
        return tables

    def _all(self) -> Iterator[Grant]:
        for grants in self.grants.values():
            yield from grants

    def _distinct(self) -> dict[Grant, list[str]]:
        """Each grant once, with the packages that have it: action plans may share actions."""
        found: dict[Grant, list[str]] = {}
        for package, grants in self.grants.items():
            for grant in grants:
                found.setdefault(grant, []).append(package)
        return found

    def _payer(self, period: Period, account: str) -> Payer:
        key = (period.key[0], account)
        row = self.accounts.get(key)
        package = row.plan if row and self.grants.get(row.plan) else ""
        return Payer(period, package, self.pools.get(key, ""))

    def _pool(self, account: Account, row: AccountRow) -> None:
        for grant in self.grants.get(row.plan, []):
            if grant.pool and self.pools.setdefault(account, grant.pool) != grant.pool:
                message = f"the account shares {self.pools[account]}; it cannot share {grant.pool}, too"
                self.report.lost(row.place, message)
            elif grant.pool in self.source.groups:
                message = "whose balance is used first is not asked: the members draw on one"
                self.report.decided(self.source.groups[grant.pool], message)

    def _report_terms(self, row: AccountRow) -> None:
        if row.allow_negative == "true":
            self.report.decided(row.place, "allow negative lets calls begin, it changes no charge")
        if row.disabled == "true":
            self.report.decided(row.place, "the account is disabled there: here its events are rated")
        for actions, place in self.source.triggers.get(row.triggers, []):
            moved = [each for each in self.source.actions.get(actions, []) if each.type]
            if moved:
                self.report.lost(place, f"a trigger has no counterpart: it never does {actions}")
            else:
                self.report.decided(place, f"{actions} moves no balance: the trigger is not imported")

    def _report_unused(self) -> None:
        rows = self.accounts.values()
        plans, triggers = {row.plan for row in rows}, {row.triggers for row in rows}
        done = {line.actions for plan in plans for line in self.source.plans.get(plan, [])}
        done |= {actions for name in triggers for actions, _ in self.source.triggers.get(name, [])}
        for name, lines in self.source.plans.items():
            if name not in plans:
                self.report.decided(lines[0].place, f"action plan {name} is that of no account: not imported")
        for name, found in self.source.triggers.items():
            if name not in triggers:
                self.report.decided(found[0][1], f"triggers {name} are those of no account: not imported")
        for name, actions in self.source.actions.items():
            if name not in done:
                self.report.decided(actions[0].place, f"actions {name} are done to no account: not imported")

    def _report_strangers(self, keys: set[tuple[str, str, str]]) -> None:
        priced = {(tenant, subject) for tenant, _, subject in keys}
        for account, row in self.accounts.items():
            if self.grants.get(row.plan) and account not in priced:
                self.report.lost(row.place, "nothing prices the account: its balances are not imported")


def _name(grant: Grant, taken: Mapping[str, Table]) -> str:
    """The id of the grant's actions, numbered where they grant several."""
    name, number = grant.row.id, 1
    while name in taken:
        number += 1
        name = f"{grant.row.id}-{number}"
    return name
