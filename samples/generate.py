"""A synthetic operator: CDR files of any size, its tariff folder, and the truth about both.

Enters: a size and a seed. Leaves: ``cdr_SW1_<sequence>.csv`` files in the layout ``generic_csv``, ``tariffs/`` (the
folder ``samples/tariffs/synthetic`` and the subscriptions), and ``truth.json`` with what a rating run must find.
Always holds: the same arguments give the same bytes; every record that is not broken can be rated on each leg that
applies; broken records are no file's last line; ``records`` = billable + duplicates + broken.

``python samples/generate.py OUT --records 2000000 --files 8 --seed 1``
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

TARIFFS: Final = Path(__file__).parent / "tariffs" / "synthetic"
HEADER: Final = (
    "call_id,switch,service,direction,a_number,b_number,trunk_in,trunk_out,start_time,"
    "duration_s,volume_up_bytes,volume_down_bytes,cause\n"
)
SWITCH: Final = "SW1"
HOST: Final = "@sw1.example.net"
"""Ends the call reference, as the Call-ID of a SIP switch."""
OWN_RANGE: Final = 447_550_000_000
"""First of the ten million numbers +44755 0000000 to +44755 9999999 that the operator owns."""
BLOCK: Final = 250_000
"""Lines made at a time: bounds memory for files of any size."""
KEPT: Final = 20_000
"""Lines of a file kept to be sent again in the next one."""
CARRIERS: Final = ("ARDEN", "BRENT", "COLNE", "DERWENT", "EDEN", "FROME")
SHARE_IN: Final = (0.30, 0.25, 0.18, 0.12, 0.09, 0.06)
ROUTE_SHARE: Final = (0.60, 0.30, 0.10)
"""How the calls to one destination are spread over its three carriers."""
ZIPF: Final = 1.05
UNANSWERED: Final = 0.09

WORKDAY: Final = (2, 1, 1, 1, 1, 2, 5, 12, 25, 38, 42, 40, 38, 40, 41, 40, 42, 45, 44, 38, 30, 20, 10, 4)
WEEKEND: Final = (5, 3, 2, 1, 1, 1, 2, 4, 9, 16, 22, 25, 26, 24, 22, 22, 24, 27, 29, 28, 24, 18, 12, 8)
"""Traffic by hour of the day, in any unit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of traffic: its share, what the record says, and which legs it is rated on."""

    share: float
    service: str
    direction: str
    own_a: bool
    own_b: bool
    legs: tuple[str, ...]


KINDS: Final = (
    Kind(0.42, "voice", "O", True, False, ("retail", "wholesale_out")),
    Kind(0.10, "voice", "O", True, True, ("retail",)),
    Kind(0.22, "voice", "T", False, True, ("retail", "wholesale_in")),
    Kind(0.08, "voice", "T", False, False, ("wholesale_in", "wholesale_out")),
    Kind(0.05, "sms", "O", True, False, ("retail", "wholesale_out")),
    Kind(0.03, "sms", "O", True, True, ("retail",)),
    Kind(0.04, "sms", "T", False, True, ("retail", "wholesale_in")),
    Kind(0.06, "data", "O", True, False, ("retail",)),
)


def _changed(column: int, value: str) -> Callable[[list[str]], list[str]]:
    return lambda fields: [*fields[:column], value, *fields[column + 1 :]]


BREAKAGE: Final[dict[str, tuple[str, Callable[[list[str]], list[str]]]]] = {
    "missing_field": ("wrong_field_count", lambda f: [*f[:8], *f[9:]]),
    "extra_field": ("wrong_field_count", lambda f: [*f, "0"]),
    "cut_line": ("wrong_field_count", lambda f: [*f[:5], f[5][:4]]),
    "letters_in_duration": ("bad_duration", _changed(9, "1O7")),
    "impossible_date": ("bad_timestamp", _changed(8, "2026-02-30 10:15:00+00:00")),
    "nul_byte": ("nul_byte", lambda f: [*f[:4], f[4][:6] + "\0" + f[4][6:], *f[5:]]),
    "empty_b_number": ("missing_field", _changed(5, "")),
    "letters_in_a_number": ("bad_number", _changed(4, "+44SUBSCRIBER")),
    "unbalanced_quote": ("unbalanced_quote", lambda f: [*f[:12], '"' + f[12]]),
    "unknown_service": ("unmapped_value", _changed(2, "fax")),
    "fraction_of_a_byte": ("bad_integer", _changed(10, "0.5")),
}
"""Kinds of broken line: the reason code that a rating run gives them, and what is done to the fields."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What all blocks share: the numbers that can be called, the routes to them, the size, the calendar."""

    subscribers: int
    first_day: date
    prefix: Ints
    free_digits: Ints
    popularity: npt.NDArray[np.float64]
    routes: Ints
    traffic: npt.NDArray[np.float64]
    day_text: pa.Array
    clock_text: pa.Array


@dataclass(frozen=True, slots=True)
class Lines:
    """Text lines with their durations; ``broken`` ones have duration 0."""

    text: pa.Array
    seconds: Ints
    broken: Mask


NO_LINES: Final = Lines(pa.array([], pa.string()), np.zeros(0, np.int64), np.zeros(0, bool))


@dataclass(frozen=True, slots=True)
class Size:
    """How many lines of which kind, in how many files."""

    seed: int
    records: int
    copies: int
    broken: int
    files: int

    @property
    def blocks(self) -> int:
        """Blocks in each file."""
        return max(1, -(-self.records // (self.files * BLOCK)))

    def share(self, total: int, block: int) -> tuple[int, int]:
        """Tell which half-open range of ``total`` things falls to ``block`` of all blocks."""
        blocks = self.files * self.blocks
        return total * block // blocks, total * (block + 1) // blocks


@dataclass(frozen=True, slots=True)
class Records:
    """Columns of records, before they are text. ``kind``, ``carrier_in`` and ``carrier_out`` are indices."""

    reference: Ints
    kind: Ints
    a_number: Ints
    b_number: Ints
    carrier_in: Ints
    carrier_out: Ints
    start: Ints
    seconds: Ints
    up: Ints
    down: Ints
    cause: Ints


@dataclass(slots=True)
class Tally:
    """Counts that go into ``truth.json``."""

    billable: int = 0
    seconds: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    unanswered: int = 0
    services: Counter[str] = field(default_factory=Counter)
    legs: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def add(self, r: Records, sound: Mask) -> None:
        """Count the records that are ``sound``."""
        self.billable += int(sound.sum())
        self.seconds += int(r.seconds[sound].sum())
        self.up_bytes += int(r.up[sound].sum())
        self.down_bytes += int(r.down[sound].sum())
        self.unanswered += int((sound & (r.cause > 16)).sum())
        for kind, count in zip(KINDS, np.bincount(r.kind[sound], minlength=len(KINDS)).tolist(), strict=True):
            self.services[kind.service] += count
            self.legs.update(dict.fromkeys(kind.legs, count))


def cumulative(weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """``weights`` summed up and scaled to end at 1."""
    total: npt.NDArray[np.float64] = np.cumsum(np.asarray(weights, np.float64))
    total /= total[-1]
    return total


def operator(seed: int, subscribers: int, days: int, first_day: date) -> Operator:
    """Read the destinations and draw what is fixed for the whole run."""
    with (TARIFFS / "destinations.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    chance = np.random.default_rng([seed, 0])
    dates = [first_day + timedelta(day) for day in range(days)]
    hours = [w for d in dates for w in (WEEKEND if d.weekday() >= 5 else WORKDAY)]
    clock = [f" {s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}+00:00" for s in range(86_400)]
    return Operator(
        subscribers=subscribers,
        first_day=first_day,
        prefix=np.array([int(r["prefix"]) for r in rows], np.int64),
        free_digits=np.array([int(r["digits"]) - len(r["prefix"]) for r in rows], np.int64),
        popularity=cumulative(1 / np.arange(1, len(rows) + 1) ** ZIPF),
        routes=np.argsort(chance.random((len(rows), len(CARRIERS))), axis=1)[:, :3],
        traffic=np.concatenate([[0.0], cumulative(hours)]),
        day_text=pa.array([d.isoformat() for d in dates]),
        clock_text=pa.array(clock),
    )


def draw(chance: np.random.Generator, shares: npt.ArrayLike, count: int) -> Ints:
    """``count`` indices, drawn by ``shares``."""
    return np.searchsorted(cumulative(shares), chance.random(count))


def often(op: Operator, chance: np.random.Generator, count: int) -> Ints:
    """Draw subscribers; some call far more than others."""
    drawn: Ints = (op.subscribers * chance.random(count) ** 2).astype(np.int64)
    return drawn


def of_kind(kind: Ints, holds: list[bool]) -> Mask:
    """Tell for which records ``holds`` is true of their kind."""
    return np.array(holds)[kind]


def subscriber_number(who: Ints) -> Ints:
    """Give the number of the n-th subscriber: scattered over the range, each once."""
    return OWN_RANGE + who * 7_919 % 10_000_000


def foreign(op: Operator, where: Ints, chance: np.random.Generator) -> Ints:
    """Draw a whole number in each of the destinations ``where``."""
    span = 10 ** op.free_digits[where]
    return op.prefix[where] * span + chance.integers(0, span)


def start_seconds(op: Operator, first: int, count: int, total: int, chance: np.random.Generator) -> Ints:
    """Draw starts of records ``first`` .. of ``total``, in seconds since the first day began, following the traffic."""
    share = (np.arange(first, first + count) + chance.random(count)) / total
    return np.interp(share, op.traffic, 3600 * np.arange(len(op.traffic))).astype(np.int64)


def durations(chance: np.random.Generator, answered: Mask) -> Ints:
    """Log-normal lengths, median 55 s, at most 4 hours; 0 where nobody answered."""
    length = np.clip(chance.lognormal(np.log(55), 1.2, len(answered)), 1, 14_400).astype(np.int64)
    return np.where(answered, length, 0)


def trunks(prefix: str, which: Ints, used: Mask) -> pa.Array:
    """Names of trunk groups, empty where none is used."""
    names = pa.array(["", *(prefix + carrier for carrier in CARRIERS)])
    return names.take(pa.array(np.where(used, which + 1, 0)))


def join(*columns: pa.Array | str, by: str = "") -> pa.Array:
    """Join text columns row by row."""
    return pc.binary_join_element_wise(*columns, by)


def texts(values: Ints) -> pa.Array:
    """Integers as decimal text."""
    return pc.cast(pa.array(values), pa.string())


def draw_records(op: Operator, first: int, total: int, broken: Mask, chance: np.random.Generator) -> Records:
    """Draw records ``first`` .. of ``total``. Those to be ``broken`` are voice calls to carriers, all fields used."""
    count = len(broken)
    kind = np.where(broken, 0, draw(chance, [k.share for k in KINDS], count))
    where = np.searchsorted(op.popularity, chance.random(count))
    voice, data = (of_kind(kind, [k.service == s for k in KINDS]) for s in ("voice", "data"))
    answered = data | (voice & (chance.random(count) >= UNANSWERED))
    down = np.where(data, np.minimum(chance.lognormal(14, 2, count), 5e9), 0).astype(np.int64)
    refused = np.array([17, 18, 19, 34])[chance.integers(0, 4, count)]
    caller, called = (subscriber_number(often(op, chance, count)) for _ in range(2))
    return Records(
        reference=int(op.first_day.strftime("%y%m%d")) * 10**10 + np.arange(first, first + count),
        kind=kind,
        a_number=np.where(
            of_kind(kind, [k.own_a for k in KINDS]), caller, foreign(op, chance.permutation(where), chance)
        ),
        b_number=np.where(of_kind(kind, [k.own_b for k in KINDS]), called, foreign(op, where, chance)),
        carrier_in=draw(chance, SHARE_IN, count),
        carrier_out=op.routes[where, draw(chance, ROUTE_SHARE, count)],
        start=start_seconds(op, first, count, total, chance),
        seconds=durations(chance, answered),
        up=down // chance.integers(5, 20, count),
        down=down,
        cause=np.where(voice, np.where(answered, 16, refused), 0),
    )


def text_lines(op: Operator, r: Records) -> pa.Array:
    """Write each record as a line, line end included."""
    day, clock = (pa.array(part) for part in np.divmod(r.start, 86_400))
    return join(
        join(texts(r.reference), HOST),
        SWITCH,
        pa.array([f"{k.service},{k.direction}" for k in KINDS]).take(pa.array(r.kind)),
        join("+", texts(r.a_number)),
        pc.if_else(pa.array(of_kind(r.kind, [k.service != "data" for k in KINDS])), join("+", texts(r.b_number)), ""),
        trunks("TI-", r.carrier_in, of_kind(r.kind, ["wholesale_in" in k.legs for k in KINDS])),
        trunks("TO-", r.carrier_out, of_kind(r.kind, ["wholesale_out" in k.legs for k in KINDS])),
        join(op.day_text.take(day), op.clock_text.take(clock)),
        texts(r.seconds),
        texts(r.up),
        texts(r.down),
        join(texts(r.cause), "\n"),
        by=",",
    )


def break_lines(lines: Lines, tally: Tally, chance: np.random.Generator) -> pa.Array:
    """Take the lines marked broken and spoil each in one of the ways of :data:`BREAKAGE`."""
    kinds = list(BREAKAGE)
    spoiled = []
    for line in lines.text.filter(pa.array(lines.broken)).to_pylist():
        kind = kinds[int(chance.integers(len(kinds)))]
        tally.broken[kind] += 1
        spoiled.append(",".join(BREAKAGE[kind][1](line.rstrip("\n").split(","))) + "\n")
    return pa.array(spoiled, pa.string())


def with_copies(lines: Lines, spoiled: pa.Array, earlier: Lines, copies: int, chance: np.random.Generator) -> Lines:
    """Put the spoiled lines in their places and send ``copies`` sound lines twice, half of them from ``earlier``."""
    count = len(lines.broken)
    pool = pa.concat_arrays([lines.text, spoiled, earlier.text])
    seconds = np.concatenate([lines.seconds, np.zeros(len(spoiled), np.int64), earlier.seconds])
    order = np.arange(count)
    order[lines.broken] = count + np.arange(len(spoiled))
    from_earlier = min(copies // 2, len(earlier.seconds))
    again = np.concatenate(
        [
            count + len(spoiled) + chance.permutation(len(earlier.seconds))[:from_earlier],
            chance.choice(np.flatnonzero(~lines.broken), copies - from_earlier),
        ]
    )
    order = np.insert(order, np.sort(chance.integers(0, count, copies)), again)
    broken = (order >= count) & (order < count + len(spoiled))
    return Lines(pool.take(pa.array(order)), seconds[order], broken)


def content(text: pa.Array) -> memoryview:
    """Give the bytes of all lines, end to end: an Arrow string column keeps them so."""
    return memoryview(text.buffers()[2])


def sample(lines: Lines, chance: np.random.Generator) -> Lines:
    """Keep at most :data:`KEPT` sound lines."""
    rows = np.sort(chance.permutation(np.flatnonzero(~lines.broken))[:KEPT])
    return Lines(lines.text.take(pa.array(rows)), lines.seconds[rows], lines.broken[rows])


def write_file(
    path: Path, op: Operator, size: Size, number: int, earlier: Lines, tally: Tally
) -> tuple[Lines, Counter[str]]:
    """Write file ``number`` (from 0); returns the lines to be sent again in the next file, and the file's counts."""
    facts = Counter[str]()
    with path.open("wb") as target:
        target.write(HEADER.encode())
        for part in range(number * size.blocks, (number + 1) * size.blocks):
            chance = np.random.default_rng([size.seed, 1, part])
            first, end = size.share(size.records - size.copies, part)
            spoiled, copies = (int(np.diff(size.share(n, part))[0]) for n in (size.broken, size.copies))
            broken = np.zeros(end - first, bool)
            broken[chance.permutation(max(end - first - 1, 0))[:spoiled]] = True
            records = draw_records(op, first, size.records - size.copies, broken, chance)
            tally.add(records, ~broken)
            sound = Lines(text_lines(op, records), np.where(broken, 0, records.seconds), broken)
            lines = with_copies(sound, break_lines(sound, tally, chance), earlier, copies, chance)
            target.write(content(lines.text))
            facts.update(records=len(lines.broken), duplicates=copies, broken=spoiled)
            facts.update(seconds=int(lines.seconds.sum()))
        facts.update(bytes=target.tell())
    return sample(lines, chance), facts


def generate(
    out: Path | str,
    *,
    records: int = 100_000,
    files: int = 4,
    seed: int = 1,
    subscribers: int = 100_000,
    duplicates: float = 0.01,
    broken: float = 0.005,
    days: int = 7,
    start: date = date(2026, 3, 1),
) -> dict[str, Any]:
    """Write the operator's files below ``out``; returns what ``truth.json`` says.

    ``records`` counts all lines but headers; ``duplicates`` and ``broken`` are parts of it. ``start`` is the first day
    (UTC). ``subscribers`` are at most ten million.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"cdr_{SWITCH}_*.csv"):
        old.unlink()
    write_tariffs(folder / "tariffs", subscribers)
    op = operator(seed, subscribers, days, start)
    size = Size(seed, records, round(records * duplicates), round(records * broken), files)
    tally, again, written = Tally(), NO_LINES, []
    for number in range(files):
        name = f"cdr_{SWITCH}_{number + 1:06d}.csv"
        again, facts = write_file(folder / name, op, size, number, again, tally)
        written.append({"name": name, "sequence": number + 1, **facts})
    truth = summary(tally, written, size)
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    return truth


def summary(tally: Tally, files: list[dict[str, Any]], size: Size) -> dict[str, Any]:
    """Compose ``truth.json``. Seconds, bytes and legs are those of billable records: sound ones, copies left out."""
    reasons: Counter[str] = Counter()
    for kind, count in tally.broken.items():
        reasons[BREAKAGE[kind][0]] += count
    return {
        "seed": size.seed,
        "records": size.records,
        "duplicates": size.copies,
        "broken": tally.broken.total(),
        "billable": tally.billable,
        "unanswered": tally.unanswered,
        "seconds": tally.seconds,
        "volume_up_bytes": tally.up_bytes,
        "volume_down_bytes": tally.down_bytes,
        "services": dict(sorted(tally.services.items())),
        "legs": dict(sorted(tally.legs.items())),
        "broken_kinds": dict(sorted(tally.broken.items())),
        "broken_reasons": dict(sorted(reasons.items())),
        "files": files,
    }


def write_tariffs(folder: Path, subscribers: int) -> None:
    """Copy the shipped tariff folder and add ``subscriptions.csv``: 60 % consumer, 25 % payg, 15 % business."""
    shutil.copytree(TARIFFS, folder, dirs_exist_ok=True)
    who = np.arange(subscribers)
    plan = np.array([0] * 12 + [1] * 5 + [2] * 3)[who % 20]
    account = 10_000_000 + np.where(plan == 2, who // 20, who)
    text = join(
        join("number,+", texts(subscriber_number(who))),
        join(pa.array(["C", "P", "B"]).take(pa.array(plan)), texts(account)),
        pa.array([f"{p},,,{p}\n" for p in ("consumer", "payg", "business")]).take(pa.array(plan)),
        by=",",
    )
    with (folder / "subscriptions.csv").open("wb") as target:
        target.write(b"kind,key,account,plan,valid_from,valid_to,segment\n")
        target.write(content(text))


def main() -> None:
    """Generate by command line."""
    parser = argparse.ArgumentParser(description="Generate the CDR files of a synthetic operator.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--duplicates", type=float, default=0.01)
    parser.add_argument("--broken", type=float, default=0.005)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--start", type=date.fromisoformat, default=date(2026, 3, 1))
    given = vars(parser.parse_args())
    begun = time.monotonic()
    truth = generate(**given)
    size, seconds = sum(f["bytes"] for f in truth["files"]) / 1e6, time.monotonic() - begun
    print(f"{truth['records']:,} records, {size:,.1f} MB, {truth['billable']:,} billable, {seconds:.1f} s")


if __name__ == "__main__":
    main()
