"""Fees on bills are corrected by later bills, when it becomes known who held what."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from rating.lake import Lake, MemoryLake
from rating.period import Period
from tests.rating.bills import ALICE, balanced, billed, bills, folder, kept, lines_of, ordered_by
from tests.rating.test_bill_run import RENT
from tests.rating.test_fees import HALF_UP, LATE_SHARE, ONE, tariff


@pytest.fixture
def memory() -> Iterator[Lake]:
    with MemoryLake() as lake:
        yield lake


MAY, HALF_MAY, HALF_JUNE = (ONE.format("2026-05-01", until) for until in ("", "2026-05-16", "2026-06-16"))

# keys of the fee, subscriptions as billed, as known now; what June's bill changes of May's: plan, from, amount
CORRECTED = [
    (HALF_UP, MAY, MAY, []),
    (HALF_UP, MAY, HALF_JUNE, [("p", "06-01", "-5.00")]),
    (HALF_UP, MAY, HALF_MAY, [("p", "05-01", "-5.16"), ("p", "06-01", "-10.00")]),
    (HALF_UP, HALF_JUNE, MAY, [("p", "06-01", "5.00")]),
    (HALF_UP, "", MAY, []),
    (HALF_UP, MAY, HALF_JUNE + "number,+1,ann,q,2026-06-16,\n", [("p", "06-01", "-5.00")]),
    (HALF_UP, HALF_MAY, HALF_MAY.replace(",p,", ",q,"), [("p", "05-01", "-4.84"), ("q", "05-01", "4.84")]),
    ("", MAY, HALF_JUNE, []),
    (LATE_SHARE, MAY, HALF_MAY, [("p", "05-01", "-5.16")]),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "then", "now", "expected"), CORRECTED)
def test_what_was_billed_is_put_right(
    memory: Lake, tmp_path: Path, keys: str, then: str, now: str, expected: list[tuple[str, str, str]]
) -> None:
    customers = folder(tmp_path / "customers", customers_csv="customer,name\nann,Ann\n")
    for name in ("then", "now"):
        (tmp_path / name).mkdir()
    billed(memory, ordered_by(tariff(tmp_path / "then", keys, then), customers, "2026-05"))
    known = ordered_by(tariff(tmp_path / "now", keys, now), customers, "2026-06")
    lines = lines_of(memory, billed(memory, known))
    told = [
        (line["plan"], f"{line['first_day']:%m-%d}", f"{line['amount']:.2f}")
        for line in lines
        if line["kind"] == "fee_adjustment"
    ]
    assert sorted(told) == expected
    balanced(memory)


HELD = "kind,key,account,plan,valid_from,valid_to\n"
ADVANCE = RENT.replace('due = "arrears"', 'due = "advance"')
# November, billed with October, and what is known when November is billed: until when the plan was held, documents
FEES_BILLED: list[tuple[str, str, list[tuple[str, str, str]]]] = [
    ("as it was", "", [("invoice", "37.2", "111.6")]),
    ("left on 16 November", "2026-11-16", [("credit_note", "-18.6", "0"), ("invoice", "0", "55.8")]),
    ("left in October", "2026-10-21", [("credit_note", "-50.4", "0"), ("invoice", "0", "24")]),
    ("left in October, dearer since", "2026-10-21", [("credit_note", "-50.4", "0"), ("invoice", "0", "24")]),
]


@pytest.mark.parametrize(("name", "until", "expected"), FEES_BILLED, ids=[row[0] for row in FEES_BILLED])
def test_fees_that_were_billed_are_corrected(
    memory: Lake, tmp_path: Path, name: str, until: str, expected: list[tuple[str, str, str]]
) -> None:
    """Worked by hand: 31.00 a month, tax 20 %. October's bill has October (the holding begins) and November: 74.40."""
    customers = folder(tmp_path / "customers", customers_csv=ALICE)
    held = HELD + "number,+44,alice,p,2026-10-01,"
    billed(memory, kept(tmp_path / "then", customers, "2026-10", ADVANCE, held + "\n"))
    text = ADVANCE.replace('"31"', '"62"') if "dearer" in name else ADVANCE
    now = kept(tmp_path / "now", customers, "2026-11", text, held + until + "\n")
    second = billed(memory, now)
    told = [(b["kind"], b["total"], b["due"]) for b in bills(memory, second)]
    assert told == [(kind, Decimal(total), Decimal(due)) for kind, total, due in expected]
    assert {line["kind"] for line in lines_of(memory, second)} == ({"fee_adjustment"} if until else {"fee"})
    balanced(memory)
    third = billed(memory, dataclasses.replace(now, period=Period.parse("2026-12")))
    assert [line for line in lines_of(memory, third) if line["kind"] == "fee_adjustment"] == []


def test_a_fee_for_days_that_become_known_later_is_claimed(memory: Lake, tmp_path: Path) -> None:
    """A second number, held since 11 October, is known in November: 21 of 31 days are 21.00, and all of November."""
    customers = folder(tmp_path / "customers", customers_csv=ALICE)
    each = ADVANCE.replace('plan = "p"\namount', 'plan = "p"\nper = "number"\namount')
    first, second = HELD + "number,+44,alice,p,2026-10-01,\n", "number,+45,alice,p,2026-10-11,\n"
    billed(memory, kept(tmp_path / "then", customers, "2026-10", each, first))
    (invoice,) = bills(memory, billed(memory, kept(tmp_path / "now", customers, "2026-11", each, first + second)))
    assert (invoice["kind"], invoice["fees"]) == ("invoice", Decimal(21) + Decimal(31) + 2 * Decimal(31))
    balanced(memory)
