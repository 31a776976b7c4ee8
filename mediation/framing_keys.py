"""The keys by which a layout tells records apart: ``[framing]``, and where headers, trailers and names say totals.

Enters: tables of a layout as :class:`~mediation.keys.Keys`. Leaves: frozen values of ``layout.py``, and problems
noted in the keys. Always holds: separators, quotes and encodings are such that a record can be told from the next.
"""

from __future__ import annotations

import codecs
import re

from mediation.ber.layout_keys import ber_source
from mediation.keys import Keys
from mediation.layout import ControlTotals, Framing, Kind, Position

_LINE_ENDS = {"lf": 0x0A, "cr": 0x0D}


def framing_of(keys: Keys, layout: Keys) -> Framing:
    """What ``[framing]`` says; the ``layout`` has columns and what belongs to ASN.1."""
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


def control_totals(keys: Keys) -> ControlTotals:
    """What ``[controls]`` says."""
    totals = ControlTotals(_position(keys, "sequence"), _position(keys, "records"), _position(keys, "duration_s"))
    keys.finish()
    return totals


def file_name_pattern(keys: Keys) -> re.Pattern[str] | None:
    """The pattern of ``file_name``, with a group ``sequence``; None where there is none."""
    text = keys.text("file_name", "")
    try:
        pattern = re.compile(text) if text else None
    except re.error as fault:
        keys.wrong("file_name", f"a regular expression ({fault})")
        return None
    if pattern and "sequence" not in pattern.groupindex:
        keys.wrong("file_name", "a regular expression with a group (?P<sequence>...)")
    return pattern
