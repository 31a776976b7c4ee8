"""What a run did, as figures for people and for ``--json``.

Enters: rated batches. Leaves: counts per file. Always holds: records = rated + duplicate + filtered +
suspended + merged + control, and amounts are exact decimals per leg and currency.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mediation.reasons import Disposition
from rating.pipeline import Rated


@dataclass(slots=True)
class FileSummary:
    """One file: bytes done, records by disposition and reason, amounts by leg and currency."""

    name: str
    source: str = ""
    size_bytes: int = 0
    done_bytes: int = 0
    records: int = 0
    already: bool = False
    error: str = ""
    dispositions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    amounts: dict[tuple[str, str], Decimal] = field(default_factory=dict)

    def add(self, rated: Rated, done_bytes: int) -> None:
        """Count one committed batch."""
        self.done_bytes = done_bytes
        self.records += rated.records
        self.dispositions[Disposition.RATED] += rated.usage.num_rows
        for row in pc.value_counts(rated.rejected["disposition"].cast(pa.string())).to_pylist():
            self.dispositions[row["values"]] += row["counts"]
        for row in pc.value_counts(rated.rejected["reason"].cast(pa.string())).to_pylist():
            self.reasons[row["values"]] += row["counts"]
        self._add_amounts(rated.charges)

    def _add_amounts(self, charges: pa.RecordBatch) -> None:
        table = pa.table({n: charges[n] for n in ("leg", "currency", "amount")})
        for row in table.group_by(["leg", "currency"]).aggregate([("amount", "sum")]).to_pylist():
            key = (row["leg"], row["currency"])
            self.amounts[key] = self.amounts.get(key, Decimal(0)) + row["amount_sum"]

    @property
    def balanced(self) -> bool:
        """Whether every record that entered is accounted for."""
        return self.records == sum(self.dispositions.values())

    def row(self) -> dict[str, Any]:
        """The figures as ``--json`` gives them; amounts are decimal strings."""
        return {
            "file": self.name,
            "source": self.source,
            "bytes": self.size_bytes,
            "already_rated": self.already,
            "error": self.error or None,
            "records": self.records,
            "dispositions": {d.value: self.dispositions[d] for d in Disposition},
            "reasons": dict(sorted(self.reasons.items())),
            "amounts": [
                {"leg": leg, "currency": currency, "amount": f"{amount:f}"}
                for (leg, currency), amount in sorted(self.amounts.items())
            ],
            "balanced": self.balanced,
        }


def total(files: list[FileSummary]) -> FileSummary:
    """The sum over ``files``."""
    whole = FileSummary(name="total")
    for one in files:
        whole.size_bytes += one.size_bytes
        whole.records += one.records
        whole.dispositions.update(one.dispositions)
        whole.reasons.update(one.reasons)
        for key, amount in one.amounts.items():
            whole.amounts[key] = whole.amounts.get(key, Decimal(0)) + amount
    return whole
