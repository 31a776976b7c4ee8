"""Sessions of several records: a layout that numbers partials, and lines as such a switch writes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from mediation.layout_file import parse_layout

BEGAN = datetime(2026, 3, 2, 17, 58, 30, tzinfo=UTC)
"""A Monday, a minute and a half before the band changes."""

COLUMNS = ["call_id", "switch", "part", "service", "a_number", "b_number", "start_time", "seconds", "bytes", "note"]
LAYOUT = parse_layout(
    {
        "name": "sessions",
        "framing": {"columns": COLUMNS},
        "fields": {name: {"column": name} for name in ("service", "a_number", "b_number")}
        | {
            "call_reference": {"column": "call_id"},
            "partial_no": {"column": "part"},
            "start_utc": {"column": "start_time", "format": "%Y-%m-%dT%H:%M:%S%z"},
            "duration_s": {"column": "seconds"},
            "volume_down_bytes": {"column": "bytes"},
            "cause": {"column": "note"},
        },
        "identity": {"columns": ["switch", "call_id", "part", "start_time"]},
        "partials": {"session": ["switch", "call_id"]},
    },
    "sessions",
)

TARIFF = """
[calendar.week]
default = "offpeak"
bands.peak = ["mon-fri 08:00-18:00"]
[zone.mobile]
prefixes = ["+447"]
[rate.peak]
currency = "GBP"
steps = [
  { from = 0, price = "0.10", per = 60, increment = 7, minimum = 30 },
  { from = 100, price = "0.01", per = 60, increment = 60 },
]
setup_fee = "0.02"
free_under = 3
min_charge = "0.05"
max_charge = "0.40"
rounding = { mode = "half_up", scale = 4, stage = "charge" }
[rate.offpeak]
currency = "GBP"
price = "0.03"
per = 60
increment = 6
[rate.bytes]
currency = "GBP"
steps = [
  { from = 0, price = "0.01", per = 1000, increment = 1000 },
  { from = 5000, price = "0.001", per = 7, increment = 10 },
]
[plan.p]
currency = "GBP"
calendar = "week"
rule = [
  { service = "voice", zone = "mobile", band = "peak", rate = "peak" },
  { service = "voice", zone = "mobile", band = "offpeak", rate = "offpeak" },
  { service = "data", rate = "bytes" },
]
"""
SUBSCRIPTIONS = "kind,key,account,plan,valid_from,valid_to\nnumber,+447700900123,alice,p,,\n"


@dataclass(frozen=True)
class Part:
    """One record of a session; ``number`` 0 is a whole one."""

    session: str
    number: int
    usage: int
    after: int = 0
    service: str = "voice"
    a_number: str = "+447700900123"
    note: str = ""

    def line(self) -> bytes:
        began = (BEGAN + timedelta(seconds=self.after)).isoformat()
        seconds, octets = (self.usage, 0) if self.service == "voice" else (1, self.usage)
        parts = (self.session, "SW1", self.number or "", self.service, self.a_number, "+447700900456")
        return (",".join(map(str, (*parts, began, seconds, octets, self.note))) + "\n").encode()


def cut(session: str, pieces: list[int], service: str = "voice") -> list[Part]:
    """The partials of a session that used ``pieces``, each beginning where the one before ended."""
    starts = [0, *accumulate(pieces)]
    first = Part(session, 1, 0, service=service)
    return [replace(first, number=at + 1, usage=usage, after=starts[at] % 86_400) for at, usage in enumerate(pieces)]
