"""Roaming agreements as people see them: shown, compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.definitions import changed_definitions
from tariffs.load import load
from tariffs.partners import shown_partners

TOML = """
[rate.r]
currency = "XDR"
price = "1"
[plan.p]
currency = "XDR"
[[plan.p.rule]]
rate = "r"
[plan.q]
currency = "XDR"
[[plan.q.rule]]
rate = "r"
"""
HEAD = "partner,tadig,networks,plan_in,plan_out,valid_from,valid_to\n"
ACME, BETA = "acme,DEUAC,262-01 262-010,p,q,2026-01-01,\n", "beta,FRABE,,p,,,2027-01-01\n"


def compiled(folder: Path, partners: str) -> Catalogue:
    folder.mkdir()
    (folder / "a.toml").write_text(TOML)
    (folder / "partners.csv").write_text(HEAD + partners)
    tariff, problems = load(folder)
    made, more = compile_tariff(tariff)
    assert [str(each) for each in (*problems, *more)] == []
    assert made is not None
    return made


def test_agreements_are_shown(tmp_path: Path) -> None:
    since, until = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
    assert shown_partners(compiled(tmp_path / "t", ACME + BETA)).rows() == [
        ("acme", "DEUAC", "roaming_in", "262-01", "p", since, ""),
        ("acme", "DEUAC", "roaming_in", "262-010", "p", since, ""),
        ("acme", "DEUAC", "roaming_in", "DEUAC", "p", since, ""),
        ("acme", "DEUAC", "roaming_out", "26201", "q", since, ""),
        ("acme", "DEUAC", "roaming_out", "262010", "q", since, ""),
        ("beta", "FRABE", "roaming_in", "FRABE", "p", "", until),
    ]


# partners before and after, what the comparison says
CHANGES = [
    (ACME, ACME, []),
    (ACME, ACME + BETA, [("partners.csv", "changed", "1 lines more, 0 less")]),
    ("", ACME, [("partners.csv", "new", "1 lines more, 0 less")]),
    (ACME.replace("262-01 262-010", "262-010 262-01"), ACME, []),
]


@pytest.mark.parametrize(("before", "after", "expected"), CHANGES)
def test_agreements_are_compared(tmp_path: Path, before: str, after: str, expected: list[tuple[str, ...]]) -> None:
    old, new = compiled(tmp_path / "old", before), compiled(tmp_path / "new", after)
    assert changed_definitions(old, new).rows() == expected
