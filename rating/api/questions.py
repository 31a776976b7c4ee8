"""What may be asked: the parameters of the routes and their limits.

Enters: query strings. Leaves: frozen questions. Always holds: a parameter that is not known is refused; instants say
their offset from UTC; spans and pages have limits.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from rating.api.near import Place
from rating.api.pages import bill_place, charge_place, item_place
from rating.billing.shown import BillKey
from rating.billing.shown import Place as ItemPlace
from rating.period import Period

LONGEST: Final = timedelta(days=366)
PAGE_MOST: Final = 1000
_INSTANT: Final = r"^[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-][01]\d:[0-5]\d)$"
_MONTH: Final = r"^[12]\d{3}-[01]\d$"
_PERIOD: Final = r"^[12]\d{3}-[01]\d(-[0-3]\d(/[12]\d{3}-[01]\d-[0-3]\d)?)?$"


def _instant(text: object) -> datetime:
    if not isinstance(text, str) or not re.match(_INSTANT, text):
        raise ValueError("expected an instant with its offset, such as 2026-10-05T12:00:00Z")
    return datetime.fromisoformat(text).astimezone(UTC)


def _month(text: object) -> date:
    if not isinstance(text, str) or not re.match(_MONTH, text):
        raise ValueError("expected a month such as 2026-10")
    return date.fromisoformat(f"{text}-01")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is no time zone: name one like Europe/London")
    return name


Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "pattern": _INSTANT})]
Limit = Annotated[int, Field(ge=1, le=PAGE_MOST, description="rows of a page")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f]+$")]
Account = Annotated[Name, Path(description="an account, or the customer who is billed for several")]
Carrier = Annotated[Name, Path(description="a carrier or roaming partner")]
Number = Annotated[Name, Path(description="the number of a bill")]
EventId = Annotated[
    Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")], Path(description="an event id")
]
_AFTER: Final = Field(default=None, description="`next` of the page before")
_TEXT: Final = WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,400}$"})


class Question(BaseModel):
    """Parameters: those that are declared, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfSpan(Question):
    """A span of time: at most 366 days."""

    first: Instant = Field(alias="from", description="usage that starts then or later")
    end: Instant = Field(alias="to", description="and before then")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta(0) < self.end - self.first <= LONGEST:
            raise ValueError(f"`to` must lie after `from`, and at most {LONGEST.days} days")
        return self


class OfUsage(OfSpan):
    """Which charges, and how many at a time."""

    leg: Literal["retail", "wholesale_in", "wholesale_out", "roaming_in", "roaming_out"] | None = None
    service: Literal["voice", "sms", "mms", "data", "content"] | None = None
    limit: Limit = 100
    after: Annotated[Place | None, BeforeValidator(charge_place), _TEXT] = _AFTER

    @property
    def only(self) -> dict[str, str]:
        """The columns that must have a value, and the value."""
        return {name: value for name in ("leg", "service") if (value := getattr(self, name))}


class OfBalances(Question):
    """When."""

    at: Instant | None = Field(default=None, description="the moment; without one, after all that is rated")


class OfBills(Question):
    """Which bills."""

    month: Annotated[date, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": _MONTH})] | None = (
        Field(default=None, description="only of the period that begins on the first of this month")
    )
    limit: Limit = 100
    after: Annotated[BillKey | None, BeforeValidator(bill_place), _TEXT] = _AFTER


class OfItems(Question):
    """Which calls of a bill."""

    limit: Limit = 100
    after: Annotated[ItemPlace | None, BeforeValidator(item_place), _TEXT] = _AFTER


class OfSettlement(Question):
    """Which days."""

    period: str = Field(pattern=_PERIOD, description="2026-10, 2026-10-05 or 2026-10-05/2026-10-11")
    zone: Annotated[str, AfterValidator(_zone), Field(max_length=64, description="IANA time zone of the days")] = "UTC"

    @model_validator(mode="after")
    def _short(self) -> Self:
        if self.days.end_utc - self.days.start_utc > LONGEST + timedelta(days=1):
            raise ValueError(f"the period has more than {LONGEST.days} days")
        return self

    @property
    def days(self) -> Period:
        """The period; raises :class:`ValueError` where there is no such one."""
        return Period.parse(self.period, self.zone)


class Nothing(Question):
    """No parameters."""
