"""What a run is asked to rate again.

Enters: instants, filters, a tariff. Leaves: the condition on live charges, and JSON that the lake keeps with the run.
Always holds: the same JSON gives the same scope again, so that a run that was killed goes on with what it was asked.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

RERATE, CLOSE, DUE, CORRECT = "rerate", "close", "due", "correct"
"""Kinds of runs: what was asked for; a period in the order of its events; what came for closed periods; what corrected
records replace."""

_EVER: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_FILTERS: Final = ("account", "plan", "zone", "leg")
ORDERED: Final = "list_contains($ordered, c.tariff_version || ' ' || c.plan)"
"""SQL: whether the plan of a charge ``c`` has anything that makes rating depend on order."""
TARIFF_START: Final = "coalesce(u.session_start_utc, u.start_utc)"
"""SQL: the instant by which tariffs go, of usage ``u``."""
_OF_PERIOD: Final = f"{ORDERED} AND {TARIFF_START} >= $start AND {TARIFF_START} < $end"
_CAME_LATE: Final = f"{ORDERED} AND c.event_id IN (SELECT event_id FROM read_parquet($late))"  # noqa: S608 (our own)
_REPLACED: Final = "c.start_utc >= $start AND c.start_utc < $end AND c.event_id IN (FROM read_parquet($replaced))"


@dataclass(frozen=True, slots=True)
class Scope:
    """Usage that starts from ``start_utc`` (None: ever) until before ``end_utc``, and what narrows it.

    Of a close it is the period and whatever stands before it unclosed. ``tariff_version`` prices it; empty: what priced
    each leg before.
    """

    kind: str = RERATE
    start_utc: datetime | None = None
    end_utc: datetime | None = None
    account: str | None = None
    plan: str | None = None
    zone: str | None = None
    leg: str | None = None
    tariff_version: str = ""

    def asked(self) -> tuple[str, dict[str, Any]]:
        """The condition on a live charge ``c`` with its usage ``u``, and the values that are its own."""
        if self.kind == DUE:
            return _CAME_LATE, {}
        span = {"start": self.start_utc or _EVER, "end": self.end_utc or _NEVER}
        if self.kind == CLOSE:
            return f"({_OF_PERIOD} OR {_CAME_LATE})", span
        if self.kind == CORRECT:
            return _REPLACED, span
        given = {name: value for name in _FILTERS if (value := getattr(self, name)) is not None}
        tests = ["c.start_utc >= $start", "c.start_utc < $end", *(f"c.{name} = ${name}" for name in given)]
        return " AND ".join(tests), span | given

    @property
    def earliest(self) -> datetime | None:
        """Nothing that is asked for starts before it; None: the events alone tell (those that came late)."""
        return None if self.kind in {DUE, CLOSE} else self.start_utc or _EVER

    @property
    def whole(self) -> bool:
        """Whether legs are asked for that have no charge yet, so that another tariff may add some."""
        return bool(self.tariff_version) and not (self.account or self.plan or self.zone)

    def to_json(self) -> str:
        """The scope as text."""
        return json.dumps({name: str(value) for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The scope that ``text`` was made of."""
        said = json.loads(text)
        instants: dict[str, Any] = {k: datetime.fromisoformat(v) for k, v in said.items() if k.endswith("_utc")}
        return cls(**said | instants)
