"""Rating a part again: legs by the tariff that they are to have, those of a household in the order of their starts.

Enters: the work of a part, the tariffs. Leaves: a :class:`Replayed`. Always holds: balances are restored from what is
not replayed and drawn on as in first rating; where legs of one household have different tariffs, each run of legs of
one tariff finds what those before it left; what can no longer be priced keeps its charge and what it drew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.stage import empty
from rating.balances.live import Outcome, price_drawing
from rating.balances.lots import Lots
from rating.columns import tariff_starts
from rating.guide import LEGS, Guided, guide
from rating.lake import MemoryLake
from rating.price import Priced
from rating.rerating.books import Books
from rating.rerating.compare import Flags
from rating.rerating.households import ordered_plan_codes
from rating.rerating.openings import stays
from rating.rerating.plan import Plan
from rating.rerating.settling import has_volume_tiers
from rating.rerating.work import Work, leg_keys
from tariffs.catalogue import NONE, VERSION_PLAN, Catalogue, Ints


@dataclass(frozen=True, eq=False)
class Replayed:
    """New ``charges`` and ``movements`` of legs, but for those ``kept`` as they are; ``refused`` rows tell why.

    ``rests`` says on which of the movements of the work it rests.
    """

    charges: pa.Table
    movements: pa.Table
    refused: pa.Table
    kept: Ints
    rests: Flags


def replay(plan: Plan, work: Work) -> Replayed:
    """Rate the legs of ``work`` again.

    A leg that cannot be priced keeps what it drew, which was then not there for others: they are rated once more.
    """
    versions = list(plan.catalogues)
    wanted = _wanted(plan, work, versions)
    kept: Ints = np.zeros(0, np.int64)
    told = [empty("rejected")]
    while True:
        rests = stays(work.movements, work.again, np.isin(work.keys(work.movements), kept))
        tried = _settled(plan, work, wanted, work.movements.filter(pa.array(rests)))
        told += tried.refused
        if not len(lost := tried.lost()):
            charges = pa.Table.from_batches([empty("charge"), *tried.charges])
            kept = np.union1d(kept, tried.late())
            return Replayed(charges, pa.concat_tables(tried.movements), pa.Table.from_batches(told), kept, rests)
        kept = np.union1d(kept, lost)
        wanted.flat[kept] = NONE


def _settled(plan: Plan, work: Work, wanted: Ints, base: pa.Table) -> _Try:
    """Price all that is ``wanted``; where volume tiers look at periods that are closed, with what these came to."""
    catalogues = list(plan.catalogues.values())
    tried = _Try(work, catalogues, wanted, {})
    if plan.settled is None or not any(map(has_volume_tiers, catalogues)):
        tried.run(base, None)
        return tried
    totals = tried.run(base, plan.settled)
    tried = _Try(work, catalogues, wanted, totals)
    tried.run(base, None)
    return tried


def _wanted(plan: Plan, work: Work, versions: list[str]) -> Ints:
    """By event and leg the place of the tariff that is to price it; NONE: none is."""
    wanted = np.full((work.usage.num_rows, len(LEGS)), NONE)
    own = work.live["tariff_version"].combine_chunks()
    names = np.array([versions.index(name) for name in own.dictionary.to_pylist()] or [NONE])
    wanted.flat[work.key] = names[np.asarray(own.indices, np.int64)]
    if plan.tariff:
        new = versions.index(plan.tariff.version)
        wanted.flat[work.key[work.asked]] = new
        if plan.scope.whole:
            rows = np.unique(work.key[work.asked] // len(LEGS))
            legs = np.flatnonzero([plan.scope.leg in {None, name} for name in LEGS])
            wanted[np.ix_(rows, legs)] = new
    if plan.corrected:
        wanted.flat[work.key[work.asked]] = NONE
        prices = [versions.index(name) for name in plan.corrected.versions]
        wanted[len(wanted) - len(prices) :] = np.array(prices)[:, None]
    return wanted


class _Try:
    """One try to price all that is ``wanted``, by the final totals of each tariff that are known."""

    def __init__(self, work: Work, catalogues: list[Catalogue], wanted: Ints, final: dict[str, Lots]) -> None:
        self.work, self.catalogues, self.wanted, self.final = work, catalogues, wanted, final
        self.charges: list[pa.RecordBatch] = []
        self.movements = [pa.Table.from_batches([empty("balance_movement")])]
        self.refused: list[pa.RecordBatch] = []
        self._home = _households(work)
        self._lost: list[Ints] = []
        self._late: list[Ints] = []

    def run(self, base: pa.Table, until: datetime | None) -> dict[str, Lots]:
        """Price round after round, on balances that begin with ``base``; the totals of periods over by ``until``."""
        with MemoryLake() as beside:
            books = Books(beside, base)
            for version, legs in _rounds(self.work, self.wanted):
                catalogue = self.catalogues[version]
                rows = np.flatnonzero(legs.any(axis=1))
                only, unguided = self._guided(rows, legs, catalogue)
                balances, final = books.of(catalogue), self.final.get(catalogue.version)
                outcome = price_drawing(only, catalogue, balances, _as_they_are, final)
                self._note(outcome, [unguided, outcome.rejected], legs)
                books.moved(outcome.drawn)
            return {each.version: books.totals(each, until) for each in self.catalogues if until}

    def _guided(self, rows: Ints, legs: Flags, catalogue: Catalogue) -> tuple[Guided, pa.RecordBatch]:
        """The ``legs`` of ``rows`` and no others, guided; and what cannot be.

        A leg that would draw, but has no household, has landed since the plan was made: it stays out of it.
        """
        usage = _taken(self.work.usage, rows)
        guided, unguided = guide(usage, catalogue)
        at = rows[_rows(guided.usage, usage)] if unguided.num_rows else rows
        of = guided.versions
        draws = (of != NONE) & np.isin(catalogue.versions[of, VERSION_PLAN], ordered_plan_codes(catalogue))
        wanted, homeless = (each[at].T[: len(of)] for each in (legs, self._home == NONE))
        leg, place = np.nonzero(wanted & homeless & draws)
        self._late.append(at[place] * len(LEGS) + leg)
        versions = np.where(wanted & ~(homeless & draws), of, NONE).astype(np.int32)
        return Guided(guided.usage, guided.accounts, versions), unguided

    def _note(self, outcome: Outcome, refused: list[pa.RecordBatch], legs: Flags) -> None:
        charges = outcome.priced.charges
        key = leg_keys(pa.table(charges), self.work.usage)
        self.charges.append(charges.filter(pa.array(legs.flat[key])))  # amounts that a record gives come unasked
        self.movements.append(outcome.drawn.movements)
        for rows in refused:
            at = _rows(rows, self.work.usage)
            self._lost.append(np.flatnonzero(legs & np.isin(np.arange(len(legs)), at)[:, None]))
        self.refused += [rows for rows in refused if rows.num_rows]

    def lost(self) -> Ints:
        """The legs that cannot be priced."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self._lost]))

    def late(self) -> Ints:
        """The legs that have landed since the plan was made."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self._late]))


def _as_they_are(priced: Priced) -> tuple[Priced, pa.RecordBatch]:
    """Partials were placed when they were first rated: none waits for another."""
    return priced, empty("rejected")


def _taken(usage: pa.RecordBatch, rows: Ints) -> pa.RecordBatch:
    return usage if len(rows) == usage.num_rows else usage.take(pa.array(rows))


def _rows(some: pa.RecordBatch, usage: pa.RecordBatch) -> Ints:
    """The rows of ``usage`` whose events those of ``some`` are."""
    return np.asarray(pc.index_in(some["event_id"].storage, usage["event_id"].storage), np.int64)


def _rounds(work: Work, wanted: Ints) -> Iterator[tuple[int, Flags]]:
    """(tariff, its legs) of each round: a household's legs are in as many as its tariff changes in their order."""
    keys = np.flatnonzero(wanted != NONE)
    version, row = wanted.flat[keys], keys // len(LEGS)
    household = _households(work).flat[keys]
    order = np.lexsort((keys % len(LEGS), _rank(work.usage)[row], household))
    same = np.diff(household[order], prepend=NONE - 1) == 0
    change = same & (np.diff(version[order], prepend=NONE) != 0)
    count = np.cumsum(change)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    rounds = np.empty(len(keys), np.int64)
    rounds[order] = np.where(household[order] == NONE, 0, count - count[first] if len(first) else 0)
    for number, which in np.unique(np.stack([rounds, version], axis=1), axis=0):
        legs = np.zeros(wanted.shape, np.bool_)
        legs.flat[keys[(rounds == number) & (version == which)]] = True
        yield int(which), legs


def _households(work: Work) -> Ints:
    """By event and leg the household; of a leg that has none that of another of its event: they go together."""
    own = np.full(work.usage.num_rows * len(LEGS), NONE)
    own[work.key] = work.household
    legs = own.reshape(-1, len(LEGS))
    legs[len(legs) - len(work.placed) :] = work.placed[:, None]
    return np.where(legs == NONE, legs.max(axis=1, initial=NONE)[:, None], legs)


def _rank(usage: pa.RecordBatch) -> Ints:
    """The place of each row in the order in which usage draws."""
    _, content = usage["event_id"].storage.buffers()
    ids = np.frombuffer(content, ">u8").reshape(-1, 2)[usage["event_id"].offset :][: usage.num_rows]
    rank = np.empty(usage.num_rows, np.int64)
    rank[np.lexsort((ids[:, 1], ids[:, 0], tariff_starts(usage)))] = np.arange(usage.num_rows)
    return rank
