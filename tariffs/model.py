"""What a tariff says, after loading and before compiling: frozen values, one class for each table of docs/tariffs.md.

Enters: nothing. Leaves: the classes. Always holds: money is int nano-units (1e-9 of the major unit), instants
are UTC microseconds, periods are half open, prefixes are bare digits (``""`` matches every number).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

NANO: Final = 1_000_000_000
EVER_FROM: Final = -(2**62)
EVER_TO: Final = 2**62
ANY_BAND: Final = "any"

SERVICES: Final = ("voice", "sms", "mms", "data", "content")
DIRECTIONS: Final = ("originated", "terminated", "forwarded", "transit")
COLUMNS: Final = ("service", "direction", "origin", "zone", "class", "band")
BOUNDARIES: Final = ("start", "end", "carry", "cut")
COUNTERS: Final = ("consecutive", "isolated")
MODES: Final = ("half_up", "half_even", "up", "down")
STAGES: Final = ("charge", "step", "increment")
TAX_MODES: Final = ("exclusive", "inclusive")
NO_TAX: Final = "none"
UNITS: Final = ("s", "byte", "event")
PERIODS: Final = ("day", "week", "month", "days", "once")
PRORATIONS: Final = ("none", "down", "half_up", "up")
REMAINDERS: Final = ("continue", "restart")
DUE: Final = ("advance", "arrears")
PER: Final = ("account", "number", "imsi", "trunk")
TIERS: Final = ("graduated", "volume")
LINES: Final = ("all", "usage", "fees")
PARTS: Final = ("excess", "all")
BASES: Final = ("net", "list")
OTHER_CLASS: Final = "other"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file of the tariff folder and a line in it (0: the file as a whole)."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a tariff; ``lint`` ones do not keep it from being compiled.

    ``code`` says what kind of lint it is (docs/tariff-tools.md lists them); errors have none.
    """

    place: Place
    key: str
    message: str
    lint: bool = False
    code: str = ""

    @property
    def fatal(self) -> bool:
        """Whether it keeps the tariff from being compiled."""
        return not self.lint

    def __str__(self) -> str:
        """One line for people: file:line: key: message."""
        return f"{self.place.file}:{self.place.line}: {self.key}: {self.message}"


@dataclass(frozen=True, slots=True)
class Span:
    """Part of some days, in minutes after midnight; ``end`` beyond 1440 runs into the next day."""

    days: tuple[str, ...]
    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Bands of the week in a civil time zone, with special days."""

    id: str
    zone: str = "UTC"
    default: str = ANY_BAND
    bands: tuple[tuple[str, tuple[Span, ...]], ...] = ()
    special: tuple[tuple[str, tuple[date, ...]], ...] = ()
    place: Place = field(default=Place(), compare=False)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Every band that the calendar can give, the default first."""
        return (self.default, *(name for name, _ in self.bands if name != self.default))


@dataclass(frozen=True, slots=True)
class Zone:
    """A named set of prefixes: E.164 ones and local ones."""

    id: str
    prefixes: tuple[str, ...]
    local: tuple[str, ...]
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Step:
    """From ``start`` units of an event on: ``price`` nano for ``per`` units, in whole ``increment`` units."""

    start: int
    price: int
    per: int
    increment: int


@dataclass(frozen=True, slots=True)
class Rounding:
    """How an exact amount becomes a multiple of 10^-scale, and at which stage."""

    mode: str = "half_up"
    scale: int = 9
    stage: str = "charge"

    @property
    def unit(self) -> int:
        """The rounding unit in nano."""
        return int(10 ** (9 - self.scale))


@dataclass(frozen=True, slots=True)
class Rate:
    """What units cost: steps, fees, limits, behaviour at band boundaries, rounding.

    With an ``accumulator`` the steps are ``tiers`` (one of TIERS) of what that has counted, not of the event alone.
    """

    id: str
    currency: str
    steps: tuple[Step, ...]
    minimum: int = 0
    setup_fee: int = 0
    free_under: int = 0
    min_charge: int | None = None
    max_charge: int | None = None
    boundary: str = "carry"
    step_counter: str = "consecutive"
    rounding: Rounding = Rounding()
    place: Place = field(default=Place(), compare=False)
    accumulator: str = ""
    tiers: str = "graduated"


@dataclass(frozen=True)
class Deck:
    """An A-Z price list, read from ``file``.

    ``rows``: prefix, zone, rate (index into ``rates``, -1: unpriced), valid_from, valid_to, line.
    """

    id: str
    currency: str
    rates: tuple[Rate, ...]
    rows: pl.DataFrame
    place: Place = Place()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a plan version; an empty column matches anything. Either ``rate`` or ``deck`` is given."""

    service: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    rate: str = ""
    deck: str = ""
    place: Place = field(default=Place(), compare=False)
    tax: str = ""
    origin: tuple[str, ...] = ()
    call_class: tuple[str, ...] = ()

    def names(self, column: str) -> bool:
        """Whether the rule says anything about ``column``, one of COLUMNS; a deck names the zone."""
        said = getattr(self, "call_class" if column == "class" else column)
        return bool(said) or (column == "zone" and bool(self.deck))


@dataclass(frozen=True, slots=True)
class CallClass:
    """A class of calls by the other party: its prefixes, (account, number) pairs, or whose subscriber it is."""

    id: str
    prefixes: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    subscribed: bool = False
    same_account: bool = False
    members: tuple[tuple[str, str], ...] = ()
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax: ``percent`` in units of 10^-4 percent, and how its amount is rounded."""

    id: str
    percent: int
    rounding: Rounding = Rounding()


@dataclass(frozen=True, slots=True)
class Conversion:
    """One major unit of ``base`` is ``rate`` nano of ``target``, from ``valid_from`` until before ``valid_to``."""

    base: str
    target: str
    rate: int
    date: str
    source: str
    valid_from: int
    valid_to: int


@dataclass(frozen=True, slots=True)
class Period:
    """How often an allowance is granted: one of PERIODS; for ``days`` the length and a day on which one begins."""

    kind: str = "month"
    days: int = 0
    anchor: date = date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Units, or money, that plans include, for usage that matches all columns; an empty column matches anything.

    Either ``unit`` or ``currency`` is given; with a currency ``amount``, limit and cap are nano. ``factor``: units
    drawn for one unit of usage, as numerator and denominator. ``time_zone`` is empty where it is that of the plans'
    calendars. What is left at the end of a period, up to ``rollover_limit``, stays for ``rollover_periods`` more.
    """

    id: str
    plans: tuple[str, ...]
    unit: str
    amount: int
    period: Period = Period()
    time_zone: str = ""
    priority: int = 0
    service: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    call_class: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    increment: int = 1
    split: bool = False
    factor: tuple[int, int] = (1, 1)
    pool: bool = False
    member_cap: int | None = None
    rollover_limit: int = 0
    rollover_periods: int = 0
    valid_days: int = 0
    proration: str = "none"
    remainder: str = "continue"
    setup_fee_on_free: bool = False
    place: Place = field(default=Place(), compare=False)
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A running total for each period of usage in ``unit``, or of amounts in ``currency``, that matches all columns.

    ``count_free``: whether usage that allowances make free counts. ``cap``: nano of a period beyond which amounts are
    not charged; None: no such cap. The rest is as in :class:`Allowance`.
    """

    id: str
    plans: tuple[str, ...]
    unit: str = ""
    currency: str = ""
    period: Period = Period()
    time_zone: str = ""
    service: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    call_class: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    pool: bool = False
    count_free: bool = True
    cap: int | None = None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Fee:
    """``amount`` nano for each period in which a plan of ``plans`` is held, or once where a holding begins.

    ``per``: for each account, or for each key of that kind. ``proration``: how the share of a part of a period is
    rounded, to ``scale`` decimals; ``none``: the fee is charged whole. ``time_zone`` is empty where it is that of the
    plans' calendars; ``tax`` where it is that of the plan.
    """

    id: str
    plans: tuple[str, ...]
    amount: int
    currency: str
    period: Period = Period()
    due: str = "advance"
    per: str = "account"
    time_zone: str = ""
    proration: str = "none"
    scale: int = 9
    tax: str = ""
    text: str = ""
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of an account's period: an empty column matches anything, ``lines`` is one of LINES."""

    plans: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    rate: tuple[str, ...] = ()
    fee: tuple[str, ...] = ()
    lines: str = "all"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The sum of ``lines`` is more than ``above`` nano."""

    lines: Lines
    above: int = 0


@dataclass(frozen=True, slots=True)
class Discount:
    """What comes off ``lines``: either ``percent`` (units of 10^-4 percent) or ``amount`` nano, at most ``cap``.

    ``above``: only where the lines sum to more, on the ``excess`` or on ``all`` of them. ``when``: only where others
    do. ``of`` the list price, or net of what discounts before it (by ``order``, then id) took off.
    """

    id: str
    lines: Lines
    percent: int | None = None
    amount: int | None = None
    currency: str = ""
    above: int | None = None
    on: str = "excess"
    when: Threshold | None = None
    cap: int | None = None
    order: int = 0
    of: str = "net"
    rounding: Rounding = Rounding()
    text: str = ""
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Version:
    """The rules of a plan in force from ``valid_from`` until before ``valid_to``."""

    valid_from: int
    valid_to: int
    rules: tuple[Rule, ...]
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: its currency, its calendar, the order of specificity, its dated versions."""

    id: str
    currency: str
    calendar: str
    match: tuple[str, ...]
    versions: tuple[Version, ...]
    place: Place = Place()
    tax: str = ""
    tax_mode: str = "exclusive"
    bill_currency: str = ""
    bill_rounding: Rounding = Rounding()


@dataclass(frozen=True)
class Tariff:
    """A whole tariff folder. ``subscriptions``, ``trunks`` and ``partners`` are tables as read from their files.

    ``zone`` is that of its dates without an offset.
    """

    calendars: dict[str, Calendar]
    zones: dict[str, Zone]
    decks: dict[str, Deck]
    rates: dict[str, Rate]
    plans: dict[str, Plan]
    subscriptions: pl.DataFrame
    trunks: pl.DataFrame
    partners: pl.DataFrame
    taxes: dict[str, Tax] = field(default_factory=dict)
    conversions: tuple[Conversion, ...] = ()
    classes: dict[str, CallClass] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    accumulators: dict[str, Accumulator] = field(default_factory=dict)
    fees: dict[str, Fee] = field(default_factory=dict)
    discounts: dict[str, Discount] = field(default_factory=dict)
    zone: str = "UTC"
