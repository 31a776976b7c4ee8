"""What else a batch moves: state of accounts that lives beside the ids.

Enters: a rated batch before its commit. Leaves: rows that land in its transaction. Always holds: a keeper's live
state changes only after the commit, so a batch that did not land has changed nothing; on assignment the state
comes from the lake alone. Allowances and alerts are such keepers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rating.lake import Lake
from rating.lake.delta import Row
from rating.pipeline import Rated
from rating.streaming.coordinates import Partition

Rows = Mapping[str, Sequence[Row]]
"""Rows of small tables by table name, without ``batch_id``."""


class Keeper(Protocol):
    """State per partition that rated usage moves: counters against thresholds, allowances, balances."""

    def restore(self, lake: Lake, partitions: Sequence[Partition]) -> None:
        """Take the state of newly assigned ``partitions`` from ``lake``: a snapshot and what came after it."""

    def weigh(self, partition: Partition, rated: Rated) -> Rows:
        """What ``rated`` moves, as rows for its transaction; changes nothing."""

    def landed(self, partition: Partition, rows: Rows) -> None:
        """Apply ``rows``, which are committed."""
