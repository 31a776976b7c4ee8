"""Reason codes: every way a record's path can end other than a charge, declared once.

Enters: nothing. Leaves: the codes, the stage that gives each and what it means, for suspense, control
totals, docs/reason-codes.md and error texts. Always holds: a stage gives only codes listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Disposition(StrEnum):
    """Where a record's way ended. In = the sum of all of them, for every file and hour."""

    RATED = "rated"
    SUSPENDED = "suspended"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    MERGED = "merged"  # became part of a correlated event that is counted by its first record
    CONTROL = "control"  # headers, trailers, comments, blank lines: bytes that are no usage


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code: the stage that gives it, where it sends the record, what it means."""

    code: str
    stage: str
    disposition: Disposition
    meaning: str


_S, _C, _F = Disposition.SUSPENDED, Disposition.CONTROL, Disposition.FILTERED

REASONS: Final[tuple[Reason, ...]] = (
    Reason("unknown_layout", "unpack", _S, "the message names a layout that the service was not given"),
    Reason("bad_packing", "unpack", _S, "the message is not packed as it says"),
    Reason("message_too_long", "unpack", _S, "the message is longer, or has more records, than the service takes"),
    Reason("no_record", "unpack", _C, "a packed message without a record"),
    Reason("header", "frame", _C, "a header line or header record"),
    Reason("trailer", "frame", _C, "a trailer record"),
    Reason("comment", "frame", _C, "a comment line"),
    Reason("blank", "frame", _C, "an empty line"),
    Reason("filler", "frame", _C, "filler bytes that stand before any record"),
    Reason("no_element", "frame", _S, "bytes among the records that are no ASN.1 element"),
    Reason("record_too_long", "frame", _S, "longer than the layout's record limit"),
    Reason("truncated_record", "frame", _S, "the file ends inside the record"),
    Reason("nul_byte", "frame", _S, "the record holds a NUL byte"),
    Reason("wrong_field_count", "decode", _S, "fewer or more fields than the layout declares"),
    Reason("unbalanced_quote", "decode", _S, "a quoted field does not end"),
    Reason("wrong_record_length", "decode", _S, "a fixed-width record of another length"),
    Reason("bad_json", "decode", _S, "not a JSON document"),
    Reason("bad_ber", "decode", _S, "tags and lengths that do not fit together (ITU-T X.690)"),
    Reason("bad_encoding", "decode", _S, "bytes that the declared encoding does not have"),
    Reason("unknown_record_type", "decode", _S, "a record type that the layout does not know"),
    Reason("tap_fatal", "check", _S, "the TAP file breaks a rule of TD.57 that concerns the whole file"),
    Reason("tap_severe", "check", _S, "the TAP event breaks a rule of TD.57"),
    Reason("not_billable", "normalise", _F, "the layout declares such records not billable"),
    Reason("missing_field", "normalise", _S, "a field that must have a value is empty"),
    Reason("bad_timestamp", "normalise", _S, "not a date and time in the declared format"),
    Reason("nonexistent_time", "normalise", _S, "a local time that the clock change skipped"),
    Reason("bad_duration", "normalise", _S, "not a duration in the declared format"),
    Reason("bad_integer", "normalise", _S, "not a whole number in range"),
    Reason("bad_amount", "normalise", _S, "a given charge that is no number, or more than 64-bit nano-units hold"),
    Reason("bad_number", "normalise", _S, "not a subscriber number by the layout's number rules"),
    Reason("unmapped_value", "normalise", _S, "a value that the layout's map does not list"),
    Reason("start_out_of_range", "validate", _S, "the start lies outside the layout's plausible period"),
    Reason("duration_out_of_range", "validate", _S, "longer than the layout allows"),
    Reason("volume_out_of_range", "validate", _S, "a volume above the layout's limit"),
    Reason("duplicate", "deduplicate", Disposition.DUPLICATE, "the same event with the same content was here before"),
    Reason("conflicting_duplicate", "deduplicate", _S, "the same event with other content was here before"),
    Reason("too_old", "deduplicate", _S, "older than the deduplication window: cannot be proved new"),
    Reason("merged", "correlate", Disposition.MERGED, "part of the event that its first record became"),
    Reason("awaiting_pair", "correlate", _S, "the other half of the call has not come yet"),
    Reason("awaiting_partial", "correlate", _S, "an earlier partial of the session has not come yet"),
    Reason("conflicting_partial", "correlate", _S, "another partial with this number of the session was here before"),
    Reason("negative_span", "correlate", _S, "the call's end lies before its start"),
    Reason("no_account", "guide", _S, "nobody who pays was found"),
    Reason("unknown_trunk", "guide", _S, "a trunk group that no agreement or trunk list names"),
    Reason("no_plan", "guide", _S, "the payer has no plan in force at the start"),
    Reason("no_rate", "price", _S, "no rate of the plan matches"),
    Reason("no_band", "price", _S, "the start lies outside the compiled calendar"),
    Reason("amount_overflow", "price", _S, "the amount does not fit 64-bit nano-units"),
    Reason("no_conversion", "price", _S, "no conversion rate to the currency of the bill is in force at the start"),
)

BY_CODE: Final[dict[str, Reason]] = {r.code: r for r in REASONS}
CODE: Final[dict[str, int]] = {r.code: i + 1 for i, r in enumerate(REASONS)}
"""Number of each code as kernels write it (uint8); 0 means accepted."""

WAITING: Final = ("awaiting_pair", "awaiting_partial")
"""Reasons of records that wait for others: their ids count as seen meanwhile, so that copies of them are found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding about a whole file: its code and what it means."""

    code: str
    meaning: str


FINDINGS: Final[tuple[Finding, ...]] = (
    Finding("sequence_gap", "file sequence numbers are missing before this file"),
    Finding("sequence_reused", "the sequence number was used before by a file of other content"),
    Finding("sequence_out_of_order", "an older sequence number arrived after a newer one"),
    Finding("resent", "the same content was delivered again under another name"),
    Finding("truncated", "the file ends inside a record"),
    Finding("trailer_missing", "the layout declares a trailer, the file has none"),
    Finding("trailer_mismatch", "a control total of the trailer or header disagrees with what is there"),
    Finding("closed_abnormally", "the node says that it could not close the file as it should"),
    Finding("records_lost", "the node says that it lost records"),
    Finding("empty", "the file has no bytes"),
    Finding("log_begins", "the log of the partition began later than 0 when it was first read"),
)
