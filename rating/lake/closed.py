"""Closed time: usage that starts in it has been rated in the order in which it started.

Enters: a lake. Leaves: where closed time ends. Always holds: it only grows, with each close that is complete.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rating.lake.lake import Lake

_CLOSED: Final = "SELECT max(until_utc) AS until_utc FROM rating_runs WHERE complete AND kind = 'close'"


def closed_until(lake: Lake) -> datetime | None:
    """Where the time begins that no close has covered; None before the first."""
    until: datetime | None = lake.query(_CLOSED)["until_utc"][0].as_py()
    return until
