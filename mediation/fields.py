"""The field table: every column that Tollstream keeps, declared once.

Enters: nothing. Leaves: the Arrow schemas of the batches, the lake's DDL, the data dictionary in
docs/data-dictionary.md and the masking classes. Always holds: a column exists only if it is a row
here; units stand last in names (``_s``, ``_bytes``, ``_utc``); no column is a binary float.

Nulls: columns that kernels read are never null (an absent text is ``""``, an absent number ``0``);
``nullable`` marks the few columns that only people and SQL read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa


class Pii(StrEnum):
    """How far a column identifies a person; ``mask`` rules and logs go by it."""

    NONE = "none"
    NUMBER = "number"  # a subscriber number: A, B, C
    IDENTITY = "identity"  # IMSI, account, call reference
    LOCATION = "location"  # cell, visited network
    RAW = "raw"  # the source's own bytes: may hold any of these


AMOUNT: Final = pa.decimal128(18, 9)
TOTAL: Final = pa.decimal128(38, 9)
INSTANT: Final = pa.timestamp("us", tz="UTC")
LABEL: Final = pa.dictionary(pa.int32(), pa.string())
EVENT_ID: Final = pa.uuid()

_SQL: Final = {
    AMOUNT: "DECIMAL(18,9)",
    TOTAL: "DECIMAL(38,9)",
    INSTANT: "TIMESTAMP WITH TIME ZONE",
    LABEL: "VARCHAR",
    EVENT_ID: "UUID",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.int16(): "SMALLINT",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its Arrow type, its unit, what it means, how far it identifies a person."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    pii: Pii = Pii.NONE
    nullable: bool = False

    @property
    def sql(self) -> str:
        """The column's SQL type in the lake."""
        return _SQL[self.type]


_SOURCE = Field("source", LABEL, "", "the input partition: file:<content hash> or kafka:<topic>/<partition>")
_RECORD_NO = Field(
    "record_no",
    pa.int64(),
    "",
    "ordinal of the record in its file, from 1; of a stream: message offset << 20 | position",
)
_OFFSET = Field(
    "offset_bytes", pa.int64(), "bytes", "where the record begins in its (decompressed) file, or its message"
)
_LAYOUT = Field("layout", LABEL, "", "the layout that decoded the record")
_RAW = Field("raw", pa.binary(), "", "the record as it came, byte for byte, line end included", Pii.RAW)
_EVENT = Field("event_id", EVENT_ID, "", "128-bit hash of the identifying fields that the layout declares")
_START = Field("start_utc", INSTANT, "", "when the usage began (answer time of a call)")
_HOUR = Field("hour_utc", INSTANT, "", "hour of the event's start; null where no start is known", nullable=True)
_BATCH = Field("batch_id", pa.int64(), "", "the commit that wrote the row")

USAGE: Final[tuple[Field, ...]] = (
    _EVENT,
    Field("content_hash", pa.int64(), "", "64-bit hash of all mapped fields: tells a copy from a conflict"),
    _SOURCE,
    _RECORD_NO,
    _OFFSET,
    _LAYOUT,
    Field("network_element", LABEL, "", "the switch or node that wrote the record"),
    Field("record_type", LABEL, "", "the record type in the source's own words"),
    Field("call_reference", pa.string(), "", "the source's own identifier of the call or session", Pii.IDENTITY),
    Field("session_id", EVENT_ID, "", "the session that the partial belongs to; null: a whole record", nullable=True),
    Field("partial_no", pa.int32(), "", "place of the partial record in its session, from 1; 0: the record is whole"),
    Field("service", LABEL, "", "voice, sms, mms, data, content"),
    Field("direction", LABEL, "", "originated, terminated, forwarded, transit"),
    Field("a_number", pa.string(), "", "calling party: +E.164, or bare digits of a local number", Pii.NUMBER),
    Field("b_number", pa.string(), "", "called party: +E.164, or bare digits of a local number", Pii.NUMBER),
    Field("account_key", LABEL, "", "account code given by the source", Pii.IDENTITY),
    Field("imsi", pa.string(), "", "international mobile subscriber identity", Pii.IDENTITY),
    Field("network", LABEL, "", "serving network, MCC-MNC", Pii.LOCATION),
    Field("cell", LABEL, "", "serving cell", Pii.LOCATION),
    Field("trunk_in", LABEL, "", "incoming trunk group"),
    Field("trunk_out", LABEL, "", "outgoing trunk group"),
    _START,
    Field(
        "session_start_utc",
        INSTANT,
        "",
        "when the session of a partial began, by which tariffs go; null: at start_utc",
        nullable=True,
    ),
    Field("utc_offset_min", pa.int16(), "minutes", "offset from UTC of the source's clock at start_utc"),
    Field("duration_s", pa.int64(), "seconds", "length of the call or session"),
    Field("volume_up_bytes", pa.int64(), "bytes", "sent by the served party"),
    Field("volume_down_bytes", pa.int64(), "bytes", "received by the served party"),
    Field("usage", pa.int64(), "of column unit", "the quantity that rates apply to"),
    Field("usage_offset", pa.int64(), "of column unit", "usage of the session before this partial; 0: its first"),
    Field("unit", LABEL, "", "unit of usage: s, byte, event"),
    Field("cause", LABEL, "", "release cause or disposition in the source's own words"),
    Field(
        "given_amount",
        AMOUNT,
        "of given_currency",
        "what the other network charges, as its record says it",
        nullable=True,
    ),
    Field("given_tax", AMOUNT, "of given_currency", "the tax on it, beside the amount", nullable=True),
    Field("given_currency", LABEL, "", "ISO 4217 code, or XDR", nullable=True),
    Field("given_rate", AMOUNT, "", "units of its local currency for one of given_currency", nullable=True),
    Field("given_local_currency", LABEL, "", "the other network's local currency", nullable=True),
    _RAW,
)

GIVEN: Final = ("given_amount", "given_tax", "given_currency", "given_rate", "given_local_currency")
"""The columns of usage that are null but for records that say what the other network charges."""

CHARGE: Final[tuple[Field, ...]] = (
    _EVENT,
    Field("leg", LABEL, "", "why the event is priced: retail, wholesale_in, wholesale_out, roaming_in, roaming_out"),
    Field("kind", LABEL, "", "charge, reversal or adjustment"),
    _SOURCE,
    _START,
    Field(
        "account",
        LABEL,
        "",
        "who pays (retail, wholesale_in, roaming_out) or is paid (wholesale_out, roaming_in)",
        Pii.IDENTITY,
    ),
    Field("plan", LABEL, "", "the plan that priced the leg"),
    Field("rate", LABEL, "", "the rate within the plan"),
    Field("zone", LABEL, "", "destination zone"),
    Field("prefix", LABEL, "", "the longest matching prefix"),
    Field("band", LABEL, "", "time band at the start"),
    Field("billed_usage", pa.int64(), "of usage.unit", "usage after increments and minimum"),
    Field("free_usage", pa.int64(), "of usage.unit", "usage that allowances made free, from its beginning"),
    Field("amount", AMOUNT, "major units", "the charge, exact, rounded once; before tax"),
    Field("currency", LABEL, "", "ISO 4217 code, or XDR"),
    Field("tax_amount", AMOUNT, "major units", "the tax on the charge, beside the amount"),
    Field("tax_code", LABEL, "", "the tax; empty where the plan has none"),
    Field("converted_amount", AMOUNT, "major units", "the amount in the currency of the bill; 0 where not converted"),
    Field("converted_currency", LABEL, "", "the currency of the bill; empty where not converted"),
    Field("conversion_rate", AMOUNT, "", "units of the bill's currency for one of the amount's; 0 where not converted"),
    Field("conversion_date", LABEL, "", "the date from which the rate holds"),
    Field("conversion_source", LABEL, "", "who published the rate"),
    Field("covered_amount", AMOUNT, "major units", "what money that the plan includes paid of amount and tax"),
    Field(
        "expected_amount",
        AMOUNT,
        "of expected_currency",
        "what the partner's plan_in makes of an event whose amount the record gives; null where it has no price",
        nullable=True,
    ),
    Field(
        "expected_currency",
        LABEL,
        "",
        "its currency: that of the plan's bill, else of the plan; empty without a price, null without a plan_in",
        nullable=True,
    ),
    Field("note", LABEL, "", "why an amount is zero or limited: zero_usage, free_under, ...; else empty"),
    Field("tariff_version", LABEL, "", "content hash of the compiled tariff"),
    Field("rating_run", pa.int64(), "", "the run that wrote the row; 0 is first rating"),
)

REJECTED: Final[tuple[Field, ...]] = (
    _SOURCE,
    _RECORD_NO,
    _OFFSET,
    _LAYOUT,
    Field("disposition", LABEL, "", "suspended, duplicate, filtered, merged (part of a correlated event), control"),
    Field("stage", LABEL, "", "the stage that set the record aside"),
    Field("reason", LABEL, "", "reason code, see docs/reason-codes.md"),
    Field("field", LABEL, "", "the field at fault, if one is"),
    Field("value", pa.string(), "", "the value that failed (at most 400 characters)", Pii.RAW),
    Field("event_id", EVENT_ID, "", "the event, where the record got as far as an identity", nullable=True),
    Field("content_hash", pa.int64(), "", "as in usage; 0 where unknown"),
    Field("start_utc", INSTANT, "", "start of the usage where known", nullable=True),
    Field("duration_s", pa.int64(), "seconds", "as in usage; 0 where unknown"),
    _RAW,
)

SOURCE_FILE: Final[tuple[Field, ...]] = (
    Field("source", pa.string(), "", "file:<first 24 hex digits of the content's SHA-256>"),
    Field("name", pa.string(), "", "file name as picked up"),
    Field("size_bytes", pa.int64(), "bytes", "size as delivered"),
    Field("content_bytes", pa.int64(), "bytes", "size of the content after decompression"),
    Field("sha256", pa.string(), "", "hash of the file as delivered"),
    Field("layout", pa.string(), "", "the layout that read it"),
    Field("stream", pa.string(), "", "the run of sequence numbers that the file belongs to"),
    Field("sequence_no", pa.int64(), "", "file sequence number", nullable=True),
)

INPUT_OFFSET: Final[tuple[Field, ...]] = (
    Field("source", pa.string(), "", "the input partition"),
    Field("next_offset", pa.int64(), "bytes", "everything before it is committed; of a stream: message offset"),
    Field("next_record_no", pa.int64(), "", "ordinal of the record that begins there"),
    Field("complete", pa.bool_(), "", "true once the whole file is in"),
)

BATCH: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("source", pa.string(), "", "the input partition"),
    Field("first_offset", pa.int64(), "bytes", "where the batch begins"),
    Field("next_offset", pa.int64(), "bytes", "where the next one begins"),
    Field("records", pa.int64(), "", "records that entered"),
    Field("layout", pa.string(), "", "the layout's name"),
    Field("layout_version", pa.string(), "", "hash of the layout (its merged keys)"),
    Field("tariff_version", pa.string(), "", "content hash of the compiled tariff"),
    Field("rating_run", pa.int64(), "", "the run; 0 is first rating"),
)

INTAKE: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("source", pa.string(), "", "the partition of the stream"),
    Field("messages", pa.int64(), "", "messages that the batch took"),
    Field("record_bytes", pa.int64(), "bytes", "their records, as counted when they were taken"),
    Field("first_utc", INSTANT, "", "the broker's time of the first message", nullable=True),
    Field("last_utc", INSTANT, "", "the broker's time of the last message", nullable=True),
    Field("published_offset", pa.int64(), "", "what came of messages before it was published when the batch landed"),
    Field("published_batch", pa.int64(), "", "what recycles up to this batch had rated was published by then, too"),
)

CONTROL_TOTAL: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("source", pa.string(), "", "the input partition of the records"),
    _HOUR,
    Field("stage", pa.string(), "", "the stage where the records' way ended"),
    Field("disposition", pa.string(), "", "rated, suspended, duplicate, filtered, merged, control"),
    Field("reason", pa.string(), "", "reason code; empty for rated"),
    Field("records", pa.int64(), "", "records (negative where a recycle took them out of suspense)"),
    Field("duration_s", pa.int64(), "seconds", "their seconds"),
    Field("raw_bytes", pa.int64(), "bytes", "their bytes"),
)

CHARGE_TOTAL: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("source", pa.string(), "", "the input partition of the records"),
    _HOUR,
    Field("leg", pa.string(), "", "the leg"),
    Field("currency", pa.string(), "", "ISO 4217 code, or XDR"),
    Field("charges", pa.int64(), "", "rows"),
    Field("amount", TOTAL, "major units", "their sum"),
)

ALERT: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("alert_id", pa.string(), "", "hash of partition, alert, subject, threshold and window: tells a repeat"),
    Field("alert", pa.string(), "", "the name of its rule"),
    Field("measure", pa.string(), "", "spend, minutes, bytes, events, simultaneous"),
    Field("per", pa.string(), "", "what the subject is: account, plan, trunk_in, ..."),
    Field("subject", pa.string(), "", "whose measure it is", Pii.NUMBER),
    Field("threshold", TOTAL, "of column unit", "the threshold that was reached"),
    Field("measured", TOTAL, "of column unit", "what the measure had come to by then"),
    Field("unit", pa.string(), "", "the currency, or s, byte, event, call"),
    Field("window_start", INSTANT, "", "where the window begins"),
    Field("window_end", INSTANT, "", "where the next window begins"),
    Field("reached_utc", INSTANT, "", "start of the usage at which the threshold was reached"),
    Field("source", pa.string(), "", "coordinates of the record that brought it about: its source"),
    Field("record_no", pa.int64(), "", "coordinates of the record that brought it about: its ordinal"),
)

SUSPENSE_ACTION: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("source", pa.string(), "", "coordinates of the suspended record: its source"),
    Field("record_no", pa.int64(), "", "coordinates of the suspended record: its ordinal"),
    Field("action", pa.string(), "", "recycled (it left suspense), written_off, or failed (it stays)"),
    Field("reason", pa.string(), "", "the new reason code of a failed recycle, or why it was written off"),
)

FINDING: Final[tuple[Field, ...]] = (
    Field("source", pa.string(), "", "the file that the finding is about"),
    Field("finding", pa.string(), "", "finding code, see docs/reason-codes.md"),
    Field("expected", pa.string(), "", "what the file or its series declares"),
    Field("found", pa.string(), "", "what is there"),
)

TARIFF_VERSION: Final[tuple[Field, ...]] = (
    Field("tariff_version", pa.string(), "", "content hash of the compiled tariff"),
    Field("file", pa.string(), "", "the compiled catalogue's file, below the lake's folder"),
)

LAYOUT_VERSION: Final[tuple[Field, ...]] = (
    Field("layout_version", pa.string(), "", "hash of the layout (its merged keys)"),
    Field("name", pa.string(), "", "the layout's name"),
    Field("text", pa.string(), "", "the layout, bases merged in, as JSON"),
)

BALANCE_MOVEMENT: Final[tuple[Field, ...]] = (
    Field("event_id", EVENT_ID, "", "the event that drew; null for what no event did", nullable=True),
    Field("leg", LABEL, "", "the leg of the event that drew; else empty"),
    Field(
        "kind",
        LABEL,
        "",
        "grant, rollover (out of one lot, into another), use, expire, count; return (of a use), uncount",
    ),
    Field("account", LABEL, "", "the account that drew; else empty", Pii.IDENTITY),
    Field("holder", LABEL, "", "whose lot it is: an account, or a pool", Pii.IDENTITY),
    Field("shared", pa.bool_(), "", "whether the holder is a pool"),
    Field("allowance", LABEL, "", "the allowance of the tariff"),
    Field("period_utc", INSTANT, "", "when the period begins for which the lot was granted"),
    Field("rolled", pa.bool_(), "", "whether it is the lot to which what was left of that period's rolled over"),
    Field("expires_utc", INSTANT, "", "when the lot ends"),
    Field("start_utc", INSTANT, "", "start of the usage; of a grant or rollover, when the lot is there from"),
    Field("units", pa.int64(), "of column unit", "into the lot; below zero: out of it; of money: nano-units"),
    Field("unit", LABEL, "", "unit of the lot: s, byte, event, or a currency"),
    Field("free_usage", pa.int64(), "of column unit", "the usage that they made free"),
    Field("total", pa.int64(), "of column unit", "of a count: what was counted in the period, this included; else 0"),
    Field("tariff_version", LABEL, "", "content hash of the compiled tariff"),
    Field("rating_run", pa.int64(), "", "the run that wrote the row; 0 is first rating"),
)

BALANCE_SNAPSHOT: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("file", pa.string(), "", "its file in the folder balances of the lake"),
    Field("movements", pa.int64(), "", "how many rows of balance_movement it sums, from the first that landed"),
    Field("lots", pa.int64(), "", "lots, totals and caps in it"),
    Field("state_sha256", pa.string(), "", "hash of the sums"),
    Field("caps_sha256", pa.string(), "", "hash of the caps, and their periods, for which it has sums"),
    Field("since_utc", INSTANT, "", "lots of periods that began before are left out, but for what is granted once"),
)

TAP_FILE: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("recipient", pa.string(), "", "TADIG code of the network that the file is for"),
    Field(
        "sequence_no", pa.int64(), "", "ordinal of the file to this recipient, from 1; in the file it goes up to 99999"
    ),
    Field("name", pa.string(), "", "file name"),
    Field("kind", pa.string(), "", "transfer, or notification that there is nothing to transfer"),
    Field("sha256", pa.string(), "", "hash of the file"),
    Field("size_bytes", pa.int64(), "bytes", "its size"),
    Field("until_utc", INSTANT, "", "the cut-off: what it tells is of events before"),
    Field("available_utc", INSTANT, "", "when it was made available"),
    Field("events", pa.int64(), "", "events in it"),
    Field("currency", pa.string(), "", "currency of its amounts"),
    Field("charge", TOTAL, "major units", "sum of its charges, without tax"),
    Field("tax", TOTAL, "major units", "sum of its taxes"),
    Field("earliest_utc", INSTANT, "", "start of its first event; null without events", nullable=True),
    Field("latest_utc", INSTANT, "", "start of its last event; null without events", nullable=True),
)

TAP_CHARGE: Final[tuple[Field, ...]] = (
    Field("recipient", pa.string(), "", "as in tap_file"),
    Field("sequence_no", pa.int64(), "", "as in tap_file"),
    Field("position", pa.int64(), "", "place of the event in the file, from 1"),
    _EVENT,
)

_RUN = Field("run", pa.int64(), "", "the bill run, from 1")
_BILL_NO = Field("bill_no", pa.int64(), "", "ordinal of the bill in its run, from 1")
_CUSTOMER = Field("customer", LABEL, "", "who is billed", Pii.IDENTITY)
_BILL_CURRENCY = Field("currency", LABEL, "", "ISO 4217 code of the bill's amounts")
_CORRECTS_RUN = Field("corrects_run", pa.int64(), "", "the run whose bill is corrected; 0: none is")

BILL_RUN: Final[tuple[Field, ...]] = (
    _BATCH,
    _RUN,
    Field("cycle", pa.string(), "", "the billing cycle"),
    Field("first_day", pa.date32(), "", "first day of the period"),
    Field("last_day", pa.date32(), "", "last day of the period"),
    Field("zone", pa.string(), "", "IANA time zone of the days"),
    Field("from_utc", INSTANT, "", "where the period begins"),
    Field("until_utc", INSTANT, "", "where the next one begins: usage before it is billed"),
    Field("charge_limit", pa.int64(), "", "rows of charge with a rowid below it are billed"),
    Field("issued_on", pa.date32(), "", "date of the bills"),
    Field("due_on", pa.date32(), "", "when they are to be paid"),
    Field("tariff_version", pa.string(), "", "the tariff of fees and discounts; empty: none were billed"),
    Field("customers_version", pa.string(), "", "content hash of the customer folder"),
    Field("settings", pa.string(), "", "issuer, series, texts of categories and taxes, as JSON"),
)

BILL_STEP: Final[tuple[Field, ...]] = (
    _BATCH,
    _RUN,
    Field("step", pa.string(), "", "begun, trial, approved, final, numbered; or withdrawn"),
    Field("by", pa.string(), "", "who took the step"),
    Field("at_utc", INSTANT, "", "when"),
    Field("note", pa.string(), "", "why"),
)

BILL: Final[tuple[Field, ...]] = (
    _RUN,
    _BILL_NO,
    Field("kind", LABEL, "", "invoice, or credit_note"),
    _CUSTOMER,
    _BILL_CURRENCY,
    Field("name", pa.string(), "", "the customer's name when it was billed", Pii.IDENTITY),
    Field("address", pa.string(), "", "address, a line each", Pii.IDENTITY),
    Field("language", LABEL, "", "language of the bill"),
    Field("tax_id", pa.string(), "", "the customer's tax number", Pii.IDENTITY),
    _CORRECTS_RUN,
    Field("lines", pa.int64(), "", "lines of the bill"),
    Field("charges", TOTAL, "major units", "sum of the lines of usage and adjustments, before tax"),
    Field("fees", TOTAL, "major units", "sum of the lines of fees, before tax"),
    Field("discounts", TOTAL, "major units", "sum of the lines of discounts, before tax; not above zero"),
    Field("covered", TOTAL, "major units", "what money that plans include paid of usage and its tax; not above zero"),
    Field("rounding", TOTAL, "major units", "what rounds charges + fees + discounts + covered to the minor unit"),
    Field("tax", TOTAL, "major units", "sum of the taxes of the lines, rounded once for each tax code"),
    Field("total", TOTAL, "major units", "charges + fees + discounts + covered + rounding + tax"),
    Field("previous_balance", TOTAL, "major units", "due of the customer's bill before; of a credit note 0"),
    Field("payments", TOTAL, "major units", "payments since then; of a credit note 0"),
    Field("credited", TOTAL, "major units", "totals of the credit notes of this run, not above zero; of one itself 0"),
    Field("due", TOTAL, "major units", "previous_balance - payments + credited + total; of a credit note 0"),
)

BILL_LINE: Final[tuple[Field, ...]] = (
    _RUN,
    _BILL_NO,
    Field("line_no", pa.int64(), "", "place in the bill, from 1"),
    Field("kind", LABEL, "", "usage, adjustment (of earlier usage), fee, fee_adjustment, discount, covered, rounding"),
    _CORRECTS_RUN,
    Field("cost_centre", LABEL, "", "cost centre of the account"),
    Field("account", LABEL, "", "the account; of a rounding empty", Pii.IDENTITY),
    Field("category", LABEL, "", "service of usage; id of a fee or a discount"),
    Field("direction", LABEL, "", "direction of usage; else empty"),
    Field("zone", LABEL, "", "destination zone of usage; else empty"),
    Field("band", LABEL, "", "time band of usage; else empty"),
    Field("plan", LABEL, "", "the plan"),
    Field("rate", LABEL, "", "the rate of usage; else empty"),
    Field("text", pa.string(), "", "what the tariff calls a fee or a discount"),
    Field("first_day", pa.date32(), "", "of a fee: the first day it is for", nullable=True),
    Field("last_day", pa.date32(), "", "of a fee: the last day it is for", nullable=True),
    Field("events", pa.int64(), "", "events charged, less those taken back"),
    Field("duration_s", pa.int64(), "seconds", "their length"),
    Field("billed_usage", pa.int64(), "of column unit", "their billed usage"),
    Field("unit", LABEL, "", "unit of billed_usage"),
    _BILL_CURRENCY,
    Field("amount", TOTAL, "major units", "before tax, exact"),
    Field("tax_code", LABEL, "", "the tax; empty: none"),
    Field("tax_exact", TOTAL, "major units", "the tax on it, exact"),
    Field("tax", TOTAL, "major units", "its share of the bill's tax, in minor units, by largest remainder"),
    Field("charges", pa.int64(), "", "rows of charge in it"),
    Field("charge_amount", TOTAL, "of charge_currency", "their sum"),
    Field("charge_currency", LABEL, "", "their currency; empty without charges"),
)

BILL_NUMBER: Final[tuple[Field, ...]] = (
    Field("series", LABEL, "", "the series of numbers: its prefix"),
    Field("sequence_no", pa.int64(), "", "place in the series, from 1, without gaps"),
    Field("number", pa.string(), "", "the number on the bill"),
    _RUN,
    _BILL_NO,
)

BILL_PAYMENT: Final[tuple[Field, ...]] = (
    _RUN,
    _BILL_NO,
    _CUSTOMER,
    Field("reference", pa.string(), "", "reference of the payment: each is on one bill", Pii.IDENTITY),
    Field("paid_on", pa.date32(), "", "its date"),
    _BILL_CURRENCY,
    Field("amount", TOTAL, "major units", "what was paid; below zero: paid back"),
)

BILL_FINDING: Final[tuple[Field, ...]] = (
    _RUN,
    Field("finding", LABEL, "", "no_customer, suspended, outlier, zero, negative, other_currency, billed_beyond, gap"),
    _CUSTOMER,
    Field("account", LABEL, "", "the account, where it is about one", Pii.IDENTITY),
    Field("currency", LABEL, "", "currency of the amounts"),
    Field("expected", TOTAL, "major units", "the amount to compare with"),
    Field("found", TOTAL, "major units", "the amount found; of suspended, records"),
)

RATING_RUN: Final[tuple[Field, ...]] = (
    _BATCH,
    Field("rating_run", pa.int64(), "", "number of the run, from 1, without gaps; 0, first rating, has no row"),
    Field("kind", pa.string(), "", "rerate, close (of a period), due (what came after a close), correct (records)"),
    Field("from_utc", INSTANT, "", "usage from then on was asked for; null: from the beginning", nullable=True),
    Field("until_utc", INSTANT, "", "usage before was asked for; null: to the end", nullable=True),
    Field("scope", pa.string(), "", "all that was asked for, as JSON", Pii.IDENTITY),
    Field("tariff_version", pa.string(), "", "the tariff that prices; empty: for each leg the one that it has"),
    Field("parts", pa.int64(), "", "into how many commits the run is divided"),
    Field("seen_batch", pa.int64(), "", "the newest batch when the run began"),
)

CORRECTION: Final[tuple[Field, ...]] = (
    _BATCH,
    Field(
        "event_id",
        EVENT_ID,
        "",
        "the event as a later record has it: an id of its own, in usage and charge",
    ),
    Field("replaces", EVENT_ID, "", "the version before it, whose charges the run reversed"),
    Field("original", EVENT_ID, "", "the event as it first came: the id that all its records have by their layout"),
    Field("rating_run", pa.int64(), "", "the run that charged the one and reversed the other"),
)

TABLES: Final[dict[str, tuple[Field, ...]]] = {
    "usage": USAGE,
    "charge": CHARGE,
    "rejected": REJECTED,
    "balance_movement": BALANCE_MOVEMENT,
    "balance_snapshot": BALANCE_SNAPSHOT,
    "source_file": SOURCE_FILE,
    "input_offset": INPUT_OFFSET,
    "batch": BATCH,
    "intake": INTAKE,
    "control_total": CONTROL_TOTAL,
    "charge_total": CHARGE_TOTAL,
    "alert": ALERT,
    "suspense_action": SUSPENSE_ACTION,
    "finding": FINDING,
    "tariff_version": TARIFF_VERSION,
    "layout_version": LAYOUT_VERSION,
    "tap_file": TAP_FILE,
    "tap_charge": TAP_CHARGE,
    "rating_run": RATING_RUN,
    "correction": CORRECTION,
    "bill_run": BILL_RUN,
    "bill_step": BILL_STEP,
    "bill": BILL,
    "bill_line": BILL_LINE,
    "bill_number": BILL_NUMBER,
    "bill_payment": BILL_PAYMENT,
    "bill_finding": BILL_FINDING,
}


def schema(table: str) -> pa.Schema:
    """The Arrow schema of ``table``, a key of :data:`TABLES`."""
    return pa.schema([pa.field(f.name, f.type, nullable=f.nullable) for f in TABLES[table]])


def ddl(table: str) -> str:
    """The lake's ``CREATE TABLE`` column list for ``table``."""
    return ", ".join(f'"{f.name}" {f.sql}' for f in TABLES[table])
