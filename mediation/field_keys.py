"""The keys by which a layout maps source columns to usage: ``[fields]`` and ``[numbers]``.

Enters: tables of a layout as :class:`~mediation.keys.Keys`. Leaves: mappings and number rules, and problems noted
in the keys. Always holds: only fields that a source can say are mapped, in one order whatever the file's.
"""

from __future__ import annotations

from mediation.fields import GIVEN, USAGE
from mediation.keys import Keys
from mediation.layout import Ambiguous, DurationFormat, Mapping, NumberRules, TimeFormat
from mediation.timestamps import compile_pattern
from mediation.zones import utc_offsets

_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000}
_DURATION_FORMS = (*_TICKS, "clock", "suffixed")
_PLACE = {"source", "record_no", "offset_bytes", "layout", "raw"}
_SESSION = {"session_id", "session_start_utc"}
_DERIVED = _PLACE | _SESSION | {"event_id", "content_hash", "utc_offset_min", "usage", "unit", *GIVEN}
TARGETS = frozenset(f.name for f in USAGE) - _DERIVED
"""Usage fields that a layout can map."""


def mappings_of(keys: Keys) -> tuple[Mapping, ...]:
    """What ``[fields]`` says."""
    targets = tuple(sorted(keys.table))  # one order, whatever the file's: hashes go by it
    for target in [t for t in targets if t not in TARGETS]:
        keys.problems.append(f"{keys.where}{target}: no such field; expected one of {', '.join(sorted(TARGETS))}")
        del keys.table[target]
    return tuple(_mapping(target, keys.section(target)) for target in targets if target in TARGETS)


def _mapping(target: str, keys: Keys) -> Mapping:
    values = keys.section("map")
    pairs = tuple((source, values.text(source)) for source in sorted(values.table))
    columns = keys.texts("column", ())
    since = keys.text("since", "") if target == "duration_s" else ""
    mapping = Mapping(
        target=target,
        columns=columns,
        fallback=keys.text("fallback", ""),
        since=since,
        absent=keys.texts("absent", ()),
        default=keys.text("value", "") or keys.text("default", ""),
        values=pairs,
        otherwise=keys.text("otherwise", "") if "otherwise" in keys.table else None,
        after=keys.mark("after"),
        before=keys.mark("before"),
        before_last=keys.mark("before_last"),
        required=keys.flag("required", default=False) if "required" in keys.table else None,
        time=_time(keys) if target == "start_utc" or (since and "format" in keys.table) else None,
        duration=_duration(keys) if target == "duration_s" else None,
    )
    if not columns and not mapping.default:
        keys.wrong("column", "the name of a source column, or a constant as value")
    keys.finish()
    return mapping


def _time(keys: Keys) -> TimeFormat:
    pattern, zone = keys.text("format"), keys.text("zone", "UTC")
    ambiguous = keys.choice("ambiguous", tuple(Ambiguous), Ambiguous.EARLIER)
    for problem in compile_pattern(pattern).problems:
        keys.wrong("format", problem)
    try:
        return TimeFormat(pattern, utc_offsets(zone), Ambiguous(ambiguous))
    except ValueError as fault:
        keys.wrong("zone", f"an IANA time zone ({fault})")
        return TimeFormat(pattern, utc_offsets("UTC"), Ambiguous(ambiguous))


def _duration(keys: Keys) -> DurationFormat:
    unit = keys.choice("unit", _DURATION_FORMS, "s")
    up = keys.choice("rounding", ("up", "down"), "up") == "up"
    return DurationFormat("number" if unit in _TICKS else unit, _TICKS.get(unit, 1), up)


def number_rules(keys: Keys) -> NumberRules:
    """What ``[numbers]`` says."""
    usual = NumberRules()
    rules = NumberRules(
        country=keys.text("country", ""),
        international=keys.texts("international", ()),
        trunk=keys.text("trunk", ""),
        local_digits=keys.whole("local_digits", usual.local_digits),
        bare=keys.choice("bare", ("national", "e164", "local"), "e164"),
        national_digits=(keys.whole("national_digits_min", 4), keys.whole("national_digits_max", 13)),
        ignore=keys.text("ignore", usual.ignore),
        anonymous=keys.texts("anonymous", usual.anonymous),
        alphanumeric=keys.flag("alphanumeric", default=False),
    )
    for key, digits in (("country", rules.country), ("trunk", rules.trunk)):
        if digits and not (digits.isascii() and digits.isdecimal()):
            keys.wrong(key, f"digits, not {digits!r}")
    if not rules.country and (rules.trunk or rules.bare == "national"):
        keys.wrong("country", "the country code, since national numbers are declared")
    keys.finish()
    return rules
