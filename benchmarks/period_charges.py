"""What the fees and discounts of a month take, for all accounts at once.

Enters: maybe how many accounts; they are made. Leaves: Markdown lines. Always holds: each part runs in a process of its
own; sums that are known beforehand must come out before its time counts.
Run: ``python -m benchmarks.period_charges [ACCOUNTS]``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from benchmarks.timing import run

if TYPE_CHECKING:
    import polars as pl

    from tariffs.model import Tariff

ACCOUNTS: Final = 1_000_000
LINES: Final = 5
"""Lines of an account."""
_DAY_US: Final = 86_400_000_000
_APRIL_US: Final = 1_775_001_600_000_000
"""2026-04-01."""


def _tariff(accounts: int) -> Tariff:
    """A tariff of four fees; every tenth account changes its plan after the 10th of April."""
    import polars as pl

    from tariffs.model import COLUMNS, EVER_FROM, EVER_TO, NANO, Fee, Plan, Tariff
    from tariffs.sheets import SUBSCRIPTION_COLUMNS, TRUNK_COLUMNS, empty

    change = _APRIL_US + 10 * _DAY_US
    text = pl.col("number").cast(pl.String)
    names = pl.DataFrame({"number": range(accounts)}).with_columns(account="A" + text, key="+" + text)
    changes = pl.col("number") % 10 == 0
    ends = pl.when(changes).then(change).otherwise(EVER_TO)
    first = names.with_columns(pl.lit("p").alias("plan"), pl.lit(EVER_FROM).alias("valid_from"), ends.alias("valid_to"))
    then = names.filter(changes).with_columns(
        pl.lit("q").alias("plan"), pl.lit(change).alias("valid_from"), pl.lit(EVER_TO).alias("valid_to")
    )
    rest = {"kind": "number", "segment": "", "pool": "", "line": 2}
    rows = pl.concat([first, then]).with_columns(pl.lit(value).alias(name) for name, value in rest.items())
    plans = {name: Plan(name, "EUR", "", COLUMNS, ()) for name in ("p", "q")}
    terms = [("none", "advance"), ("half_up", "advance"), ("none", "arrears"), ("half_up", "arrears")]
    fees = {
        f"{proration} {due}": Fee(
            f"{proration} {due}", ("p", "q"), 10 * NANO, "EUR", due=due, proration=proration, scale=2, per="number"
        )
        for proration, due in terms
    }
    trunks = empty(TRUNK_COLUMNS)
    return Tariff({}, {}, {}, {}, plans, rows.select(SUBSCRIPTION_COLUMNS), trunks, trunks, fees=fees)


def time_fees(accounts: int) -> float:
    """CPU seconds of the fees of April; ValueError where they do not sum to what is known."""
    from rating.period import Period
    from rating.period_charges.fees import fees
    from tariffs.model import NANO

    tariff = _tariff(accounts)
    began = time.process_time()
    found = fees(tariff, Period(date(2026, 4, 1), date(2026, 4, 30)))
    took = time.process_time() - began
    due = _sums(found, "fee")
    whole = dict.fromkeys(("none advance", "none arrears", "half_up arrears"), 10 * NANO * accounts)
    if any(due[name] != amount for name, amount in whole.items()):
        raise ValueError(f"the fees sum to {due}, not to {whole}")
    return took


def _sums(frame: pl.DataFrame, by: str) -> dict[str, int]:
    import polars as pl

    return dict(frame.group_by(by).agg(pl.col("amount").cast(pl.Int128).sum()).iter_rows())


def time_discounts(accounts: int) -> float:
    """CPU seconds of four discounts; ValueError where lines go below zero or sums are not what is known."""
    import polars as pl

    from rating.period_charges.discounts import discounts
    from tariffs.model import NANO, Discount, Lines, Rounding, Threshold

    kinds = pl.DataFrame({
        "service": ["voice", "sms", "data", "", ""],
        "fee": ["", "", "", "rental", "line"],
        "amount": [60 * NANO, 20 * NANO, 40 * NANO, 10 * NANO, 30 * NANO],
    })  # fmt: skip
    names = pl.DataFrame({"number": range(accounts)}).select(("A" + pl.col("number").cast(pl.String)).alias("account"))
    same = {"plan": "p", "zone": "uk", "band": "", "rate": "r", "currency": "EUR"}
    lines = names.join(kinds, how="cross").with_columns(pl.lit(value).alias(name) for name, value in same.items())
    offered = [
        Discount("loyal", Lines(("p",), lines="usage"), percent=100_000, above=100 * NANO, currency="EUR"),
        Discount("sms", Lines(("p",), service=("sms",)), amount=5 * NANO, currency="EUR", order=1),
        Discount(
            "bundle",
            Lines(("p",), fee=("line",)),
            percent=200_000,
            currency="EUR",
            when=Threshold(Lines(("p",), service=("voice",)), 50 * NANO),
            order=2,
        ),
        Discount("all", Lines(("p",)), percent=30_000, rounding=Rounding(scale=2), order=3),
    ]
    began = time.process_time()
    found = discounts(lines, offered)
    took = time.process_time() - began
    off = _sums(found, "discount")
    cents = {"loyal": 200, "sms": 500, "bundle": 600, "all": 441}  # the last: 3 % of 160 - 2 - 5 - 6
    expected = {name: cent * accounts * (NANO // 100) for name, cent in cents.items()}
    if off != expected:
        raise ValueError(f"the discounts sum to {off}, not to {expected}")
    return took


PARTS: Final[dict[str, tuple[Callable[[int], float], str]]] = {
    "fees": (time_fees, "four monthly fees, one account in ten changing its plan"),
    "discounts": (time_discounts, f"four discounts on {LINES} lines of each account"),
}


def table(accounts: int = ACCOUNTS) -> Iterator[str]:
    """The benchmark as Markdown."""
    yield f"{accounts:,} accounts, one month. CPU seconds of the part itself and peak memory of its process.\n"
    yield "| part | CPU s | accounts/s | peak MB |"
    yield "| --- | ---: | ---: | ---: |"
    for name, (_, what) in PARTS.items():
        cost = run([sys.executable, "-m", "benchmarks.period_charges", name, str(accounts)])
        seconds = json.loads(cost.output)
        yield f"| {what} | {seconds:.2f} | {accounts / seconds:,.0f} | {cost.peak_mb:,.0f} |"


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        print(json.dumps(PARTS[sys.argv[1]][0](int(sys.argv[2]))))
    else:
        sys.stdout.writelines(f"{line}\n" for line in table(*map(int, sys.argv[1:])))
