"""What the tests of importers share: the folder that an import writes, compiled, and its quotes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rating.quote import Answer, quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load

HERE = Path(__file__).parent / "data"
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "rates"


def real(*path: str) -> Path:
    """A file or folder of the shared input; the test is skipped where that is absent."""
    found = REAL.joinpath(*path)
    if not found.exists():
        pytest.skip(f"../shared/data/rates/{'/'.join(path)} is absent: its licence keeps it out of the project")
    return found


def compiled(folder: Path) -> Catalogue:
    """The catalogue of a folder that has no problem but lint."""
    tariff, problems = load(folder)
    assert [str(problem) for problem in problems if problem.fatal] == []
    catalogue, found = compile_tariff(tariff)
    assert [str(problem) for problem in found if problem.fatal] == []
    assert catalogue is not None
    return catalogue


@dataclass(frozen=True)
class Quote:
    """One row of a rate card; ``keys`` is ``tenant category subject``, or ``plan ID``."""

    keys: str
    b_number: str
    start: str
    usage: int
    service: str
    expected: str

    def line(self) -> str:
        first, *rest = self.keys.split()
        keys = {"plan": rest[0]} if first == "plan" else {"tenant": first, "category": rest[0], "subject": rest[1]}
        event = {"service": self.service, "usage": self.usage, "start": self.start, "b_number": self.b_number}
        return json.dumps(event | {"keys": keys})


def amount(answer: Answer) -> str:
    """The amount of the only charge, or the reason code."""
    if answer["error"]:
        return str(answer["error"]).partition(":")[0]
    assert isinstance(answer["charges"], list)
    (charge,) = answer["charges"]
    return str(charge["amount"])


def differing(catalogue: Catalogue, quotes: Iterable[Quote]) -> list[tuple[Quote, str]]:
    """The quotes that come out otherwise than expected, each with what comes out."""
    rows = list(quotes)
    found = map(amount, quote_lines(catalogue, [row.line() for row in rows]))
    return [(row, told) for row, told in zip(rows, found, strict=True) if told != row.expected]
