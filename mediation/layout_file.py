"""Layouts as TOML files: the shipped ones by name, others by path.

Enters: a name or a path. Leaves: a :class:`~mediation.layout.Layout`. Always holds: either the layout
is whole, or :class:`LayoutError` lists every problem with file, key and what was expected. A file may
``extends`` another layout and change single keys, such as the country code or the zone.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from mediation.ber.layout_keys import ber_source, unknown_columns
from mediation.fields import GIVEN, USAGE
from mediation.keys import Keys
from mediation.layout import (
    Ambiguous,
    Condition,
    ControlTotals,
    DurationFormat,
    Framing,
    GivenCharge,
    Kind,
    Layout,
    Limits,
    Mapping,
    NumberRules,
    Pairing,
    Partials,
    Position,
    TapRules,
    TimeFormat,
)
from mediation.tap_checks import BY_CODE as TAP_CHECKS
from mediation.tap_checks import Severity
from mediation.timestamps import compile_pattern
from mediation.zones import utc_offsets

_LINE_ENDS = {"lf": 0x0A, "cr": 0x0D}
_DURATION_FORMS = ("s", "ms", "us", "clock", "suffixed")
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000}
_PLACE = {"source", "record_no", "offset_bytes", "layout", "raw"}
_SESSION = {"session_id", "session_start_utc"}
_DERIVED = _PLACE | _SESSION | {"event_id", "content_hash", "utc_offset_min", "usage", "unit", *GIVEN}
TARGETS = frozenset(f.name for f in USAGE) - _DERIVED
"""Usage fields that a layout can map."""


class LayoutError(ValueError):
    """A layout that cannot be used; the message lists every problem."""


def shipped() -> tuple[str, ...]:
    """The names of the layouts that come with Tollstream."""
    return tuple(
        sorted(p.name[:-5] for p in files("mediation").joinpath("layouts").iterdir() if p.name.endswith(".toml"))
    )


def read_layout(name_or_path: str) -> Layout:
    """The layout of that name (shipped) or path (ending in .toml).

    Raises:
        LayoutError: there is none, it is no TOML, or keys are wrong; all problems are listed.

    """
    return parse_layout(_load(name_or_path, depth=0), name_or_path)


def layout_from_text(text: str) -> Layout:
    """The layout that the lake has kept as JSON (:attr:`Layout.text`)."""
    return parse_layout(json.loads(text), "stored layout")


def parse_layout(table: dict[str, Any], where: str) -> Layout:
    """A layout from its parsed ``table``; ``where`` begins each problem.

    Raises:
        LayoutError: keys are missing, unknown or wrong.

    """
    text = json.dumps(table, sort_keys=True, default=str)
    keys = Keys(dict(table), f"{where}: ")
    layout = _layout(keys, text)
    keys.finish()
    check_layout(layout, keys)
    if keys.problems:
        raise LayoutError("\n".join(keys.problems))
    return layout


def _load(name_or_path: str, depth: int) -> dict[str, Any]:
    try:
        table = tomllib.loads(_text(name_or_path))
    except tomllib.TOMLDecodeError as fault:
        raise LayoutError(f"{name_or_path}: not TOML: {fault}") from None
    base = table.pop("extends", None)
    if base is None:
        return table
    if depth > 3 or not isinstance(base, str):
        raise LayoutError(f"{name_or_path}: extends: expected the name or path of a layout, at most 4 in a chain")
    if base.endswith(".toml"):
        base = str(Path(name_or_path).parent / base)
    return _merge(_load(base, depth + 1), table)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _text(name_or_path: str) -> str:
    try:
        if name_or_path.endswith(".toml"):
            return Path(name_or_path).read_text("utf-8")
        resource = files("mediation").joinpath("layouts", f"{name_or_path}.toml")
        return resource.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(shipped())
        raise LayoutError(f"no layout {name_or_path!r}: expected a .toml file or one of {known}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise LayoutError(f"{name_or_path}: cannot be read: {fault}") from None


def _layout(keys: Keys, text: str) -> Layout:
    name = keys.text("name")
    identity = keys.section("identity")
    pairing = keys.section("pairing") if "pairing" in keys.table else None
    layout = Layout(
        name=name,
        title=keys.text("title", ""),
        framing=_framing(keys.section("framing"), keys),
        mappings=_mappings(keys.section("fields")),
        identity=identity.texts("columns"),
        namespace=identity.text("namespace", name),
        numbers=_numbers(keys.section("numbers")),
        limits=_limits(keys.section("limits")),
        text=text,
        version=hashlib.sha256(text.encode()).hexdigest()[:16],
        billable=_conditions(keys.section("billable")),
        swap_numbers_when=frozenset(keys.texts("swap_numbers_when", ())),
        pairing=_pairing(pairing) if pairing else None,
        partials=_partials(keys.section("partials")) if "partials" in keys.table else None,
        given=_given(keys.section("given")) if "given" in keys.table else None,
        tap=_tap(keys.section("tap")) if "tap" in keys.table else None,
        controls=_controls(keys.section("controls")),
        file_name=_pattern(keys),
    )
    identity.finish()
    return layout


def _framing(keys: Keys, layout: Keys) -> Framing:
    kind = Kind(keys.choice("kind", tuple(Kind), Kind.DELIMITED))
    positions: tuple[Position, ...] = ()
    columns: tuple[str, ...] = ()
    if kind is Kind.FIXED:
        section = keys.section("columns")
        columns = tuple(sorted(section.table))
        positions = tuple(_position(section, c) or Position(0, 0) for c in columns)
        section.finish()
    elif kind is Kind.DELIMITED:
        columns = keys.texts("columns")
    escape = keys.choice("escape", ("doubled", "backslash", "none"), "doubled")
    framing = Framing(
        kind=kind,
        columns=columns,
        encoding=_encoding(keys),
        line_end=_LINE_ENDS[keys.choice("line_end", tuple(_LINE_ENDS), "lf")],
        separator=keys.byte("separator", ","),
        quote=keys.byte("quote", '"' if kind is Kind.DELIMITED else ""),
        escape=0x5C if escape == "backslash" else -1,
        header_lines=keys.whole("header_lines", 0),
        names_in_header=keys.flag("names_in_header", default=False),
        header_prefix=tuple(t.encode() for t in keys.texts("header_prefix", ())),
        trailer_prefix=tuple(t.encode() for t in keys.texts("trailer_prefix", ())),
        comment=tuple(t.encode() for t in keys.texts("comment", ())),
        detail_prefix=tuple(t.encode() for t in keys.texts("detail_prefix", ())),
        record_length=keys.whole("record_length", 0),
        positions=positions,
        extra_fields=keys.flag("extra_fields", default=False),
        missing_fields=keys.whole("missing_fields", 0),
        final_newline=keys.flag("final_newline", default=True),
        max_record_bytes=keys.whole("max_record_bytes", 65_536),
        multi_line=keys.flag("multi_line", default=False),
        ber=ber_source(layout, keys) if kind is Kind.BER else None,
    )
    if kind is Kind.DELIMITED and framing.separator in {-1, framing.quote, framing.escape, framing.line_end}:
        keys.wrong("separator", "one ASCII character, neither quote nor escape nor line end")
    keys.finish()
    return framing


def _encoding(keys: Keys) -> str:
    name = keys.text("encoding", "utf-8")
    ascii_text = "".join(map(chr, range(128)))
    try:
        if codecs.lookup(name) and ascii_text.encode(name) == ascii_text.encode("ascii"):
            return name
    except (LookupError, ValueError):
        pass
    keys.wrong("encoding", f"an encoding known to Python that keeps ASCII as it is, not {name!r}")
    return "utf-8"


def _position(keys: Keys, key: str) -> Position | None:
    """A position written as [first byte counted from 1, length]."""
    if key not in keys.table:
        return None
    value = keys.table.pop(key)
    if isinstance(value, int) and value > 0:
        return Position(value - 1, 0)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) and v > 0 for v in value):
        return Position(value[0] - 1, value[1])
    keys.wrong(key, "[first byte counted from 1, length], or a field number from 1")
    return None


def _mappings(keys: Keys) -> tuple[Mapping, ...]:
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


def _numbers(keys: Keys) -> NumberRules:
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


def _limits(keys: Keys) -> Limits:
    limits = Limits(
        start_us=_day_us(keys, "earliest", "1970-01-02"),
        end_us=_day_us(keys, "latest", "2049-12-31"),
        duration_s=keys.whole("duration_s", 7 * 86_400),
        volume_bytes=keys.whole("volume_bytes", 1 << 44),
    )
    keys.finish()
    return limits


def _day_us(keys: Keys, key: str, default: str) -> int:
    value = keys.text(key, default)
    try:
        day = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        keys.wrong(key, f"a date like {default}, not {value!r}")
        return 0
    return int(day.timestamp()) * 1_000_000


def _conditions(keys: Keys) -> tuple[Condition, ...]:
    return tuple(_condition(keys, column) for column in tuple(keys.table))


def _condition(keys: Keys, column: str) -> Condition:
    if not isinstance(keys.table[column], dict):
        return Condition(column, frozenset(keys.texts(column)))
    below = keys.section(column)
    condition = Condition(column, frozenset(below.texts("not")), negated=True)
    below.finish()
    return condition


def _pairing(keys: Keys) -> Pairing:
    pairing = Pairing(
        begin=frozenset(keys.texts("begin")),
        end=frozenset(keys.texts("end")),
        answered=frozenset(keys.texts("answered")),
        max_span_s=keys.whole("max_span_s", 86_400),
    )
    keys.finish()
    return pairing


def _partials(keys: Keys) -> Partials | None:
    """Which records are partials; none of them where a layout takes the columns of the one that it extends away."""
    partials = Partials(session=keys.texts("session"), first=keys.whole("first", 1))
    keys.finish()
    return partials if partials.session else None


def _given(keys: Keys) -> GivenCharge:
    given = GivenCharge(
        amount=keys.texts("amount"),
        decimals=keys.text("decimals", ""),
        currency=keys.text("currency", ""),
        currency_default=keys.text("currency_default", ""),
        refund=keys.texts("refund", ()),
        tax=keys.texts("tax", ()),
        tax_refund=keys.texts("tax_refund", ()),
        rate=keys.text("rate", ""),
        rate_decimals=keys.text("rate_decimals", ""),
        local_currency=keys.text("local_currency", ""),
    )
    if not (given.currency or given.currency_default):
        keys.wrong("currency", "the name of a column, or a currency as currency_default")
    keys.finish()
    return given


def _tap(keys: Keys) -> TapRules:
    changed, usual = keys.section("severity"), TapRules()
    severities = []
    for code in sorted(changed.table):
        if code not in TAP_CHECKS:
            changed.wrong(code, "the code of a check, see docs/reason-codes.md")
        severities.append((code, Severity(changed.choice(code, tuple(Severity), Severity.WARNING))))
    rules = TapRules(keys.whole("max_age_days", usual.max_age_days), tuple(severities))
    keys.finish()
    return rules


def _controls(keys: Keys) -> ControlTotals:
    totals = ControlTotals(_position(keys, "sequence"), _position(keys, "records"), _position(keys, "duration_s"))
    keys.finish()
    return totals


def _pattern(keys: Keys) -> re.Pattern[str] | None:
    text = keys.text("file_name", "")
    try:
        pattern = re.compile(text) if text else None
    except re.error as fault:
        keys.wrong("file_name", f"a regular expression ({fault})")
        return None
    if pattern and "sequence" not in pattern.groupindex:
        keys.wrong("file_name", "a regular expression with a group (?P<sequence>...)")
    return pattern


def check_layout(layout: Layout, keys: Keys) -> None:
    """Note in ``keys`` what holds each key by itself but not the layout as a whole."""
    for target in ("start_utc", "service", "b_number"):
        if layout.mapping(target) is None:
            keys.wrong(f"fields.{target}", "a mapping: no event can be rated without it")
    start = layout.mapping("start_utc")
    if start and not set(start.columns) <= set(layout.identity):
        keys.wrong("identity.columns", "the columns of start_utc among them: events are looked up by day")
    if layout.partials:
        _check_partials(layout, keys)
    framing = layout.framing
    if framing.kind is Kind.JSON or framing.names_in_header:
        return
    if framing.ber:
        for column in unknown_columns(framing.ber, layout.source_columns()):
            keys.wrong("columns", f"{column!r}, which a mapping, the identity or billable names, or such a path")
        return
    for column in layout.source_columns():
        if column not in framing.columns:
            keys.wrong("framing.columns", f"{column!r}, which a mapping, the identity or billable names")


def _check_partials(layout: Layout, keys: Keys) -> None:
    number = layout.mapping("partial_no")
    if number is None or not number.columns:
        keys.wrong("fields.partial_no", "the column of the partial's number, since partials are declared")
    elif not set(number.columns) <= set(layout.identity):
        keys.wrong("identity.columns", "the column of partial_no among them: it tells partials of a session apart")
    if layout.mapping("usage_offset"):
        keys.wrong("fields.usage_offset", "no mapping: it is what the partials before have used")
