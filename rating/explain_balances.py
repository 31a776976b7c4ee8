"""What allowances gave to a leg of an event: its movements as a story, and what they make free.

Enters: a lake, an event, the catalogue that priced it. Leaves: ``Free`` for pricing it again, and nodes. Always holds:
the order is that in which the lots were used.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rating.lake import Lake
from rating.legs import NOTHING_FREE, Free
from rating.rules import FEE_ON_FREE, RESTARTS
from rating.story import Node, instant
from tariffs import catalogue as layout
from tariffs.catalogue import Catalogue

_USES: Final = """
SELECT holder, shared, allowance, period_utc, rolled, epoch_us(expires_utc) AS expires_us,
    epoch_us(period_utc) AS period_us, -units AS units, free_usage, unit
FROM balance_movement WHERE event_id = $event AND leg = $leg AND kind = 'use' AND rating_run = $run"""


def balance_story(lake: Lake, charge: dict[str, Any], catalogue: Catalogue) -> tuple[Free, tuple[Node, ...]]:
    """What was free of the leg that ``charge`` is for, and a node for each lot that it drew on."""
    if not charge["free_usage"]:
        return NOTHING_FREE, ()
    asked = {"event": str(charge["event_id"]), "leg": charge["leg"], "run": charge["rating_run"]}
    codes = catalogue.codes["allowance_names"]
    uses = [(catalogue.allowances[codes[use["allowance"]]], use) for use in lake.query(_USES, asked).to_pylist()]
    uses.sort(key=lambda each: (each[0][layout.ALLOWANCE_PRIORITY], *(each[1][name] for name in _ORDER)))
    last = uses[-1][0][layout.ALLOWANCE_REMAINDER] if uses else 0
    fee = any(terms[layout.ALLOWANCE_FEE] for terms, _ in uses)
    units = sum(use["free_usage"] for _, use in uses)
    remainder = (RESTARTS if last else 0) | (FEE_ON_FREE if fee else 0)
    return Free(np.array([units]), np.array([remainder]), np.zeros(1, np.int64)), tuple(_node(use) for _, use in uses)


_ORDER: Final = ("expires_us", "period_us", "allowance")


def _node(use: dict[str, Any]) -> Node:
    whose = f"{'pool' if use['shared'] else 'account'} {use['holder']}"
    lot = f"granted for {instant(use['period_us'])}{', rolled over' if use['rolled'] else ''}"
    value = f"{use['units']} {use['unit']} of {whose}, {lot}, until {instant(use['expires_us'])}"
    return Node(f"allowance {use['allowance']}", f"{value}: {use['free_usage']} units of usage free")
