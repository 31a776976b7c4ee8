"""A tariff exported and read again is the same tariff: it compiles to the same version, and to the same text."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from random import Random

import pytest
from jsonschema import Draft202012Validator

from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.export import export_tariff
from tariffs.load import load
from tests.rating.worlds import world
from tests.tariff_folder import compiled

ROOT = Path(__file__).parents[2]
VALID = Draft202012Validator(json.loads((ROOT / "docs" / "schema" / "tariff.schema.json").read_text("utf-8")))
SAMPLES = Path(__file__).parents[2] / "samples" / "tariffs"
EVERY_KEY = """
[tariff]
zone = "America/New_York"
[deck.d]
file = "d.csv"
currency = "GBP"
unpriced = "suspend"
rounding = { mode = "up", scale = 2, stage = "step" }
max_charge = "9.5"
[deck.d.columns]
prefix = "p"
zone = "z"
price = "r"
valid_from = "f"
valid_to = "t"
[zone.uk]
prefixes = ["44", "4420"]
local = ["999", "*"]
[rate.steps]
currency = "GBP"
steps = [{ price = "0.1", per = 60, increment = 30, minimum = 60 }, { from = 600, price = "0.05", per = 60 }]
setup_fee = "0.02"
free_under = 3
min_charge = "0.05"
boundary = "cut"
step_counter = "isolated"
rounding = { mode = "half_even", scale = 4, stage = "increment" }
[rate.flat]
currency = "GBP"
price = "0.000000001"
per = 1048576
[rate.tiers]
currency = "GBP"
steps = [{ price = "0.1", per = 60 }, { from = 600, price = "0.05" }]
accumulator = "usage"
tiers = "volume"
[plan.p]
currency = "GBP"
[[plan.p.version]]
valid_to = "2026-01-01"
[[plan.p.version.rule]]
rate = "flat"
[[plan.p.version]]
valid_from = "2026-01-01"
valid_to = "2026-12-24T18:30:00"
[[plan.p.version.rule]]
service = ["voice", "sms"]
deck = "d"
[[plan.p.version.rule]]
service = ["voice", "sms"]
direction = "originated"
zone = "uk"
rate = "steps"
[[plan.p.version.rule]]
service = "data"
rate = "flat"
[calendar.uk]
zone = "Europe/London"
default = "off peak"
[calendar.uk.bands]
peak = ["mon-fri 08:00-18:00", "xmas,sun 10:00-12:00"]
night = ["mon-sun 23:00-06:00"]
holiday = ["xmas 12:00-01:30"]
[calendar.uk.special]
sun = ["2026-05-04"]
xmas = { country = "GB", subdivision = "ENG", dates = ["2026-12-31"], except = ["2026-05-04"] }
[class.emergency]
local = ["112"]
[class."friends & family"]
members = "family.csv"
subscribed = true
same_account = true
prefixes = ["447", "*"]
[tax.vat]
percent = "8.875"
rounding = { mode = "half_even", scale = 2 }
[plan.all]
currency = "GBP"
calendar = "uk"
match = ["class", "zone"]
tax = "vat"
tax_mode = "inclusive"
bill_currency = "XDR"
bill_rounding = { mode = "down", scale = 3 }
[[plan.all.rule]]
rate = "flat"
tax = "none"
[[plan.all.rule]]
direction = "terminated"
origin = "uk"
class = ["emergency", "other"]
band = ["peak", "night"]
rate = "steps"
[allowance.minutes]
plan = ["p", "all"]
unit = "s"
amount = 18000
time_zone = "Europe/London"
[allowance.gigabytes]
plan = "all"
unit = "byte"
amount = 10737418240
period = "30 days"
anchor = "2026-01-05"
priority = 3
service = "data"
direction = ["originated", "terminated"]
zone = ["uk", "US, A"]
class = "other"
band = ["peak", "off peak"]
increment = 1024
split = true
factor = "0.5"
pool = true
member_cap = 1073741824
rollover = { limit = 1000, periods = 2 }
proration = "half_up"
remainder = "restart"
setup_fee_on_free = true
[allowance.welcome]
plan = "all"
unit = "event"
amount = 3
period = "once"
valid_days = 30
[allowance.credit]
plan = "p"
currency = "GBP"
amount = "10.50"
pool = true
member_cap = "5"
rollover = { limit = "2.25" }
[accumulator.usage]
plan = ["p", "all"]
unit = "s"
time_zone = "Europe/London"
service = "voice"
count_free = false
[accumulator.spent]
plan = "all"
currency = "GBP"
period = "week"
pool = true
cap = "50"
[fee.rental]
plan = "p"
amount = "19.99"
currency = "GBP"
[fee."line, a day"]
plan = "p"
amount = "0.5"
currency = "GBP"
period = "30 days"
anchor = "2026-01-05"
due = "arrears"
per = "number"
time_zone = "Europe/London"
proration = "half_up"
scale = 2
tax = "vat"
text = "Line rental"
[fee.welcome]
plan = "all"
amount = "15"
currency = "XDR"
period = "once"
[discount.tenth]
plan = ["p", "all"]
percent = "10"
[discount.bundle]
plan = "p"
fee = ["rental", "line, a day"]
amount = "5.00"
currency = "GBP"
above = "10"
on = "all"
cap = "4"
order = 7
of = "list"
rounding = { mode = "down", scale = 2 }
text = "Bundle"
[discount.bundle.when]
plan = "all"
service = ["voice", "sms"]
zone = "uk"
band = "peak"
rate = "flat"
lines = "usage"
above = "50"
[discount.some]
plan = "all"
service = "data"
zone = ["US, A"]
band = "night"
rate = "d"
percent = "0.5"
lines = "usage"
when = {}
"""
DECK = 'p,z,r,f,t\n1,"US, A",0.01,,2026-02-01\n+1,US,0.02,2026-02-01,\n33,FR,,,\n*,WORLD,1,,\n'


FILES = {
    "a.toml": EVERY_KEY,
    "d.csv": DECK,
    "family.csv": 'account,number\nann,+44700\n"b, c",112\n',
    "conversions.csv": 'from,to,rate,date,source\nGBP,XDR,0.95,2026-03-31,IMF\nGBP,XDR,0.955,2026-04-01,"IMF, daily"\n',
    "subscriptions.csv": "kind,key,account,plan,valid_from,valid_to,segment\nnumber,+447700900123,ann,all,2026-01-01,,"
    'gold\naccount,"t/c/a ""b""",ben,p,,2027-01-01T00:00:00.5+02:00,\n',
    "trunks.csv": "trunk,carrier,direction,plan_in,plan_out,valid_from,valid_to\nT-1,acme,both,p,all,2026-02-28,\n"
    "T-2,,in,,,,\n",
}


def _compiled(folder: Path) -> Catalogue:
    tariff, problems = load(folder)
    made, more = compile_tariff(tariff)
    assert made is not None, [*problems, *more]
    return made


def _again(made: Catalogue, folder: Path) -> Catalogue:
    assert sorted(export_tariff(made, folder)) == sorted(path.name for path in folder.iterdir())
    return _compiled(folder)


def _same(made: Catalogue, folder: Path) -> None:
    again = _again(made, folder)
    assert again.folder_text() == made.folder_text()
    assert again.version == made.version
    written = tomllib.loads((folder / "tariff.toml").read_text("utf-8"))
    assert [error.message for error in VALID.iter_errors(written)] == []


@pytest.fixture
def every_key(tmp_path: Path) -> Catalogue:
    return compiled(tmp_path / "one", FILES)


def test_every_key(every_key: Catalogue, tmp_path: Path) -> None:
    _same(every_key, tmp_path / "out")
    assert set(every_key.folder_text()) == {"tariff.toml", "friends___family.csv"} | set(FILES) - {
        "a.toml",
        "family.csv",
    }


@pytest.mark.parametrize("name", ["nodobo", "packages", "synthetic"])
def test_samples(name: str, tmp_path: Path) -> None:
    _same(_compiled(SAMPLES / name), tmp_path / "out")


@pytest.mark.parametrize("seed", range(60))
def test_random_tariffs(seed: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    world(Random(seed)).write(tmp_path / "in")
    _same(_compiled(tmp_path / "in"), tmp_path / "out")


# what else a folder may say that means the same: file, text, other text
ALIKE = [
    ("a.toml", "[zone.uk]", "# a comment\n[zone.uk]"),
    ("a.toml", 'valid_from = "2026-01-01"', 'valid_from = "2026-01-01T05:00:00Z"'),
    ("a.toml", 'rounding = { mode = "half_even", scale = 2 }', 'rounding = { scale = 2, mode = "half_even" }'),
    ("a.toml", 'boundary = "cut"', 'boundary = "cut"\nmax_charge = "999999999"'),
    ("d.csv", '1,"US, A",0.01,,2026-02-01\n+1,US,0.02,2026-02-01,\n',
     '+1,US,0.02,2026-02-01,\n1,"US, A",0.010,,2026-02-01\n'),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "other"), ALIKE)
def test_the_same_said_otherwise(every_key: Catalogue, tmp_path: Path, file: str, text: str, other: str) -> None:
    for name, content in FILES.items():
        assert name != file or text in content
        (tmp_path / name).write_text(content.replace(text, other, 1) if name == file else content)
    assert (_compiled(tmp_path).version == every_key.version) == ("max_charge" not in other)


def test_ids_that_are_no_file_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ids = ("a/b", "a_b", "A B", "subscriptions")
    text = "".join(
        f'[deck."{name}"]\nfile = "d.csv"\ncurrency = "GBP"\n[deck."{name}".columns]\nprefix = "p"\nprice = "r"\n'
        for name in ids
    )
    (tmp_path / "in" / "a.toml").write_text(text + '[plan.p]\ncurrency = "GBP"\n[[plan.p.rule]]\ndeck = "a/b"\n')
    (tmp_path / "in" / "d.csv").write_text("p,r\n44,1\n")
    made = _compiled(tmp_path / "in")
    _same(made, tmp_path / "out")
    assert list(made.folder_text()) == ["tariff.toml", "A_B-2.csv", "a_b-1.csv", "a_b.csv", "subscriptions-1.csv"]


# what may be empty: the files beside a plan
EMPTY = {
    "a.toml": """
[deck.d]
file = "d.csv"
currency = "GBP"
unpriced = "suspend"
[deck.d.columns]
prefix = "p"
price = "r"
zone = "z"
[class.k]
members = "k.csv"
[zone.none]
[calendar.c.bands]
peak = []
[plan.p]
currency = "GBP"
[[plan.p.rule]]
deck = "d"
""",
    "k.csv": "account,number\n",
}


@pytest.mark.parametrize("rows", ["", '44,,"a""b, c"\n45,,"x\ny"\n46,," lead"\n47,,\n'])
def test_empty_files_and_odd_names(tmp_path: Path, rows: str) -> None:
    (tmp_path / "in").mkdir()
    for name, text in (EMPTY | {"d.csv": f"p,r,z\n{rows}"}).items():
        (tmp_path / "in" / name).write_text(text)
    _same(_compiled(tmp_path / "in"), tmp_path / "out")
    assert load(tmp_path / "out")[1] == []


def test_no_file_is_written_over(every_key: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="is not empty"):
        export_tariff(every_key, tmp_path)
