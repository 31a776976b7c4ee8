"""Random events that try the edges of a random world.

Enters: a source of randomness and a world. Leaves: events, as the oracle takes them. Always holds:
starts crowd around what tariffs turn on: midnights, band boundaries, clock changes, leap days, year ends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from tests.oracle.words import Event
from tests.rating.worlds import (
    ACCOUNTS,
    CLOCKS,
    DATES,
    DIRECTIONS,
    EDGES,
    FROMS,
    IMSIS,
    INCREMENTS,
    LOCALS,
    NUMBERS,
    PREFIXES,
    SERVICES,
    TRUNKS,
    World,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
UNITS = {"voice": "s", "data": "byte"}
OUTER = ("1990-01-01T00:00:00Z", "2060-01-01T00:00:00Z")
"""Where calendars begin and end."""


def events(random: Random, world: World, count: int) -> list[Event]:
    """``count`` random events for ``world``."""
    return [event(random, world) for _ in range(count)]


def event(random: Random, world: World) -> Event:
    service = random.choices(SERVICES, (14, 1, 1, 4, 1))[0]
    unit = UNITS.get(service, "event") if random.random() < 0.95 else random.choice(("s", "byte", "event"))
    used = usage(random, unit)
    return Event(
        service=service,
        direction=random.choices(DIRECTIONS, (6, 3, 2, 1))[0],
        unit=unit,
        usage=used,
        start_us=start(random, world, used if unit == "s" else 60),
        a_number=number(random),
        b_number=number(random),
        account=random.choice(("", *ACCOUNTS[1:] * 2, *ACCOUNTS)),
        imsi=random.choice(("", "", *IMSIS)),
        trunk_in=random.choice((*[""] * 16, *TRUNKS)) if random.random() < 0.98 else "TG-?",
        usage_offset=random.choice((0, 0, 0, 0, 0, random.choice(FROMS[:9]), usage(random, unit))),
        trunk_out=random.choice((*[""] * 16, *TRUNKS)) if random.random() < 0.98 else "TG-?",
    )


def usage(random: Random, unit: str) -> int:
    """A quantity: near increments and steps, or anything up to a day or a terabyte."""
    if unit == "event":
        return random.choice((0, 1, 1, 1, 2, 7))
    near = random.choice((*FROMS, *INCREMENTS)) * random.choice((1, 1, 2, 3)) + random.choice((-1, 0, 0, 1))
    most = 86_400 if unit == "s" else 10 ** random.randint(3, 12)
    used = random.choices(
        (0, near, random.randint(0, 300), random.randint(0, 4000), random.randint(0, most)), (4, 46, 20, 20, 10)
    )[0]
    if unit == "byte" and random.random() < 0.01:
        return 2**53 + random.choice((-1, 0))
    return min(max(used, 0), 2 * most)


def start(random: Random, world: World, used: int) -> int:
    """Microseconds of UTC, so that the event meets an edge, most often somewhere within its usage."""
    pick = random.random()
    zone, clock = random.choice(world.edges)
    if pick < 0.02:
        moment = datetime.fromisoformat(random.choice(OUTER))
    elif pick < 0.15:
        said = datetime.fromisoformat(random.choice(EDGES))
        edge = said if said.tzinfo else said.replace(tzinfo=ZoneInfo(world.zone))
        return (edge - EPOCH) // timedelta(microseconds=1) + random.choice((-SECOND, -1, 0, 0, 0, 1))
    else:
        clock = random.choice((clock, clock, random.choice(CLOCKS)))
        days = timedelta(days=random.choice((-1, 0, 0, 0, 1, 2, 100)))
        time_of_day = timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
        civil = datetime.fromisoformat(random.choice(DATES)) + days + time_of_day
        moment = civil.replace(tzinfo=ZoneInfo(zone), fold=random.randint(0, 1))
    before = random.choice((0, 1, used - 1, used, used + 1, *(random.randint(0, used) for _ in range(4))))
    fraction = random.choice((0, 0, 1, SECOND - 1, random.randrange(SECOND)))
    return (moment - EPOCH) // timedelta(microseconds=1) - before * SECOND + fraction


def number(random: Random) -> str:
    """A subscriber, a number under some prefix, a local number, an unknown one, or none."""
    pick = random.random()
    if pick < 0.35:
        return random.choice(NUMBERS)
    if pick < 0.75:
        return "+" + random.choice(PREFIXES) + digits(random, random.choice((0, 1, 2, 8)))
    if pick < 0.93:
        return random.choice(LOCALS) + digits(random, random.choice((0, 0, 1, 3)))
    return random.choice(("", "+" + digits(random, 11), digits(random, 4)))


def digits(random: Random, count: int) -> str:
    return "".join(random.choices("0123456789", k=count))
