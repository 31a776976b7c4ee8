"""The compiled tariff: plain arrays and name tables, named by the hash of their content.

Enters: what tariffs/compile.py built, or tariffs/catalogue_file.py read. Leaves: a ``Catalogue`` that kernels read.
Always holds: it never changes; equal content gives the same ``version``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

FORMAT: Final = b"tollstream catalogue 6"

# Columns of the integer tables. A row is 64 or 128 bytes, so that it is one or two cache lines.
ITEM_FROM, ITEM_TO, ITEM_BAND, ITEM_ZONE, ITEM_PREFIX, ITEM_RATE, ITEM_RULE, ITEM_TAX, ITEM_COLUMNS = range(9)
(
    RATE_SETUP,
    RATE_FREE_UNDER,
    RATE_MIN,
    RATE_MAX,
    RATE_BOUNDARY,
    RATE_COUNTER,
    RATE_MODE,
    RATE_UNIT,
    RATE_STAGE,
    RATE_MINIMUM,
    RATE_FIRST_STEP,
    RATE_END_STEP,
    RATE_NAME,
    RATE_PRICE,
    RATE_PER,
    RATE_INCREMENT,
) = range(16)
RATE_COLUMNS: Final = 16
"""The last three are of the first step; RATE_INCREMENT is 0 for a rate of more steps, or rounded before the charge."""
STEP_FROM, STEP_UNTIL, STEP_PRICE, STEP_PER, STEP_INCREMENT, STEP_SHOWN_PRICE, STEP_SHOWN_PER, STEP_COLUMNS = (
    0, 1, 2, 3, 4, 5, 6, 8,
)  # fmt: skip
CELL_E164, CELL_LOCAL, CELL_CALENDAR, CELL_FIRST, CELL_END, CELL_DENOMINATOR, CELL_CURRENCY, CELL_BILL = range(8)
CELL_ORIGIN_E164, CELL_ORIGIN_LOCAL, CELL_VARIANTS, CELL_COLUMNS = 8, 9, 10, 16
"""From CELL_ORIGIN_E164 on a cell's row can be read as one of its own, of which the destinations are origins."""
CLASS_SUBSCRIBED, CLASS_SAME_ACCOUNT, CLASS_COLUMNS = 5, 6, 8
"""A class is a row like a cell's, too: its destinations are the prefixes of its numbers."""
TAX_NUMERATOR, TAX_DENOMINATOR, TAX_UNIT, TAX_MODE, TAX_INCLUSIVE, TAX_COLUMNS = 0, 1, 2, 3, 4, 8
BILL_CURRENCY, BILL_FIRST, BILL_END, BILL_UNIT, BILL_MODE, BILL_COLUMNS = 0, 1, 2, 3, 4, 8
(
    CONVERSION_FROM,
    CONVERSION_TO,
    CONVERSION_NUMERATOR,
    CONVERSION_DENOMINATOR,
    CONVERSION_RATE,
    CONVERSION_DATE,
    CONVERSION_SOURCE,
    CONVERSION_COLUMNS,
) = range(8)
VERSION_FROM, VERSION_TO, VERSION_PLAN, VERSION_COLUMNS = 0, 1, 2, 4
KEY, KEY_FROM, KEY_TO, KEY_ACCOUNT, KEY_PLAN, KEY_SEGMENT, KEY_COLUMNS = 0, 1, 2, 3, 4, 5, 6
TRUNK_FROM, TRUNK_TO, TRUNK_CARRIER, TRUNK_PLAN_IN, TRUNK_PLAN_OUT, TRUNK_IN, TRUNK_OUT, TRUNK_COLUMNS = (
    0, 1, 2, 3, 4, 5, 6, 8,
)  # fmt: skip
(
    ALLOWANCE_UNIT,
    ALLOWANCE_AMOUNT,
    ALLOWANCE_PRIORITY,
    ALLOWANCE_INCREMENT,
    ALLOWANCE_SPLIT,
    ALLOWANCE_NUMERATOR,
    ALLOWANCE_DENOMINATOR,
    ALLOWANCE_POOL,
    ALLOWANCE_CAP,
    ALLOWANCE_LIMIT,
    ALLOWANCE_ROLLOVERS,
    ALLOWANCE_VALID_US,
    ALLOWANCE_PRORATION,
    ALLOWANCE_REMAINDER,
    ALLOWANCE_FEE,
    ALLOWANCE_PERIODS,
    ALLOWANCE_PERIODS_END,
    ALLOWANCE_SERVICES,
) = range(18)
ALLOWANCE_KIND, ALLOWANCE_COUNT_FREE, ALLOWANCE_COLUMNS = 28, 29, 32
"""From ALLOWANCE_SERVICES on: where in ``allowance_lists`` the services, directions, zones, classes (from 1; 0 is
``other``) and bands begin and end; an empty list matches anything. ALLOWANCE_UNIT counts the units of usage, and after
them the currencies; ALLOWANCE_CAP is NONE, the cap of a member, or that of an accumulator."""
GIVES_UNITS, GIVES_MONEY, COUNTS_UNITS, COUNTS_MONEY = range(4)
"""What ALLOWANCE_KIND may be: the first two are of allowances, the others of accumulators."""
TIERS_OF, TIERS_VOLUME, TIERS_COLUMNS = 0, 1, 2
ALLOWANCE_BITS: Final = 12
"""Bits of an allowance's code beside that of its holder."""
NONE: Final = -1
INDEX_FIRST_S: Final = 631_152_000
"""1990-01-01 UTC, where calendars begin."""
INDEX_SHIFT: Final = 17
"""An entry of ``band_index`` stands for 2^17 seconds."""
ANY: Final = -1


def _empty(*columns: int) -> Callable[[], Ints]:
    return lambda: np.zeros((0, *columns), np.int64)


def _no_codes() -> Codes:
    return np.zeros(0, np.int32)


def _no_names() -> pa.StringArray:
    return names([])


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Arrays that kernels read, and the names of their codes. Columns are the constants of this module."""

    prefix_sets: Ints  # sets of prefixes, see tariffs/prefixes.py
    prefix_heads: Codes
    prefix_bounds: Ints
    prefix_longest: Codes
    destinations: Codes  # prefixes of the sets and their items
    items: Ints  # what a prefix means: period, band (ANY), zone, prefix, rate (NONE), rule, tax (NONE)
    rates: Ints
    steps: Ints
    taxes: Ints
    bills: Ints  # what a plan's amounts are converted to, by the conversions from its first to its end
    conversions: Ints
    variants: Codes  # cell by (origin, class) from CELL_VARIANTS of a cell on, whose rules name origins or classes
    classes: Ints
    members: Ints  # who is in a class for whom: subscriptions whose plan is the class, see tariffs/keys.py
    member_starts: Codes
    member_shift: Ints
    cells: Ints  # one for each set of rules that some service and direction meet in some plan version
    selector: Codes  # cell by (plan version, service, direction); the last service and direction: any other
    versions: Ints
    plan_versions: Codes  # versions of plan p: plan_versions[p] to plan_versions[p + 1]
    calendar_changes: Codes  # changes of calendar c, likewise
    band_index: Codes  # by calendar and (UTC second - INDEX_FIRST_S) >> INDEX_SHIFT: the last change not after it
    instants: Ints  # UTC seconds
    bands: Ints  # the band from each instant on; NONE: outside the horizon
    keys: Ints  # subscriptions by bucket of their key, see tariffs/keys.py
    key_starts: Codes
    key_shift: Ints  # one number
    trunks: Ints
    trunk_rows: Codes  # rows of trunk t, as plan_versions
    partners: Ints  # subscriptions of networks (plan_in) and IMSI prefixes (plan_out), segment: the TADIG code
    partner_starts: Codes
    partner_shift: Ints
    service_names: pa.StringArray
    direction_names: pa.StringArray
    band_names: pa.StringArray
    zone_names: pa.StringArray
    prefix_names: pa.StringArray
    rate_names: pa.StringArray
    rule_names: pa.StringArray
    plan_names: pa.StringArray
    currency_names: pa.StringArray
    class_names: pa.StringArray
    tax_names: pa.StringArray  # of each row of taxes
    date_names: pa.StringArray  # of conversions
    source_names: pa.StringArray  # of conversions
    account_names: pa.StringArray  # the last is "": nobody, the payer of events that name their plan
    segment_names: pa.StringArray
    key_names: pa.StringArray  # kind:key of keys that are no numbers
    trunk_names: pa.StringArray
    partner_names: pa.StringArray  # TADIG codes and MCC-MNC of partners' networks
    file_names: pa.StringArray  # of the text that all this was compiled from, see tariffs/text.py
    file_ends: Ints
    file_hash: Bytes  # SHA-256 of the text: by it, not by how it is packed, catalogues are one or another
    file_text: Bytes  # packed by zstd
    # Allowances and after them accumulators, if there are any: a catalogue without them has no trace of them.
    allowances: Ints = field(default_factory=_empty(ALLOWANCE_COLUMNS))
    allowance_lists: Codes = field(default_factory=_no_codes)
    allowance_periods: Ints = field(default_factory=_empty())  # UTC microseconds
    plan_allowances: Codes = field(default_factory=_no_codes)  # where each plan's begin, the end of the last, then all
    account_pools: Codes = field(default_factory=_no_codes)
    holders: Ints = field(default_factory=_empty(2))  # account (pools follow) << ALLOWANCE_BITS | allowance, since
    rate_tiers: Ints = field(default_factory=_empty(TIERS_COLUMNS))  # of each rate: its accumulator (NONE), volume
    allowance_names: pa.StringArray = field(default_factory=_no_names)
    pool_names: pa.StringArray = field(default_factory=_no_names)

    def folder_text(self) -> dict[str, bytes]:
        """The files that the catalogue was compiled from, in canonical form, by name."""
        packed = pa.CompressedInputStream(pa.py_buffer(self.file_text), "zstd")
        whole = packed.read() if len(self.file_text) else b""
        if hashlib.sha256(whole).digest() != self.file_hash.tobytes():
            raise ValueError(f"the text of catalogue {self.version} was changed")
        begins = [0, *self.file_ends.tolist()]
        parts = (whole[begin:end] for begin, end in pairwise(begins))
        return dict(zip(self.file_names.to_pylist(), parts, strict=True))

    @cached_property
    def version(self) -> str:
        """The first 16 hex digits of the content's SHA-256."""
        digest = hashlib.sha256(FORMAT)
        for name, kind, shape, content in self.parts():
            if name != "file_text":
                digest.update(f"{name} {kind} {shape} ".encode())
                digest.update(content.data)
        return digest.hexdigest()[:16]

    @cached_property
    def codes(self) -> Mapping[str, Mapping[str, int]]:
        """Name to code, for each name table: made when it is first asked for."""
        return _Codes(self)

    def name(self, table: str, code: int) -> str:
        """The name of ``code`` in ``table`` (``zone``, ``rate``, ...); empty for NONE."""
        return "" if code < 0 else str(getattr(self, f"{table}_names")[code])

    def parts(self) -> Iterator[tuple[str, str, str, Bytes]]:
        """Name, type, shape and bytes of each array; a name table is text, a name a line."""
        for part in fields(self):
            value = getattr(self, part.name)
            if part.default_factory is not MISSING and not len(self.allowances):
                continue
            if part.name.endswith("_names"):
                value = _lines(value)
            content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            yield part.name, value.dtype.str, ",".join(map(str, value.shape)), content


class _Codes(dict[str, dict[str, int]]):
    """The codes of the name tables that were asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def __missing__(self, table: str) -> dict[str, int]:
        found = getattr(self.catalogue, table).to_pylist()
        self[table] = {name: code for code, name in enumerate(found)}
        return self[table]


def names(texts: list[str]) -> pa.StringArray:
    """A name table: the code of a name is its place."""
    return pa.array(texts, pa.string())


def places(texts: pa.Array, known: pa.StringArray) -> Ints:
    """The code of each of a few ``texts`` in a name table of any size; NONE where it is not there."""
    wanted = texts.cast(pa.string()).dictionary_encode()
    found = pc.index_in(known, wanted.dictionary)
    at = np.flatnonzero(found.is_valid())
    codes = np.full(len(wanted.dictionary) + 1, NONE, np.int64)
    codes[found.drop_null().to_numpy()] = at
    each: Ints = codes[wanted.indices.to_numpy()]
    return each


def _lines(texts: pa.StringArray) -> Bytes:
    """A name table as bytes: each name with a line end behind it."""
    ended = pc.binary_join_element_wise(texts, "", "\n")
    _, offsets, content = ended.buffers()
    return np.frombuffer(content or b"", np.uint8)[: np.frombuffer(offsets, np.int32)[len(ended)]]
