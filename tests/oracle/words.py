"""What the oracle is asked and what it answers: an event, its charges, or the reason that sets it aside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    service: str
    direction: str
    unit: str
    usage: int
    start_us: int
    a_number: str = ""
    b_number: str = ""
    account: str = ""
    imsi: str = ""
    trunk_in: str = ""
    trunk_out: str = ""
    usage_offset: int = 0


@dataclass(frozen=True)
class Charge:
    leg: str
    account: str
    plan: str
    rate: str
    zone: str
    prefix: str
    band: str
    billed_usage: int
    amount: str
    currency: str
    note: str
    tax_amount: str = "0.000000000"
    tax_code: str = ""
    converted_amount: str = "0.000000000"
    converted_currency: str = ""
    conversion_rate: str = "0.000000000"
    conversion_date: str = ""
    conversion_source: str = ""
    free_usage: int = 0
    covered_amount: str = "0.000000000"


class Aside(Exception):  # noqa: N818 (it is an outcome, not an error)
    """The event is set aside; the argument is the reason code."""
