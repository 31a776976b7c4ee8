"""Random worlds with allowances: one of tests/rating/worlds.py, with allowances, accumulators and pools.

Enters: a source of randomness. Leaves: a world. Always holds: amounts and caps are small, so that lots run out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from random import Random
from typing import Any

from tests.rating.worlds import DIRECTIONS, SERVICES, ZONES, World, toml, world

Part = tuple[str, Callable[[Random], dict[str, object]], tuple[int, int]]
"""How ids begin, what makes one, how many there are at least and at most."""
PLANS = ("retail", "business", "carriage")


def plenty(random: Random) -> World:
    """A random tariff folder with allowances."""
    made = world(random)
    lines: list[str] = []
    parts: list[Part] = [("a", _allowance, (0, 4)), ("t", _counting, (1, 2)), ("s", _spending, (0, 2))]
    unbilled = [name for name, plan in _tables(made, "plans.toml")["plan"].items() if "bill_currency" not in plan]
    if unbilled:
        parts.append(("m", lambda each: _credit(each, unbilled), (0, 2)))
    for prefix, make, (least, most) in parts:
        for number in range(random.randint(least, most)):
            lines.append(f"[{'accumulator' if prefix in 'ts' else 'allowance'}.{prefix}{number}]")
            lines += [f"{key} = {toml(value)}" for key, value in make(random).items()]
    _tier(made, random)
    made.files["allowances.toml"] = "\n".join(lines).encode()
    rows = made.files["subscriptions.csv"].decode().splitlines()
    pools = {f"A{number}": random.choice(("", "fam", "fam", "firm")) for number in range(1, 5)}
    header, *people = rows
    made.files["subscriptions.csv"] = "\n".join(
        [f"{header},pool", *(f"{row},{pools[row.split(',')[2]]}" for row in people)]
    ).encode()
    return made


def _tables(made: World, file: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(made.files[file].decode())


def _tier(made: World, random: Random) -> None:
    """Let some rates count over an accumulator."""
    tiers = ("", "", 'tiers = "volume"', 'tiers = "graduated"')
    for name, rate in _tables(made, "prices.toml")["rate"].items():
        if rate["step_counter"] != "isolated" and random.random() < 0.6:
            header = f"[rate.{name}]\n"
            more = f'accumulator = "t0"\n{random.choice(tiers)}\n'
            made.files["prices.toml"] = made.files["prices.toml"].replace(header.encode(), (header + more).encode())


def _counting(random: Random) -> dict[str, object]:
    """An accumulator of units, of all plans."""
    some = {"count_free": False, "pool": True, **_columns(random)}
    return {
        "plan": list(PLANS),
        "unit": random.choice(("s", "s", "byte")),
        "period": random.choice(("day", "week", "month", "once")),
        "time_zone": random.choice(ZONES),
    } | {key: some[key] for key in some if random.random() < 0.2}


def _spending(random: Random) -> dict[str, object]:
    """An accumulator of money, most often with a cap."""
    some = {"pool": True, **_columns(random)}
    cap = {"cap": random.choice(("0.000000001", "0.5", "3", "20.55", "1000"))} if random.random() < 0.8 else {}
    return (
        {
            "plan": random.sample(PLANS, random.randint(1, 3)),
            "currency": "EUR",
            "period": random.choice(("day", "week", "month", "once")),
            "time_zone": random.choice(ZONES),
        }
        | {key: some[key] for key in some if random.random() < 0.2}
        | cap
    )


def _credit(random: Random, plans: list[str]) -> dict[str, object]:
    """An allowance of money."""
    said = _allowance(random)
    amounts = ("0.01", "0.333333333", "2", "15.5", "400")
    for key in ("unit", "increment", "split", "factor", "remainder", "setup_fee_on_free"):
        said.pop(key, None)
    if "member_cap" in said:
        said["member_cap"] = random.choice(amounts)
    if "rollover" in said:
        said["rollover"] = {"limit": random.choice(amounts), "periods": random.randint(1, 2)}
    chosen = random.sample(plans, random.randint(1, len(plans)))
    return said | {"plan": chosen, "currency": "EUR", "amount": random.choice(amounts)}


def _columns(random: Random) -> dict[str, object]:
    """Which usage; each is to be taken or left."""
    return {
        "service": random.sample(SERVICES, 3),
        "direction": random.sample(DIRECTIONS, 2),
        "zone": random.sample(("near", "far", "mobile"), 2),
        "class": "other",
    }


def _allowance(random: Random) -> dict[str, object]:
    unit = random.choice(("s", "s", "s", "byte", "event"))
    most = {"s": 4000, "byte": 10**10, "event": 4}[unit]
    period = random.choice(("day", "week", "month", "month", "3 days", "once"))
    said: dict[str, object] = {
        "plan": random.sample(PLANS, random.randint(1, 3)),
        "unit": unit,
        "amount": random.randint(1, most),
        "period": period,
        "time_zone": random.choice(ZONES),
    }
    some = {
        "priority": random.randint(0, 2),
        **_columns(random),
        "increment": random.choice((6, 60, 300)),
        "split": True,
        "factor": random.choice(("0.5", "3/2", "2", "7/3")),
        "remainder": "restart",
        "setup_fee_on_free": True,
    }
    said |= {key: some[key] for key in some if random.random() < 0.3}
    if period == "3 days":
        said["anchor"] = "2024-02-29"
    if period == "once":
        return said | ({"valid_days": random.choice((1, 30, 400))} if random.random() < 0.5 else {})
    if random.random() < 0.5:
        said["rollover"] = {"limit": random.randint(1, most), "periods": random.randint(1, 3)}
    if random.random() < 0.4:
        said["proration"] = random.choice(("down", "up", "half_up"))
    if random.random() < 0.4:
        said["pool"] = True
        if random.random() < 0.6:
            said["member_cap"] = random.randint(1, most)
    return said
