"""Alert rules from a TOML file.

Enters: a path. Leaves: the rules, or :class:`AlertError` with every problem: file, line of the alert, key, what was
expected. Always holds: what is returned can be evaluated; a key that nobody knows is a problem.
"""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Final

from mediation.keys import Keys
from mediation.zones import utc_offsets
from rating.alerts.rule import CONDITIONS, MEASURES, SUBJECTS, Rule
from rating.alerts.windows import CIVIL, Window, length_us
from tariffs.source import key_lines

LEGS: Final = ("retail", "wholesale_in", "wholesale_out", "roaming_in", "roaming_out")
_NUMBER: Final = re.compile(r"\d{1,18}(\.\d{1,9})?")


class AlertError(ValueError):
    """Alert rules that cannot be used; the message lists every problem."""


def read_rules(path: Path | str) -> tuple[Rule, ...]:
    """The rules of the TOML file ``path``. Raises :class:`AlertError`."""
    try:
        text = Path(path).read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, ValueError) as fault:
        raise AlertError(f"{path}: {fault}") from None
    lines = key_lines(text)
    problems = [f"{path}:{lines.get((key,), 1)}: {key}: expected [alert.NAME] only" for key in table if key != "alert"]
    alerts = table.get("alert")
    if not isinstance(alerts, dict) or not alerts:
        raise AlertError("\n".join([*problems, f"{path}:1: alert: expected at least one [alert.NAME]"]))
    rules = []
    for name, keys in alerts.items():
        where = f"{path}:{lines.get(('alert', name), 1)}: alert.{name}"
        if isinstance(keys, dict):
            rules.append(_rule(name, Keys(dict(keys), f"{where}.", problems)))
        else:
            problems.append(f"{where}: expected a table")
    if problems:
        raise AlertError("\n".join(problems))
    return tuple(rules)


def _rule(name: str, keys: Keys) -> Rule:
    measure = keys.choice("measure", tuple(MEASURES), "events" if "measure" in keys.table else "")
    rule = Rule(
        name=name,
        measure=measure or "events",
        per=keys.choice("per", SUBJECTS, "account"),
        window=_window(keys),
        thresholds=_thresholds(keys, MEASURES[measure or "events"].scale),
        leg=keys.choice("leg", LEGS, "retail"),
        currency=keys.text("currency", None if measure == "spend" else ""),
        sliding=keys.flag("sliding", default=False),
        where=_where(keys.section("where")),
        shortest_s=keys.whole("shortest_s", 0),
        longest_s=keys.whole("longest_s", 0) if "longest_s" in keys.table else None,
        keep_us=_length(keys, "keep", "24h"),
    )
    if rule.currency and measure != "spend":
        keys.wrong("currency", "no currency, as the measure is not spend")
    if rule.sliding and rule.measure == "simultaneous":
        keys.wrong("sliding", "no sliding: simultaneous calls are counted at each instant")
    elif rule.sliding and not rule.window.length_us:
        keys.wrong("sliding", "a window of minutes or hours, such as 15m, where it slides")
    keys.finish()
    return rule


def _length(keys: Keys, key: str, default: str) -> int:
    found = length_us(keys.text(key, default))
    if not found:
        keys.wrong(key, "a length such as 90s, 15m, 6h, 7d, of at most 31 days")
    return found


def _window(keys: Keys) -> Window:
    text, zone = keys.text("window"), keys.text("zone", "UTC")
    try:
        utc_offsets(zone)
    except ValueError:
        keys.wrong("zone", f"an IANA time zone, not {zone!r}")
        zone = "UTC"
    if text in CIVIL:
        return Window(0, text, zone)
    found = length_us(text)
    if text and not found:
        keys.wrong("window", f"a length such as 90s, 15m, 6h, 7d, or day or month, not {text!r}")
    if found and zone != "UTC":
        keys.wrong("zone", "no zone, as only the windows day and month have one")
    return Window(found or 1)


def _thresholds(keys: Keys, scale: int) -> tuple[int, ...]:
    given = keys.table.pop("thresholds", None)
    values = [_whole(value, scale) for value in given] if isinstance(given, list) else []
    if not values or None in values or len(set(values)) < len(values):
        keys.wrong("thresholds", 'a list of different whole numbers or texts such as "49.99", above 0, exact in units')
    return tuple(sorted(value for value in values if value))


def _whole(value: object, scale: int) -> int | None:
    """``value`` in the smallest unit; None if it is not above 0 and exact, or too long."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not _NUMBER.fullmatch(str(value)):
        return None
    exact = Fraction(value) * scale
    return exact.numerator if exact > 0 and exact.denominator == 1 else None


def _where(keys: Keys) -> tuple[tuple[str, tuple[str, ...]], ...]:
    chosen = []
    for key in CONDITIONS:
        if key in keys.table:
            values = keys.texts(key)
            if not values or "" in values:
                keys.wrong(key, "at least one text, none of them empty")
            chosen.append((key, values))
    keys.finish()
    return tuple(chosen)
