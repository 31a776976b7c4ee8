"""The lake: deltas land here, whole or not at all, and SQL reads them."""

from rating.lake.delta import SUSPENSE, Delta, LayoutVersion, Offset, TariffVersion
from rating.lake.disk import Upkeep, open_lake
from rating.lake.errors import LakeError, LakeUnavailable, QueryError, StaleOffset
from rating.lake.lake import Lake
from rating.lake.memory import MemoryLake
from rating.lake.totals import control_totals

__all__ = [
    "SUSPENSE",
    "Delta",
    "Lake",
    "LakeError",
    "LakeUnavailable",
    "LayoutVersion",
    "MemoryLake",
    "Offset",
    "QueryError",
    "StaleOffset",
    "TariffVersion",
    "Upkeep",
    "control_totals",
    "open_lake",
]
