"""Which rows of ``charge`` a bill run takes, as SQL.

Enters: a condition. Leaves: a query with the parameter ``$run``. Always holds: a run and its bills are told from one
query, so what a bill sums is what its list of calls shows; a row is taken by one final run at most.
"""

from __future__ import annotations

from typing import Final

from rating.sections import sections

_SQL: Final = {name: part.sql for name, part in sections("rating.billing", "taken.sql").items()}

FRONTIER: Final = _SQL["frontier"]
"""How far each account was billed before ``$run``: account, until_utc, charge_limit."""


def taken(which: str = "true") -> str:
    """The rows that ``$run`` takes, ``which`` alone (a condition on ``c``), with charge_no and corrects_run."""
    return _SQL["taken"].format(frontier=FRONTIER, which=which)
