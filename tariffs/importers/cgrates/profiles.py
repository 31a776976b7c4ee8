"""Who pays: rating profiles as subscriptions, with fallback subjects and ``*any`` written out.

Enters: rows of RatingProfiles. Leaves: for each tenant, category and subject its periods and, in each, the chain of
rating plans that is asked. Always holds: a subject has at most one chain at any instant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from tariffs import values
from tariffs.importers.cgrates.rows import ANY, ProfileRow
from tariffs.importers.report import Report
from tariffs.model import EVER_FROM, EVER_TO

Key = tuple[str, str, str]
"""Tenant, category, subject."""

Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """The chain of a key from an instant to before another, in UTC microseconds."""

    key: Key
    valid_from: int
    valid_to: int
    chain: Chain


@dataclass
class Profiles:
    """Activations by key, each a (start, row), in order of time; a chain takes at most ``depth`` levels."""

    report: Report
    zone: ZoneInfo
    depth: int
    activations: dict[Key, list[tuple[int, ProfileRow]]] = field(default_factory=lambda: defaultdict(list))

    def read(self, rows: list[ProfileRow], plans: set[str]) -> None:
        """Take in the rows whose plan is one of ``plans`` and whose activation is a date."""
        for row in rows:
            try:
                start = _activation(row.activation, self.zone)
            except ValueError as error:
                self.report.lost(row.place, f"activation: {error}")
                continue
            if row.plan not in plans:
                self.report.lost(row.place, f"there is no rating plan {row.plan} with a price")
                continue
            found = self.activations[row.tenant, row.category, row.subject]
            for old in [each for each in found if each[0] == start]:
                same = (old[1].plan, old[1].fallback) == (row.plan, row.fallback)
                note = self.report.decided if same else self.report.lost
                note(old[1].place, f"line {row.place.line} replaces it from its very start")
                found.remove(old)
            found.append((start, row))
            found.sort(key=lambda each: each[0])

    def periods(self) -> Iterator[Period]:
        """Every key's periods, with the chains that its activations and its fallback subjects make."""
        for key, found in self.activations.items():
            self._report(key, found)
            instants = sorted({EVER_FROM, EVER_TO, *self._instants(key)})
            chains = [(start, end, self._chain(key, start, 1)) for start, end in pairwise(instants)]
            for chain, group in groupby(chains, key=lambda each: each[2]):
                same = list(group)
                if chain:
                    yield Period(key, same[0][0], same[-1][1], tuple(dict.fromkeys(chain)))

    def _instants(self, key: Key) -> Iterator[int]:
        for other, found in self.activations.items():
            if other[:2] == key[:2]:
                yield from (start for start, _ in found)

    def _chain(self, key: Key, at: int, level: int) -> Chain:
        """The plan of ``key`` at an instant, then those of its fallback subjects, each with its own behind it."""
        found = self.activations.get(key)
        if not found:
            return ()
        if level > self.depth:
            message = f"as a fallback subject {key[2]} is not asked where it is more than {self.depth} levels deep"
            self.report.decided(found[0][1].place, message)
            return ()
        past = [row for start, row in found if start <= at]
        subjects = _fallback(past[-1]) if past else ([ANY] if key[2] != ANY else [])
        below = (plan for subject in subjects for plan in self._chain((*key[:2], subject), at, level + 1))
        return (*(row.plan for row in past[-1:]), *below)

    def _report(self, key: Key, found: list[tuple[int, ProfileRow]]) -> None:
        for number, (_, row) in enumerate(found):
            if number:
                self.report.decided(row.place, "an event that runs over this activation keeps the plan of its start")
            for subject in _fallback(row):
                if (*key[:2], subject) in self.activations:
                    message = f"fallback subject {subject} is written out: its plans are part of the plan of {key[2]}"
                    self.report.decided(row.place, message)
                else:
                    self.report.decided(row.place, f"fallback subject {subject} has no profile: it prices nothing")


_NO_DATE: Final = ("", "*any", "*unlimited")


def _activation(text: str, zone: ZoneInfo) -> int:
    if text in _NO_DATE:
        return EVER_FROM
    if text.isdecimal() and len(text) == 10:
        return int(text) * 1_000_000
    return values.instant(text, zone)


def _fallback(row: ProfileRow) -> list[str]:
    return [subject.strip() for subject in row.fallback.split(";") if subject.strip()]
