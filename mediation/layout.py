"""A layout: how one switch's records map onto the field table, as data.

Enters: nothing but values. Leaves: the frozen model that frames, decodes and normalises a source;
``mediation/layout_file.py`` reads it from TOML, docs/layouts.md documents every key.
Always holds: a ``Layout`` is complete and consistent (the reader refuses anything else), and names
its own text by hash, so that a record can always be explained by the layout that read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from mediation.ber.columns import Source
from mediation.tap_checks import COLUMNS as TAP_COLUMNS
from mediation.tap_checks import MAX_AGE_DAYS, Severity
from mediation.zones import UtcOffsets


class Kind(StrEnum):
    """How records are told apart and parted into fields."""

    DELIMITED = "delimited"
    FIXED = "fixed"
    JSON = "json"
    BER = "ber"


@dataclass(frozen=True, slots=True)
class Position:
    """A field of a fixed-width record, or of a header or trailer: ``start`` from 0, in bytes."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Framing:
    """Record boundaries, separators and limits of a source."""

    kind: Kind
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    line_end: int = 0x0A
    separator: int = 0x2C
    quote: int = -1
    escape: int = -1
    header_lines: int = 0
    names_in_header: bool = False
    header_prefix: tuple[bytes, ...] = ()
    trailer_prefix: tuple[bytes, ...] = ()
    comment: tuple[bytes, ...] = ()
    detail_prefix: tuple[bytes, ...] = ()
    record_length: int = 0
    positions: tuple[Position, ...] = ()
    extra_fields: bool = False
    missing_fields: int = 0
    final_newline: bool = True
    max_record_bytes: int = 65_536
    multi_line: bool = False
    ber: Source | None = None

    @property
    def by_header(self) -> bool:
        """Whether a record can be read only by what the header of its file says."""
        return self.names_in_header or (self.ber is not None and self.ber.by_header)

    @property
    def record_end(self) -> bytes:
        """What ends a record; nothing where records end by themselves."""
        return b"" if self.kind is Kind.BER else bytes([self.line_end])


class Ambiguous(StrEnum):
    """Which instant a local time names that the clock change repeats."""

    EARLIER = "earlier"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A date and time format, and the zone of texts that carry no offset."""

    pattern: str
    zone: UtcOffsets
    ambiguous: Ambiguous = Ambiguous.EARLIER


@dataclass(frozen=True, slots=True)
class DurationFormat:
    """Ticks per second of a plain number, or a clock form; a part of a second is rounded ``up`` or ``down``."""

    form: str = "number"
    ticks_per_s: int = 1
    up: bool = True


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where one field of the usage schema comes from.

    ``columns`` are joined by a space where there are several. A text among ``absent`` counts as empty; an
    empty one gives way to the column ``fallback``; ``required`` says whether an empty text is a fault (None: as the
    service has it). ``since`` is the column that says when a duration began: where that is empty it never did, and
    with a ``time`` the duration is the span from there. ``after`` and ``before`` cut the text at the first such
    byte, ``before_last`` at the last. ``values`` maps texts; ``default`` stands for an empty one; ``otherwise`` for
    one that ``values`` does not list (None: it is an ``unmapped_value``).
    """

    target: str
    columns: tuple[str, ...] = ()
    fallback: str = ""
    since: str = ""
    absent: tuple[str, ...] = ()
    default: str = ""
    values: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None
    after: str = ""
    before: str = ""
    before_last: str = ""
    required: bool | None = None
    time: TimeFormat | None = None
    duration: DurationFormat | None = None


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How the source writes subscriber numbers (ITU-T E.164 clause 6 gives the parts).

    Order of rules: strip ``sip:``/``tel:`` and the host, drop ``ignore`` characters, then anonymous
    words, ``+``, international prefixes, trunk prefix, and at last digits with no prefix at all:
    up to ``local_digits`` of them are a local number (short code or extension), more are read as
    ``bare`` says: national (the country code is put before), e164 or local.
    """

    country: str = ""
    international: tuple[str, ...] = ()
    trunk: str = ""
    local_digits: int = 6
    bare: str = "e164"
    national_digits: tuple[int, int] = (4, 13)
    ignore: str = " -().~/"
    anonymous: tuple[str, ...] = ("anonymous", "unknown", "unavailable", "restricted", "withheld", "private")
    alphanumeric: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds where ``column`` has one of ``any_of`` (or, negated, none of them)."""

    column: str
    any_of: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two kinds of record that make one event: begin (INVITE, ACK) and end (BYE).

    Halves belong together when their ``call_reference`` has the same call id and the same two tags, in
    either order: the party that hangs up swaps them (RFC 3261, 12.2). Only a begin whose cause is among
    ``answered`` opens a call; any other is an attempt, an event by itself.
    """

    begin: frozenset[str]
    end: frozenset[str]
    answered: frozenset[str]
    max_span_s: int = 86_400


@dataclass(frozen=True, slots=True)
class Partials:
    """Several records of one session: the columns ``session`` together name it, the first is number ``first``.

    ``partial_no`` is where the number stands; a record without one is whole.
    """

    session: tuple[str, ...]
    first: int = 1


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What header and trailer records declare: column number or position of each figure."""

    sequence: Position | None = None
    records: Position | None = None
    duration_s: Position | None = None


@dataclass(frozen=True, slots=True)
class GivenCharge:
    """Where a record says what the other network charges: columns of whole numbers in units of 10^-``decimals``.

    The columns of ``amount`` and of ``tax`` are added up; ``refund`` and ``tax_refund`` are the part of them that is
    paid back. One unit of ``currency`` is ``rate``, with ``rate_decimals`` places, units of ``local_currency``.
    """

    amount: tuple[str, ...]
    decimals: str
    currency: str
    currency_default: str = ""
    refund: tuple[str, ...] = ()
    tax: tuple[str, ...] = ()
    tax_refund: tuple[str, ...] = ()
    rate: str = ""
    rate_decimals: str = ""
    local_currency: str = ""

    def columns(self) -> tuple[str, ...]:
        """Every source column that it reads."""
        single = (self.decimals, self.currency, self.rate, self.rate_decimals, self.local_currency)
        return (*self.amount, *self.refund, *self.tax, *self.tax_refund, *(name for name in single if name))


@dataclass(frozen=True, slots=True)
class TapRules:
    """How TAP files are checked: how old an event may be, and which checks cost something else than TD.57 has it."""

    max_age_days: int = MAX_AGE_DAYS
    severities: tuple[tuple[str, Severity], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """The plausible range of an event; beyond it a record waits in suspense."""

    start_us: int
    end_us: int
    duration_s: int = 7 * 86_400
    volume_bytes: int = 1 << 44


@dataclass(frozen=True, slots=True)
class Layout:
    """One source's mapping, complete."""

    name: str
    title: str
    framing: Framing
    mappings: tuple[Mapping, ...]
    identity: tuple[str, ...]
    namespace: str
    numbers: NumberRules
    limits: Limits
    text: str
    version: str
    billable: tuple[Condition, ...] = ()
    swap_numbers_when: frozenset[str] = frozenset()
    pairing: Pairing | None = None
    partials: Partials | None = None
    given: GivenCharge | None = None
    tap: TapRules | None = None
    controls: ControlTotals = field(default_factory=ControlTotals)
    file_name: re.Pattern[str] | None = None

    def mapping(self, target: str) -> Mapping | None:
        """The mapping of one usage field, if the layout has it."""
        return next((m for m in self.mappings if m.target == target), None)

    def source_columns(self) -> tuple[str, ...]:
        """Every source column that the layout reads, once, in order of first use."""
        names = [c for m in self.mappings for c in (*m.columns, m.fallback, m.since) if c]
        names += [*self.identity, *(c.column for c in self.billable), *(self.given.columns() if self.given else ())]
        names += (*(TAP_COLUMNS if self.tap else ()), *(self.partials.session if self.partials else ()))
        return tuple(dict.fromkeys(names))
