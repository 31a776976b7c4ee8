"""CGRateS 0.x tariff folders as tariff folders (docs/importers.md).

Enters: a folder of CSV files. Leaves: a tariff folder and a ``Report``. Always holds: the folder loads and compiles;
prices follow exact arithmetic; what it says otherwise than the source is in the report.
"""

from __future__ import annotations

from pathlib import Path

from tariffs import values
from tariffs.importers.cgrates.action_rows import read_actions
from tariffs.importers.cgrates.destinations import classes
from tariffs.importers.cgrates.grants import Grants
from tariffs.importers.cgrates.offers import Offers
from tariffs.importers.cgrates.packages import Packages, Payer
from tariffs.importers.cgrates.plans import Plans
from tariffs.importers.cgrates.profiles import Profiles
from tariffs.importers.cgrates.rows import read
from tariffs.importers.folder import fresh, prove, shown, write_csv, write_toml
from tariffs.importers.report import Report
from tariffs.model import Place

SUBSCRIPTIONS = ("kind", "key", "account", "plan", "valid_from", "valid_to")


def import_cgrates(source: Path, folder: Path, *, currency: str = "XXX", zone: str = "UTC", depth: int = 3) -> Report:
    """Write the tariff folder that says what the CGRateS folder ``source`` says.

    ``zone`` is that of the timings and of dates without an offset; ``depth`` how many subjects a fallback may
    pass, the first included.

    Raises:
        ValueError: ``source`` is no CGRateS folder or cannot be read, or there is no such ``zone``.
        FileExistsError: ``folder`` holds a tariff already.

    """
    report = Report()
    civil = values.zone_info(zone)
    rows, actions = read(source, report), read_actions(source, report)
    fresh(folder, ["*.toml", "*.csv"])
    report.decided(Place("Rates.csv"), f"the source names no currency: amounts are in {currency}")
    offers = Offers(rows, currency, report)
    if rows.timings:
        report.decided(Place("Timings.csv"), f"the source names no time zone: timings are civil time in {zone}")
    plans = Plans(offers, zone)
    for name in offers.plans:
        plans.add((name,))
    profiles = Profiles(report, civil, depth)
    profiles.read(rows.profiles, set(plans.plans))
    periods = list(profiles.periods())
    for chain in dict.fromkeys(period.chain for period in periods if len(period.chain) > 1):
        plans.add(chain)
    packages = Packages(actions, report)
    packages.read(Grants(actions, offers, zone))
    offers.report_unused(packages.destinations)
    payers = packages.payers(periods)
    packages.copy_plans(plans.plans, payers)
    named, inside = classes(offers.holders, packages.destinations)
    granted = packages.allowances(payers, inside)
    _write(folder, source.name, plans, payers, {"class": named, "allowance": granted})
    report.written = {
        "plans": len(plans.plans),
        "rates": len(offers.rates),
        "zones": len(plans.zones),
        "calendars": len(plans.calendars),
        "subscriptions": len(payers),
        "allowances": len(granted),
    }
    prove(folder, report)
    return report


def _write(folder: Path, source: str, plans: Plans, payers: list[Payer], granted: dict[str, object]) -> None:
    says = f"Imported from the CGRateS folder {source}."
    write_toml(folder / "calendars.toml", says, {"tariff": {"zone": plans.zone}, "calendar": plans.calendars})
    write_toml(folder / "plans.toml", says, {"plan": plans.plans})
    write_toml(folder / "rates.toml", says, {"rate": plans.offers.rates})
    write_toml(folder / "zones.toml", says, {"zone": plans.zones})
    if granted["allowance"]:
        write_toml(folder / "allowances.toml", says, granted)
    pool = ["pool"] if any(payer.pool for payer in payers) else []
    subscriptions = [
        [
            "account",
            "/".join(payer.period.key),
            f"{payer.period.key[0]}/{payer.period.key[2]}",
            payer.plan,
            shown(payer.period.valid_from),
            shown(payer.period.valid_to),
            *([payer.pool] if pool else []),
        ]
        for payer in payers
    ]
    write_csv(folder / "subscriptions.csv", [*SUBSCRIPTIONS, *pool], subscriptions)
