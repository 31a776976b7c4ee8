"""From quantity to money, rule by rule: one event a row, its billed usage, amount and note worked out by hand last.

Every plan has a band ``day`` (Wednesday to 18:00 UTC) and the rest; a row gives the rate of each.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from rating.explain_price import explain_event
from rating.hypothetical import parse_event
from tariffs.catalogue import Catalogue
from tests.rating.cards import quoted
from tests.tariff_folder import compiled

NOON = "2024-03-06T12:00:00Z"
DUSK = "2024-03-06T17:59:30Z"
"""Thirty seconds before the day ends."""
BEFORE = "2024-03-06T17:58:30Z"
"""Ninety."""
CENT, HALF = 'price = "0.01"', 'price = "0.005"'
MINUTES = "\nincrement = 60"
CUT, END, START, CARRY = (f'\nboundary = "{name}"' for name in ("cut", "end", "start", "carry"))
ISOLATED = '\nstep_counter = "isolated"'


def steps(first: str, later: str, increment: int = 1) -> str:
    """Two steps, the second from 60 on."""
    return (
        f'steps = [{{ price = "{first}", increment = {increment} }},'
        f' {{ from = 60, price = "{later}", increment = {increment} }}]'
    )


def scaled(mode: str, scale: int, stage: str = "charge") -> str:
    """A rounding."""
    return f'\nrounding = {{ mode = "{mode}", scale = {scale}, stage = "{stage}" }}'


# Units of these two cost so that the amount tells those of each step: 60_030_000.090 is 60 of the day's first step, 30
# of its second, none of the rest's first, 90 of its second.
DAY, REST = steps("1000000", "1000"), steps("1", "0.001")
DAYS, RESTS = steps("1000000", "1000", 60), steps("1", "0.001", 60)

# rate of the day, rate of the rest, start, usage, billed usage, amount, note; above it how it comes about
VOICE = [
    # -- boundary and step counter, by the second: 90 s of day (60 + 30), 90 s of rest
    (DAY + CARRY, REST, BEFORE, 180, 180, "60_030_000.090", ""),
    (DAY + CARRY + ISOLATED, REST, BEFORE, 180, 180, "60_030_060.030", ""),
    (DAY + CUT, REST, BEFORE, 180, 180, "60_030_000.090", ""),
    (DAY + CUT + ISOLATED, REST, BEFORE, 180, 180, "60_030_060.030", ""),
    (DAY + START, REST, BEFORE, 180, 180, "60_120_000.000", ""),
    (DAY + START + ISOLATED, REST, BEFORE, 180, 180, "60_120_000.000", ""),
    (DAY + END, REST, BEFORE, 180, 180, "00_000_060.120", ""),
    (DAY + END + ISOLATED, REST, BEFORE, 180, 180, "00_000_060.120", ""),
    # -- the same by the minute. carry: minutes begin at 0 and 60 in the day, at 120 in the rest
    (DAYS + CARRY, RESTS, BEFORE, 180, 180, "60_060_000.060", ""),
    (DAYS + CARRY + ISOLATED, RESTS, BEFORE, 180, 180, "60_060_060.000", ""),
    # cut: 90 s of day are two minutes; 90 s of rest are two more, counted from 90, or from 0
    (DAYS + CUT, RESTS, BEFORE, 180, 240, "60_060_000.120", ""),
    (DAYS + CUT + ISOLATED, RESTS, BEFORE, 180, 240, "60_060_060.060", ""),
    (DAYS + START, RESTS, BEFORE, 180, 180, "60_120_000.000", ""),
    (DAYS + END, RESTS, BEFORE, 180, 180, "00_000_060.120", ""),
    # the boundary and the counter are those of the rate at the start, whatever the other says
    (DAY, REST + CUT + ISOLATED, BEFORE, 180, 180, "60_030_000.090", ""),
    (DAYS + CUT, RESTS + START, BEFORE, 180, 240, "60_060_000.120", ""),
    # a call that ends with the day does not cross
    (DAY + END, REST, BEFORE, 90, 90, "60_030_000.000", ""),
    (DAYS + CUT, RESTS, BEFORE, 90, 120, "60_060_000.000", ""),
    # one second more does: by cut a whole minute of the rest
    (DAYS + CUT, RESTS, BEFORE, 91, 180, "60_060_000.060", ""),
    (DAYS + END, RESTS, BEFORE, 91, 120, "00_000_060.060", ""),
    # an increment of 45 s that begins at 45 belongs to the first step to its end at 90
    (steps("1000000", "1000", 45), REST, NOON, 100, 135, "90_045_000.000", ""),
    # ... and one that begins in the day is the day's to its end: 0 and 45 (to 90) in the day, at 90 the rest, step 2
    (steps("1000000", "1000", 45), REST, BEFORE, 120, 120, "90_000_000.030", ""),
    (steps("1000000", "1000", 45), steps("1", "0.001", 45), BEFORE, 120, 135, "90_000_000.045", ""),
    # -- minimum: the length of the first increment, once
    (CENT + "\nminimum = 30", HALF, NOON, 10, 30, "0.30", ""),
    (CENT + "\nminimum = 30", HALF, NOON, 31, 31, "0.31", ""),
    (CENT + "\nminimum = 60\nincrement = 60", HALF, NOON, 61, 120, "1.20", ""),
    # the minimum to 30, then a minute to 90
    (CENT + "\nminimum = 30\nincrement = 60", HALF, NOON, 31, 90, "0.90", ""),
    # its 60 s began in the day, the 30 that follow in the rest: 0.60 + 0.15
    (CENT + "\nminimum = 60", HALF, DUSK, 90, 90, "0.75", ""),
    # cut: 30 s of day are 60 by the minimum, 30 s of rest by the second: no second minimum
    (CENT + "\nminimum = 60" + CUT, HALF + "\nminimum = 60", DUSK, 60, 90, "0.75", ""),
    # end: the minimum is that of the rate at the end
    (CENT + "\nminimum = 300" + END, HALF + "\nminimum = 120", DUSK, 60, 120, "0.60", ""),
    # -- free_under
    (CENT + "\nfree_under = 5", HALF, NOON, 4, 0, "0", "free_under"),
    (CENT + "\nfree_under = 5", HALF, NOON, 5, 5, "0.05", ""),
    (CENT + "\nfree_under = 5", HALF, NOON, 0, 0, "0", "zero_usage"),
    # neither fee nor least charge on what is free
    (CENT + '\nfree_under = 5\nsetup_fee = "1"\nmin_charge = "2"', HALF, NOON, 4, 0, "0", "free_under"),
    # carry goes by the rate at the start: 0.30 + 0.15; end by the rate at the end
    (CENT, HALF + "\nfree_under = 100", DUSK, 60, 60, "0.45", ""),
    (CENT + END, HALF + "\nfree_under = 100", DUSK, 60, 0, "0", "free_under"),
    # -- min_charge
    (CENT + '\nmin_charge = "0.05"', HALF, NOON, 1, 1, "0.05", "min_charge"),
    (CENT + '\nmin_charge = "0.05"', HALF, NOON, 5, 5, "0.05", ""),
    (CENT + '\nmin_charge = "0.05"', HALF, NOON, 6, 6, "0.06", ""),
    (CENT + '\nmin_charge = "0.05"\nsetup_fee = "0.04"', HALF, NOON, 1, 1, "0.05", ""),
    ('price = "0"\nmin_charge = "0.05"', HALF, NOON, 1, 1, "0.05", "min_charge"),
    (CENT + '\nmin_charge = "1"', HALF, DUSK, 60, 60, "1", "min_charge"),
    (CENT + '\nmin_charge = "1"', HALF, NOON, 0, 0, "0", "zero_usage"),
    # -- max_charge
    (CENT + '\nmax_charge = "0.05"', HALF, NOON, 4, 4, "0.04", ""),
    (CENT + '\nmax_charge = "0.05"', HALF, NOON, 5, 5, "0.05", ""),
    (CENT + '\nmax_charge = "0.05"', HALF, NOON, 6, 6, "0.05", "max_charge"),
    (CENT + '\nmax_charge = "0"', HALF, NOON, 6, 6, "0", "max_charge"),
    (CENT + '\nmax_charge = "0.40"', HALF, DUSK, 60, 60, "0.40", "max_charge"),
    # least and most are one: whatever is used
    (CENT + '\nmin_charge = "0.05"\nmax_charge = "0.05"', HALF, NOON, 1, 1, "0.05", "min_charge"),
    (CENT + '\nmin_charge = "0.05"\nmax_charge = "0.05"', HALF, NOON, 9, 9, "0.05", "max_charge"),
    # the rate at the end has no limit; the one at the start would
    (CENT + '\nmax_charge = "0.10"' + END, HALF, DUSK, 60, 60, "0.30", ""),
    # -- setup_fee: once, and never without usage
    (CENT + '\nsetup_fee = "0.02"', HALF, NOON, 1, 1, "0.03", ""),
    (CENT + '\nsetup_fee = "0.02"', HALF, NOON, 0, 0, "0", "zero_usage"),
    # of the rate at the start (0.30 + 0.15 + 0.02), also where the band changes and the counter begins again
    (CENT + '\nsetup_fee = "0.02"', HALF + '\nsetup_fee = "0.07"', DUSK, 60, 60, "0.47", ""),
    (CENT + '\nsetup_fee = "0.02"' + CUT + ISOLATED, HALF + '\nsetup_fee = "0.07"', DUSK, 60, 60, "0.47", ""),
    # end: of the rate at the end (0.30 + 0.07)
    (CENT + '\nsetup_fee = "0.02"' + END, HALF + '\nsetup_fee = "0.07"', DUSK, 60, 60, "0.37", ""),
    ('price = "0"\nsetup_fee = "0.02"', HALF, NOON, 3600, 3600, "0.02", ""),
    # -- rounding of 0.0015 a second to three decimals: 0.0015, 0.003, 0.0045
    ('price = "0.0015"' + scaled("half_up", 3), HALF, NOON, 1, 1, "0.002", ""),
    ('price = "0.0015"' + scaled("half_even", 3), HALF, NOON, 1, 1, "0.002", ""),
    ('price = "0.0015"' + scaled("half_up", 3), HALF, NOON, 3, 3, "0.005", ""),
    ('price = "0.0015"' + scaled("half_even", 3), HALF, NOON, 3, 3, "0.004", ""),
    ('price = "0.0015"' + scaled("up", 3), HALF, NOON, 3, 3, "0.005", ""),
    ('price = "0.0015"' + scaled("down", 3), HALF, NOON, 3, 3, "0.004", ""),
    ('price = "0.0015"' + scaled("up", 3), HALF, NOON, 2, 2, "0.003", ""),
    # at each increment: three times 0.002, or 0.001
    ('price = "0.0015"' + scaled("half_up", 3, "increment"), HALF, NOON, 3, 3, "0.006", ""),
    ('price = "0.0015"' + scaled("half_even", 3, "increment"), HALF, NOON, 3, 3, "0.006", ""),
    ('price = "0.0015"' + scaled("down", 3, "increment"), HALF, NOON, 3, 3, "0.003", ""),
    ('price = "0.0015"' + scaled("up", 3, "increment"), HALF, NOON, 3, 3, "0.006", ""),
    # an increment of three seconds is rounded as one: 0.0045
    ('price = "0.0015"\nincrement = 3' + scaled("down", 3, "increment"), HALF, NOON, 4, 6, "0.008", ""),
    # at each step: 61 s are 60 x 0.0015 = 0.09 and 0.0025 -> 0.003; at the charge 0.0925 -> 0.093, or 0.092 downwards
    (steps("0.0015", "0.0025") + scaled("half_up", 3, "step"), HALF, NOON, 61, 61, "0.093", ""),
    (steps("0.0015", "0.0025") + scaled("down", 3, "step"), HALF, NOON, 61, 61, "0.092", ""),
    # at each step and band: 59 x 0.0015 = 0.0885 -> 0.089 twice; at the charge 0.177
    (steps("0.0015", "0.0025") + scaled("half_up", 3, "step") + CUT, steps("0.0015", "0.0015"),
     "2024-03-06T17:59:01Z", 118, 118, "0.178", ""),
    (steps("0.0015", "0.0015") + CUT + scaled("half_up", 3), steps("0.0015", "0.0015"),
     "2024-03-06T17:59:01Z", 118, 118, "0.177", ""),
    # whole units: a half, and one and a half
    ('price = "0.5"' + scaled("half_up", 0), HALF, NOON, 1, 1, "1", ""),
    ('price = "0.5"' + scaled("half_even", 0), HALF, NOON, 1, 1, "0", ""),
    ('price = "0.5"' + scaled("half_even", 0), HALF, NOON, 3, 3, "2", ""),
    ('price = "0.5"' + scaled("up", 0), HALF, NOON, 1, 1, "1", ""),
    ('price = "0.5"' + scaled("down", 0), HALF, NOON, 3, 3, "1", ""),
    # a limit comes before the rounding: 0.0045 is above 0.004
    ('price = "0.0015"\nmax_charge = "0.004"' + scaled("up", 3), HALF, NOON, 3, 3, "0.004", "max_charge"),
]  # fmt: skip

# service, unit, rate, start, usage, billed usage, amount
OTHERS = [
    # -- a message costs its price, three parts cost three
    ("sms", "event", 'price = "0.05"', NOON, 1, 1, "0.05"),
    ("sms", "event", 'price = "0.05"', NOON, 3, 3, "0.15"),
    ("mms", "event", 'price = "0.05"\nmin_charge = "0.30"', NOON, 1, 1, "0.30"),
    ("content", "event", 'price = "4.99"\nsetup_fee = "1"', NOON, 1, 1, "5.99"),
    # ten for the price of ten, or a part of them
    ("sms", "event", 'price = "0.40"\nper = 10\nincrement = 10', NOON, 1, 10, "0.40"),
    ("sms", "event", 'price = "0.40"\nper = 10\nincrement = 10', NOON, 11, 20, "0.80"),
    # usage that is no time crosses no band, however long it would last as seconds
    ("sms", "event", 'price = "0.05"\nboundary = "end"', DUSK, 60, 60, "3"),
    # -- a MiB is 0.01: 1,500 bytes are 2 KiB, 0.00001953125
    ("data", "byte", 'price = "0.01"\nper = 1048576', NOON, 1_048_576, 1_048_576, "0.01"),
    ("data", "byte", 'price = "0.01"\nper = 1048576\nincrement = 1024', NOON, 1500, 2048, "0.000019531"),
    ("data", "byte", 'price = "0.01"\nper = 1048576\nboundary = "cut"', DUSK, 10_485_760, 10_485_760, "0.1"),
    # volume steps: a MiB at 0.01, what follows at half of it
    ("data", "byte", 'steps = [{ price = "0.01", per = 1048576 }, { from = 1048576, price = "0.005", per = 1048576 }]',
     NOON, 3_145_728, 3_145_728, "0.02"),
    # data by the second is time: 30 s at 0.01, then 0.005 elsewhere
    ("data", "s", 'price = "0.01"', DUSK, 60, 60, "0.45"),
]  # fmt: skip

CALENDAR = '[calendar.c]\ndefault = "rest"\n[calendar.c.bands]\nday = ["mon-fri 08:00-18:00"]\n'


def _plan(name: str, day: str, rest: str) -> str:
    told = {"day": day, "rest": rest}
    rates = "".join(f'[rate.{name}-{band}]\ncurrency = "GBP"\n{text}\n' for band, text in told.items())
    rules = "".join(f'[[plan.{name}.rule]]\nband = "{band}"\nrate = "{name}-{band}"\n' for band in told)
    return f'{rates}[plan.{name}]\ncurrency = "GBP"\ncalendar = "c"\n{rules}'


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    texts = [CALENDAR]
    texts += [_plan(f"voice{number}", day, rest) for number, (day, rest, *_) in enumerate(VOICE)]
    texts += [_plan(f"other{number}", row[2], HALF) for number, row in enumerate(OTHERS)]
    return compiled(tmp_path_factory.mktemp("tariff"), {"a.toml": "".join(texts)})


@pytest.mark.parametrize("number", range(len(VOICE)), ids=[f"{row[0]} {row[3]}"[:80] for row in VOICE])
def test_voice(catalogue: Catalogue, number: int) -> None:
    _, _, start, usage, billed, amount, note = VOICE[number]
    charge = quoted(catalogue, {"usage": usage, "start": start, "b_number": "+44", "keys": {"plan": f"voice{number}"}})
    assert (charge["billed_usage"], Decimal(charge["amount"]), charge["note"]) == (billed, Decimal(amount), note)


@pytest.mark.parametrize("number", range(len(OTHERS)), ids=[f"{row[0]} {row[4]}" for row in OTHERS])
def test_other_services(catalogue: Catalogue, number: int) -> None:
    service, unit, _, start, usage, billed, amount = OTHERS[number]
    event = {"service": service, "unit": unit, "usage": usage, "start": start, "b_number": "+44"}
    charge = quoted(catalogue, event | {"keys": {"plan": f"other{number}"}})
    assert (charge["billed_usage"], Decimal(charge["amount"])) == (billed, Decimal(amount))


# boundary, the rates that the story names part by part
PARTS = [(START, ["day"]), (END, ["rest"]), (CARRY, ["day", "rest"]), (CUT, ["day", "rest"])]


@pytest.mark.parametrize(("boundary", "rates"), PARTS)
def test_the_story_names_the_rate_of_every_part(tmp_path: Path, boundary: str, rates: list[str]) -> None:
    made = compiled(tmp_path, {"a.toml": CALENDAR + _plan("p", CENT + boundary, HALF)})
    event = {"usage": 60, "start": DUSK, "b_number": "+44", "keys": {"plan": "p"}}
    lines = explain_event(parse_event(event), made, "retail").lines()
    told = [line.split("rate p-")[1].split(":")[0] for line in lines if ", rate p-" in line]
    # the charge itself names what the event met at its start
    assert (told, quoted(made, event)["rate"], quoted(made, event)["band"]) == (rates, "p-day", "day")
