"""Random worlds with allowances: a world of tests/rating/worlds.py, with allowances and pools of its plans.

Enters: a source of randomness. Leaves: a world. Always holds: amounts are small, so that lots run out.
"""

from __future__ import annotations

from random import Random

from tests.rating.worlds import DIRECTIONS, SERVICES, ZONES, World, toml, world

PLANS = ("retail", "business", "carriage")


def plenty(random: Random) -> World:
    """A random tariff folder with allowances."""
    made = world(random)
    lines: list[str] = []
    for number in range(random.randint(1, 5)):
        lines.append(f"[allowance.a{number}]")
        lines += [f"{key} = {toml(value)}" for key, value in _allowance(random).items()]
    made.files["allowances.toml"] = "\n".join(lines).encode()
    rows = made.files["subscriptions.csv"].decode().splitlines()
    pools = {f"A{number}": random.choice(("", "fam", "fam", "firm")) for number in range(1, 5)}
    header, *people = rows
    made.files["subscriptions.csv"] = "\n".join(
        [f"{header},pool", *(f"{row},{pools[row.split(',')[2]]}" for row in people)]
    ).encode()
    return made


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
        "service": random.sample(SERVICES, 3),
        "direction": random.sample(DIRECTIONS, 2),
        "zone": random.sample(("near", "far", "mobile"), 2),
        "class": "other",
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
