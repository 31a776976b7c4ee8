"""The customers of a synthetic operator: who is billed, in which language, for which accounts.

Enters: a folder that ``samples/generate.py`` wrote. Leaves: ``customers/`` beside the tariff: customers, services, some
payments, billing settings; and in the tariff, fees, a discount, and value added tax on every plan. Always holds: the
same folder gives the same customers; business accounts belong to companies of four, a cost centre each.

``python samples/customers.py OUT``
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path
from typing import Final

BILLING: Final = Path(__file__).parent / "billing"
PLANS: Final = ("consumer", "payg", "business")
CENTRES: Final = ("Sales", "Support", "Warehouse", "Board")
FIRST: Final = ("Ada", "Ben", "Chloe", "Dev", "Emma", "Finn", "Grace", "Hugo")
LAST: Final = ("Ashworth", "Brown", "Carter", "Dale", "Evans", "Foster", "Green")
CHINESE: Final = ("王小明", "李娜", "张伟", "刘洋", "陈静")


def customers(out: Path | str) -> int:
    """Write the customers of the operator in ``out``; return how many there are."""
    folder = Path(out)
    target = folder / "customers"
    target.mkdir(exist_ok=True)
    shutil.copy(BILLING / "billing.toml", target)
    shutil.copy(BILLING / "fees.toml", folder / "tariffs")
    _tax(folder / "tariffs" / "retail.toml")
    with (folder / "tariffs" / "subscriptions.csv").open(encoding="utf-8", newline="") as lines:
        accounts = sorted({row["account"] for row in csv.DictReader(lines)})
    companies: dict[str, list[str]] = {}
    for place, account in enumerate(each for each in accounts if each.startswith("B")):
        companies.setdefault(f"COMPANY-{place // 4 + 1:03}", []).append(account)
    people = [each for each in accounts if not each.startswith("B")]
    rows = [_person(account, place) for place, account in enumerate(people)]
    rows += [
        (name, f"{LAST[at % 7]} & Sons Ltd", "5 Mill Lane", "Leeds", "en", "") for at, name in enumerate(companies)
    ]
    header = ("customer", "name", "address1", "address2", "language", "tax_exempt")
    _write(target / "customers.csv", header, sorted(rows))
    services = [(b, name, CENTRES[at]) for name, of in companies.items() for at, b in enumerate(of)]
    _write(target / "services.csv", ("account", "customer", "cost_centre"), services)
    paid = [(each, "2026-03-20", "10.00", "GBP", f"P-{each}") for each in people[::50]]
    _write(target / "payments.csv", ("customer", "date", "amount", "currency", "reference"), paid)
    return len(rows)


def _person(account: str, place: int) -> tuple[str, ...]:
    """A person: every tenth is Chinese, every fortieth is exempt from tax."""
    exempt = "yes" if place % 40 == 7 else ""
    if place % 10 == 3:
        return account, CHINESE[place // 10 % 5], f"北京市朝阳区建国路{place}号", "中国", "zh", exempt
    name = f"{FIRST[place % 8]} {LAST[place % 7]}"
    return account, name, f"{place % 90 + 1} Station Road", "York", "en", exempt


def _tax(path: Path) -> None:
    """Give each plan of ``path`` the tax, once."""
    text = path.read_text(encoding="utf-8")
    for plan in PLANS:
        head = f"[plan.{plan}]\n"
        text = text.replace(f'{head}tax = "vat"\n', head).replace(head, f'{head}tax = "vat"\n')
    path.write_text(text, encoding="utf-8")


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([header, *rows])


def main() -> None:
    """Write the customers of the folder that the command line names."""
    arguments = argparse.ArgumentParser(description="The customers of a synthetic operator.")
    arguments.add_argument("out", metavar="OUT", help="a folder that samples/generate.py wrote")
    print(customers(arguments.parse_args().out), "customers")


if __name__ == "__main__":
    main()
