"""The lake: deltas land here, whole or not at all, and SQL reads them."""

from rating.lake.delta import STATE, SUSPENSE, Delta, Extent, LayoutVersion, Offset, TariffVersion
from rating.lake.disk import open_lake
from rating.lake.errors import LakeError, LakeUnavailable, QueryError, StaleOffset, StaleState
from rating.lake.lake import Lake
from rating.lake.memory import MemoryLake
from rating.lake.totals import control_totals
from rating.lake.upkeep import Upkeep

__all__ = [
    "STATE",
    "SUSPENSE",
    "Delta",
    "Extent",
    "Lake",
    "LakeError",
    "LakeUnavailable",
    "LayoutVersion",
    "MemoryLake",
    "Offset",
    "QueryError",
    "StaleOffset",
    "StaleState",
    "TariffVersion",
    "Upkeep",
    "control_totals",
    "open_lake",
]
