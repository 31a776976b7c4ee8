"""What a batch does at its commit, in the one order that keeps state and lake in step.

Enters: a rated batch, ready to land. Leaves: a committed batch, remembered ids, and state of accounts that has
moved. Always holds: rows of keepers land in the batch's own transaction; ids, balances and a keeper's live state change
only after the commit, so a batch that did not land has changed nothing; state comes back from the lake alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from mediation.dedup import SeenIds
from rating.balances.live import Balances
from rating.lake import Delta, Lake
from rating.lake.delta import Row
from rating.pipeline import Rated
from rating.seen import remember

Rows = Mapping[str, Sequence[Row]]
"""Rows of small tables by table name, without ``batch_id``."""


class Keeper(Protocol):
    """State that rated usage moves, beside the ids: counters against thresholds.

    State belongs to the source whose offset moves with it; all files together count as one.
    """

    def restore(self, lake: Lake, sources: Sequence[str]) -> None:
        """Take the state of newly assigned ``sources`` from ``lake``, which others may have moved meanwhile."""

    def weigh(self, rated: Rated) -> Rows:
        """What ``rated`` moves, as rows for its transaction; may be asked again for the same batch."""

    def landed(self, rows: Rows) -> None:
        """What was last weighed is committed, ``rows`` with it."""


def land(
    lake: Lake, delta: Delta, rated: Rated, seen: SeenIds, balances: Balances | None, keepers: Sequence[Keeper]
) -> Rows:
    """Commit ``delta``, which lands ``rated``, with what keepers add; then, and only then, move live state.

    Returns the keepers' rows. Raises what :meth:`rating.lake.Lake.commit` raises.
    """
    moves = [keeper.weigh(rated) for keeper in keepers]
    rows = _together(moves)
    lake.commit(replace(delta, small=rows) if rows else delta)
    remember(seen, rated)
    if balances:
        balances.landed(rated.drawn)
    for keeper, move in zip(keepers, moves, strict=True):
        keeper.landed(move)
    return rows


def _together(moves: Sequence[Rows]) -> Rows:
    tables = {table for rows in moves for table in rows}
    return {table: [row for rows in moves for row in rows.get(table, ())] for table in sorted(tables)}
