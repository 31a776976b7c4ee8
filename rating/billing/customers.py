"""Customers: who is billed for which accounts, and what they have paid.

Enters: a customer folder: ``customers.csv``, and maybe ``services.csv``, ``payments.csv`` and ``billing.toml``
(docs/billing.md). Leaves: :class:`Customers`, every problem with file and line. Always holds: an account has one
customer, a payment one reference; an account that no service lists belongs to the customer of its own name; the
version is the hash of what the folder says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

from rating.billing.settings import FILE, LANGUAGES, Settings, read_settings
from tariffs import sheets, values
from tariffs.model import Problem
from tariffs.sheets import Sheet

FILES: Final = ("customers.csv", "services.csv", "payments.csv", FILE)
CUSTOMER_SCHEMA: Final = pl.Schema(dict.fromkeys(
    ("customer", "name", "address", "language", "currency", "cycle", "tax_id", "region"), pl.String()
) | {"tax_exempt": pl.Boolean()})  # fmt: skip
SERVICE_SCHEMA: Final = pl.Schema(dict.fromkeys(("account", "customer", "cost_centre"), pl.String()))
PAYMENT_SCHEMA: Final = pl.Schema(
    {"customer": pl.String(), "reference": pl.String(), "paid_on": pl.Date(), "currency": pl.String()}
    | {"amount": pl.Int64()}
)
"""Payments; ``amount`` in nano, below zero where money was paid back."""

_ADDRESS: Final = tuple(f"address{number}" for number in range(1, 7))
_SAID: Final = {"yes": True, "no": False, "": False}


class CustomerError(ValueError):
    """A customer folder that cannot be used; the text lists every problem."""


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """A customer folder: ``customers``, ``services`` and ``payments`` in the schemas above, in order of their keys."""

    customers: pl.DataFrame
    services: pl.DataFrame
    payments: pl.DataFrame
    settings: Settings
    version: str

    def accounts(self) -> pl.DataFrame:
        """Every account with its customer and cost centre: those of services, and customers that are accounts."""
        own = self.customers.select(account="customer", customer="customer", cost_centre=pl.lit(""))
        return pl.concat([self.services, own.join(self.services, on="account", how="anti")]).sort("account")


def read_customers(folder: Path) -> Customers:
    """The customers of ``folder``.

    Raises:
        CustomerError: there is no such folder, or what it says is wrong.

    """
    if not folder.is_dir():
        raise CustomerError(f"{folder}: no such customer folder")
    problems: list[Problem] = []
    settings = read_settings(folder / FILE, problems)
    customers = _customers(folder / "customers.csv", settings, problems)
    services = _services(folder / "services.csv", customers, problems)
    payments = _payments(folder / "payments.csv", customers, problems)
    if problems:
        raise CustomerError("\n".join(str(problem) for problem in sorted(problems)))
    return Customers(customers, services, payments, settings, _version(folder))


def _version(folder: Path) -> str:
    """The first 16 hex digits of the SHA-256 of the folder's files."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _sheet(path: Path, required: Sequence[str], optional: Sequence[str], problems: list[Problem]) -> Sheet | None:
    """The rows of ``path``, with every optional column and no other; a problem for each unknown one."""
    sheet = sheets.read(path, problems, required)
    if sheet is None:
        return None
    known = {"line", *required, *optional}
    for column in sorted(set(sheet.frame.columns) - known):
        sheet.problem(1, column, f"is unknown; expected one of {', '.join([*required, *optional])}")
    for column in optional:
        if column not in sheet.frame.columns:
            sheet.constant(column, "", pl.String)
    for column in required:
        for line in sheet.frame.filter(pl.col(column) == "")["line"].to_list():
            sheet.problem(line, column, "is empty")
    return sheet


def _unique(sheet: Sheet, key: str) -> None:
    """A problem for each row whose ``key`` an earlier row has."""
    rows = sheet.frame.with_columns(pl.col("line").first().over(key).alias("before"))
    for text, line, before in rows.filter(pl.col("line") > pl.col("before")).select(key, "line", "before").rows():
        sheet.problem(line, key, f"{text!r} stands in line {before} already")


def _customers(path: Path, settings: Settings, problems: list[Problem]) -> pl.DataFrame:
    optional = (*_ADDRESS, "language", "currency", "cycle", "tax_id", "region", "tax_exempt")
    sheet = _sheet(path, ("customer", "name"), optional, problems)
    if sheet is None:
        return CUSTOMER_SCHEMA.to_frame()
    _unique(sheet, "customer")
    sheet.convert("language", "language", pl.String, _or("en", LANGUAGES))
    sheet.convert("cycle", "cycle", pl.String, _or(next(iter(settings.cycles)), tuple(settings.cycles)))
    sheet.convert("region", "region", pl.String, _or("", tuple(settings.regions)))
    sheet.convert("tax_exempt", "tax_exempt", pl.Boolean, _said)
    sheet.convert("currency", "currency", pl.String, _currency)
    lines = pl.concat_list(_ADDRESS).list.eval(pl.element().filter(pl.element() != ""))
    return (
        sheet.frame.with_columns(lines.list.join("\n").alias("address"))
        .select(CUSTOMER_SCHEMA.names())
        .sort("customer")
    )


def _services(path: Path, customers: pl.DataFrame, problems: list[Problem]) -> pl.DataFrame:
    sheet = _sheet(path, ("account", "customer"), ("cost_centre",), problems) if path.exists() else None
    if sheet is None:
        return SERVICE_SCHEMA.to_frame()
    _unique(sheet, "account")
    _known(sheet, customers)
    return sheet.frame.select(SERVICE_SCHEMA.names()).sort("account")


def _payments(path: Path, customers: pl.DataFrame, problems: list[Problem]) -> pl.DataFrame:
    columns = ("customer", "date", "amount", "currency", "reference")
    sheet = _sheet(path, columns, (), problems) if path.exists() else None
    if sheet is None:
        return PAYMENT_SCHEMA.to_frame()
    _unique(sheet, "reference")
    _known(sheet, customers)
    sheet.convert("date", "paid_on", pl.Int64, lambda text: (values.day(text) - _EPOCH).days)
    sheet.convert("amount", "amount", pl.Int64, _signed)
    sheet.convert("currency", "currency", pl.String, _currency)
    days = sheet.frame.with_columns(pl.col("paid_on").cast(pl.Int32).cast(pl.Date))
    return days.select(PAYMENT_SCHEMA.names()).sort("customer", "paid_on", "reference")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).date()


def _known(sheet: Sheet, customers: pl.DataFrame) -> None:
    for line, customer in sheet.frame.join(customers, on="customer", how="anti").select("line", "customer").rows():
        sheet.problem(line, "customer", f"no row of customers.csv has {customer!r}")


def _or(default: str, of: tuple[str, ...]) -> Callable[[str], str]:
    """A parser that lets the texts ``of`` pass, and takes nothing for ``default``."""
    known = sheets.one_of(of)
    return lambda text: known(text) if text else default


def _said(text: str) -> bool:
    if text not in _SAID:
        raise ValueError(f"expected yes or no, not {text!r}")
    return _SAID[text]


def _currency(text: str) -> str:
    if text and not (len(text) == 3 and text.isascii() and text.isupper()):
        raise ValueError(f"expected a currency such as EUR, not {text!r}")
    return text


def _signed(text: str) -> int:
    """A decimal string as nano-units, which may be below zero."""
    return -values.money(text[1:]) if text.startswith("-") else values.money(text)
