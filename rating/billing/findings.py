"""What is odd about a trial run, before anybody approves it.

Enters: a run whose bills have landed. Leaves: rows of ``bill_finding``. Always holds: a finding changes no bill; each
names customer or account, what was found, and what it is held against.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa

from mediation.fields import schema
from mediation.stage import typed
from rating.billing.customers import Customers
from rating.lake import Lake
from rating.sections import sections

_CHECKS: Final = sections("rating.billing", "checks.sql")
_FINDINGS: Final = "SELECT * FROM bill_finding WHERE run = $run ORDER BY finding, customer, account, currency"


def findings(lake: Lake, run: int, customers: Customers, accounts: Path) -> pa.Table:
    """The rows of ``bill_finding`` of ``run``; ``accounts`` is a Parquet file of all accounts with their customers."""
    people = accounts.with_name("customers.parquet")
    customers.customers.write_parquet(people)
    settings = customers.settings
    limits = {"least": Decimal(settings.outlier_nano).scaleb(-9), "percent": settings.outlier_percent * 10**4}
    parts = [_found(lake, run, name, limits, {"accounts": accounts, "customers": people}) for name in _CHECKS]
    return pa.concat_tables(parts).combine_chunks()


def _found(lake: Lake, run: int, name: str, limits: dict[str, object], files: dict[str, Path]) -> pa.Table:
    sql = _CHECKS[name].sql.format(**files)
    values = {"run": run} | {key: value for key, value in limits.items() if f"${key}" in sql}
    found = lake.query(f"SELECT * FROM ({sql}) ORDER BY customer, account, currency", values)  # noqa: S608 - ours
    told = {"run": pa.repeat(pa.scalar(run), found.num_rows), "finding": pa.repeat(pa.scalar(name), found.num_rows)}
    columns = told | {column: found[column] for column in found.column_names}
    out = schema("bill_finding")
    return pa.table([typed(columns[field.name], field.type) for field in out], schema=out)


def found(lake: Lake, run: int) -> pa.Table:
    """What the checks of ``run`` found when it was made."""
    return lake.query(_FINDINGS, {"run": run})
