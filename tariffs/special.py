"""Special days of a calendar: dates, or a country's public holidays.

Enters: the table ``[calendar.ID.special]``. Leaves: the days of each name. Always holds: a date that is named
outright stands before one that only a country's holidays give; holidays cover the years of the horizon.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache

from tariffs import values
from tariffs.calendar import HORIZON_FROM, HORIZON_TO
from tariffs.source import Table

Special = tuple[tuple[str, tuple[date, ...]], ...]


def special_days(special: Table) -> Special:
    """The days of each name in ``special``; of two names for one date the later in this order counts."""
    by_country = {name: isinstance(days, dict) for name, days in special.content.items()}
    ordered = sorted(by_country, key=by_country.__getitem__, reverse=True)
    return tuple(
        (name, _holidays(special.table(name)) if by_country[name] else special.converted(name, values.day))
        for name in ordered
    )


def _holidays(table: Table) -> tuple[date, ...]:
    """The days of ``{ country = "GB", subdivision = "ENG", dates = [...], except = [...] }``."""
    table.required("country")
    country, subdivision = table.text("country"), table.text("subdivision")
    more, without = (table.converted(key, values.day) for key in ("dates", "except"))
    table.done()
    try:
        found = public_holidays(country, subdivision) if country else ()
    except ValueError as error:
        table.problem("subdivision" if subdivision else "country", str(error))
        found = ()
    return tuple(sorted({*found, *more} - {*without}))


@cache
def public_holidays(country: str, subdivision: str = "") -> tuple[date, ...]:
    """The public holidays of a country (ISO 3166-1) or one part of it (ISO 3166-2), substitute days included.

    Raises :class:`ValueError` for a country or part that the library does not have.
    """
    import holidays

    years = range(HORIZON_FROM.year, HORIZON_TO.year)
    try:
        with warnings.catch_warnings(action="ignore"):  # of years for which a country's moving feasts are not known
            return tuple(sorted(holidays.country_holidays(country, subdiv=subdivision or None, years=years)))
    except NotImplementedError as error:
        raise ValueError(f"no public holidays are known for {country} {subdivision}".rstrip()) from error
