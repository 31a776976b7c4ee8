"""How pages go on: the place where one ends, as a text.

Enters: a place, the values of the columns that rows are ordered by. Leaves: the text ``next`` of an answer, and the
place again. Always holds: a page begins after a row, not at a number of rows, so what is added meanwhile shifts
nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any, Final

from rating.api.near import Place
from rating.billing.shown import BillKey
from rating.billing.shown import Place as ItemPlace
from rating.story import EPOCH

_MICROSECOND: Final = timedelta(microseconds=1)
_NO_PLACE: Final = ValueError("expected `next` of the page before")
_LONGEST: Final = 400
_BEYOND: Final = 1 << 57
"""More than any number of a place: as microseconds, the year 6536."""


def charge_text(place: Place) -> str:
    """The text of a place among charges."""
    return _text([place.start_us, place.event_id.hex(), place.rating_run, place.leg, place.kind])


def charge_place(text: object) -> Place | None:
    """The place among charges. Raises :class:`ValueError` if ``text`` is none."""
    if text is None:
        return None
    start, event, run, leg, kind = _values(text, (int, str, int, str, str))
    event = bytes.fromhex(event)
    if len(event) != 16:
        raise _NO_PLACE
    return Place(start, event, run, leg, kind)


def bill_text(key: BillKey) -> str:
    """The text of a place among bills."""
    return _text([key.run, key.bill_no])


def bill_place(text: object) -> BillKey | None:
    """The place among bills. Raises :class:`ValueError` if ``text`` is none."""
    return BillKey(*_values(text, (int, int))) if text is not None else None


def item_text(place: ItemPlace) -> str:
    """The text of a place among the calls of a bill."""
    return _text([(place.start_utc - EPOCH) // _MICROSECOND, place.charge_no])


def item_place(text: object) -> ItemPlace | None:
    """The place among the calls of a bill. Raises :class:`ValueError` if ``text`` is none."""
    if text is None:
        return None
    start, number = _values(text, (int, int))
    return ItemPlace(EPOCH + start * _MICROSECOND, number)


def _text(values: list[Any]) -> str:
    return urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _values(text: object, kinds: tuple[type, ...]) -> list[Any]:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _NO_PLACE
    try:
        values = json.loads(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))
    except ValueError:
        raise _NO_PLACE from None
    if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
        raise _NO_PLACE
    if any(isinstance(value, int) and not 0 <= value < _BEYOND for value in values):
        raise _NO_PLACE
    return values
