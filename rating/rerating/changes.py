"""What a replay changes, as rows to append.

Enters: the work of a part, what its replay made. Leaves: :class:`Changes`. Always holds: a leg whose charge and
movements are what they were adds nothing; of another all that is live is reversed and all that is new added, so that
the sum of its rows is what it now is, and the rows of a run are whole by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mediation.fields import TABLES
from mediation.stage import labels
from rating.guide import LEGS
from rating.rerating.compare import Flags, differing, words
from rating.rerating.openings import anew, corrections
from rating.rerating.replay import Replayed
from rating.rerating.work import Work
from tariffs.catalogue import NONE, Ints

_NOT_COMPARED: Final = {"event_id", "leg", "rating_run", "tariff_version"}
"""What the key says, and who wrote the row: a charge that is the same by another tariff stays, unless it depends on
order: what its lots are granted when they are opened again is for its tariff to say."""
_CHARGED: Final = [field.name for field in TABLES["charge"] if field.name not in _NOT_COMPARED]
_MOVED: Final = [field.name for field in TABLES["balance_movement"] if field.name not in _NOT_COMPARED]
_BACK: Final = {"use": "return", "count": "uncount"}
"""Kinds of movements of events, and of what takes them back."""
_UNSIGNED: Final = {"rating_run", "conversion_rate"}
"""Numbers that a reversal has as its charge has them."""


@dataclass(frozen=True, eq=False)
class Changes:
    """``charges`` and ``movements`` to append; all legs that were rated again ``before`` and ``after``, as charges.

    ``refused`` are the charges of legs that cannot be priced, with the ``reason``: they stay as they are.
    """

    charges: pa.Table
    movements: pa.Table
    before: pa.Table
    after: pa.Table
    refused: pa.Table


def changes(work: Work, done: Replayed, run: int) -> Changes:
    """What ``done`` changes of ``work``, as rows of run number ``run``."""
    count = work.usage.num_rows * len(LEGS)
    rated = ~np.isin(work.key, done.kept)
    live, key = work.live.filter(pa.array(rated)), work.key[rated]
    moved, moved_key = _live_movements(work, live, key, count)
    made = done.movements.filter(done.movements["event_id"].is_valid())
    made_key, new_key = work.keys(made), work.keys(done.charges)
    unlike = _differing((key, live), (new_key, done.charges), _CHARGED, count)
    unlike |= _differing((moved_key, moved), (made_key, made), _MOVED, count)
    ordered = np.zeros(count, np.bool_)
    ordered[work.key] = work.household != NONE
    unlike |= ordered & _differing((key, live), (new_key, done.charges), ["tariff_version"], count)
    charges = [reversed_charges(_of(live, key, unlike)), _of(done.charges, new_key, unlike)]
    opened = corrections(work.movements, done.rests, anew(work.movements, work.again, work.home), done.movements)
    movements = [returned(_of(moved, moved_key, unlike)), _of(made, made_key, unlike), opened]
    refused = _refused(work.live.filter(pa.array(~rated)), done)
    return Changes(_under(run, charges), _under(run, movements), live, done.charges, refused)


def _refused(live: pa.Table, done: Replayed) -> pa.Table:
    """``live`` charges with the reason why they stay; not those that stay because they are new."""
    known = done.refused.unify_dictionaries().combine_chunks()
    at = pc.index_in(_ids(live), _ids(known))
    told = live.append_column("reason", known["reason"].cast(pa.string()).take(at))
    return told.filter(told["reason"].is_valid())


def _ids(rows: pa.Table) -> pa.Array:
    return rows["event_id"].combine_chunks().storage


def _live_movements(work: Work, live: pa.Table, key: Ints, count: int) -> tuple[pa.Table, Ints]:
    """The movements of the charges ``live``, and their keys."""
    runs = np.full(count + 1, NONE)
    runs[key] = live["rating_run"].to_numpy()
    keys = work.keys(work.movements)
    own = (keys != NONE) & (runs[keys] == work.movements["rating_run"].to_numpy())
    own &= pc.is_in(work.movements["kind"].cast(pa.string()), pa.array(list(_BACK))).to_numpy()
    return work.movements.filter(pa.array(own)), keys[own]


def _differing(before: tuple[Ints, pa.Table], after: tuple[Ints, pa.Table], columns: list[str], count: int) -> Flags:
    old, new = words([before[1], after[1]], columns)
    return differing((before[0], old), (after[0], new), count)


def _of(rows: pa.Table, keys: Ints, wanted: Flags) -> pa.Table:
    return rows.filter(pa.array(wanted[keys]))


def reversed_charges(charges: pa.Table) -> pa.Table:
    """The reversals of ``charges``."""
    return _negated(charges, {"charge": "reversal"})


def returned(movements: pa.Table) -> pa.Table:
    """What takes ``movements`` of events back: what was used is returned, what was counted is no longer."""
    return _negated(movements, _BACK)


def _negated(rows: pa.Table, kinds: dict[str, str]) -> pa.Table:
    """``rows`` with all that is summed negated, each kind as its other."""
    for place, field in enumerate(rows.schema):
        if field.name == "kind":
            others = [kinds[name] for name in rows["kind"].to_pylist()]
            rows = rows.set_column(place, field, labels(others))
        elif field.name not in _UNSIGNED and (pa.types.is_int64(field.type) or pa.types.is_decimal(field.type)):
            rows = rows.set_column(place, field, pc.negate_checked(rows[field.name]))
    return rows


def _under(run: int, parts: list[pa.Table]) -> pa.Table:
    """``parts`` as rows of ``run``."""
    whole = pa.concat_tables(parts)
    place = whole.schema.get_field_index("rating_run")
    return whole.set_column(place, whole.schema.field(place), pa.array(np.full(whole.num_rows, run, np.int64)))
