"""Quotes: one line in, one line out, whatever the line says; and the story of a charge."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from rating.explain_price import explain_charge
from rating.quote import quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

FOLDER = Path(__file__).parents[1] / "tariffs" / "data" / "small"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    compiled, _ = compile_tariff(load(FOLDER)[0])
    assert compiled is not None
    return compiled


GOOD = (
    '{"id": 7, "service": "voice", "unit": "s", "usage": 90, "start": "2024-03-06T12:00:00",'
    ' "a_number": "447700900001", "b_number": "447911000000", "keys": {}}'
)

# line, id, amounts, error
LINES = [
    (GOOD, 7, ["0.15"], None),
    (GOOD.replace("12:00:00", "12:00:00+00:00"), 7, ["0.15"], None),
    (GOOD.replace("{}", '{"plan": "carrier", "leg": "wholesale_out"}'), 7, ["0.03"], None),
    (GOOD.replace("{}", '{"trunk_out": "T-OUT"}'), 7, ["0.15", "0.03"], None),
    (GOOD.replace("{}", "null"), 7, ["0.15"], None),
    (GOOD.replace("447911000000", "453"), 7, ["0.15"], None),
    (GOOD.replace("{}", '{"plan": "gold"}'), 7, [], "no_plan: plan gold"),
    (GOOD.replace("{}", '{"leg": "roaming"}'), 7, [], "bad_event: leg: expected one of"),
    (GOOD.replace("90", "-1"), 7, [], "bad_event: usage: expected a whole number"),
    (GOOD.replace("90", "1.5"), 7, [], "bad_event: usage: expected a whole number"),
    (GOOD.replace("90", "true"), 7, [], "bad_event: usage: expected a whole number"),
    (GOOD.replace("2024-03-06T12", "noon"), 7, [], "bad_event: start: expected an ISO 8601"),
    (GOOD.replace('"447911000000"', "447911000000"), 7, [], "bad_event: b_number: expected a string"),
    (GOOD.replace("{}", "[1]"), 7, [], "bad_event: keys: expected an object"),
    ("[]", None, [], "bad_event: event: expected a JSON object"),
    ("", None, [], "bad_event: expected a JSON object"),
    ("[" * 100_000, None, [], "bad_event: "),
    ('{"id": {"a": 1}}', {"a": 1}, [], "bad_event: usage: expected a whole number of units, not None"),
]


def test_an_explanation_ends_with_what_the_line_says(catalogue: Catalogue) -> None:
    lines = [
        json.dumps({"usage": 60, "start": "2024-03-06T12:00", "b_number": "+447911", "a_number": "+447700900001"}),
        json.dumps({"usage": 60, "start": "2024-03-06T12:00", "b_number": "+447911", "keys": {"plan": "retail"}}),
        json.dumps({"usage": 60, "start": "2024-03-06T12:00", "b_number": "+99", "keys": {"plan": "retail"}}),
        "no event",
    ]
    *priced, unpriced, refused = quote_lines(catalogue, lines, explain=True)
    for answer in priced:
        (charge,), (story,) = answer["charges"], answer["explanation"]
        assert Decimal(story["value"].split()[0]) == Decimal(charge["amount"])
    assert unpriced["explanation"][0]["value"].startswith("no_rate: ")
    assert refused["explanation"] == []


def test_answers_in_order(catalogue: Catalogue) -> None:
    answers = list(quote_lines(catalogue, [line for line, *_ in LINES]))
    for answer, (line, key, amounts, error) in zip(answers, LINES, strict=True):
        assert answer["id"] == key, line
        assert [charge["amount"] for charge in answer["charges"]] == amounts, line
        assert (answer["error"] is None) == (error is None), answer
        assert str(answer["error"]).startswith(str(error)), answer


def _usage_row(**changes: object) -> dict[str, object]:
    start = datetime(2024, 3, 6, 17, 59, 30, tzinfo=UTC)
    row = {"service": "voice", "direction": "originated", "unit": "s", "usage": 90, "start_utc": start}
    return row | {"a_number": "+447700900001", "b_number": "+447911000000"} | changes


# changes of the row, leg, first line of the story, a line that it must have
STORIES = [
    (
        {},
        "retail",
        "retail charge: 0.100000000 GBP",
        "from 30, band offpeak, rate mobile: 60 x 1 = 60 units x 0.050000000 / 60 = 1/20",
    ),
    ({}, "retail", "retail charge: 0.100000000 GBP", "prefix +44: UK, always: lost: shorter"),
    ({}, "retail", "retail charge: 0.100000000 GBP", "a_number +447700900001: account alice"),
    ({"usage": 0}, "retail", "retail charge: 0.000000000 GBP", "quantity: usage 0 s, billed 0 (zero_usage)"),
    ({}, "wholesale_out", "wholesale_out charge: does not apply", "trunk: the event names none"),
    ({"trunk_out": "T-OUT"}, "wholesale_out", "wholesale_out charge: 0.030000000 EUR", "trunk T-OUT: carrier acme"),
    (
        {"b_number": "+49"},
        "retail",
        "retail charge: no_rate: no rate of the plan matches",
        "no prefix of the plan matches",
    ),
    (
        {"a_number": "+1"},
        "retail",
        "retail charge: no_account: nobody who pays was found (a_number +1)",
        "no subscription",
    ),
]


@pytest.mark.parametrize(("changes", "leg", "first", "line"), STORIES)
def test_story(catalogue: Catalogue, changes: dict[str, object], leg: str, first: str, line: str) -> None:
    lines = list(explain_charge(_usage_row(**changes), catalogue, leg).lines())
    assert lines[0] == first
    assert any(line in told for told in lines), "\n".join(lines)
