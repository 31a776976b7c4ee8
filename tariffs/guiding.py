"""Who pays, compiled: subscriptions and partners behind hash tables, trunks by name.

Enters: the tables ``subscriptions``, ``trunks`` and ``partners`` of a tariff. Leaves: the catalogue's guiding arrays.
Always holds: all periods of one key stand in one bucket, in order of time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs.catalogue import (
    KEY,
    KEY_ACCOUNT,
    KEY_COLUMNS,
    KEY_FROM,
    KEY_PLAN,
    KEY_SEGMENT,
    KEY_TO,
    NONE,
    TRUNK_COLUMNS,
    Codes,
    Ints,
    names,
    places,
)
from tariffs.cells import matrix
from tariffs.keys import key_table, number_keys
from tariffs.model import Tariff
from tariffs.partners import PartnerTable, partner_table

_SLICE: Final = 1 << 20
"""Rows whose keys are made at once."""


class Guiding(PartnerTable):
    """The guiding fields of a catalogue."""

    keys: Ints
    key_starts: Codes
    key_shift: Ints
    trunks: Ints
    trunk_rows: Codes
    account_names: pa.StringArray
    segment_names: pa.StringArray
    key_names: pa.StringArray
    trunk_names: pa.StringArray


def guiding(tariff: Tariff) -> Guiding:
    """Compile the subscriptions, trunks and partners of ``tariff``."""
    people, plans = tariff.subscriptions, pl.Series([*tariff.plans], dtype=pl.String)
    carriers = tariff.trunks["carrier"].filter(tariff.trunks["carrier"] != "")
    accounts, payers = _numbered(pl.concat([people["account"], carriers, tariff.partners["partner"]]))
    segments, segment = _numbered(people.select("segment").to_series())
    key_names, keys = _keys(people)
    order = np.argsort(_integers(people, pl.col("valid_from")), kind="stable")
    table = key_table(keys[order])
    order = order[table.order]
    rows = np.empty((len(order), KEY_COLUMNS), np.int64)
    rows[:, KEY], rows[:, KEY_ACCOUNT], rows[:, KEY_SEGMENT] = keys[order], payers[: len(order)][order], segment[order]
    told = ((KEY_FROM, pl.col("valid_from")), (KEY_TO, pl.col("valid_to")), (KEY_PLAN, _code("plan", plans)))
    for place, column in told:
        rows[:, place] = _integers(people, column)[order]
    trunk_names, trunks, trunk_rows = _trunks(tariff.trunks, accounts, plans)
    return {
        **partner_table(tariff.partners, accounts, plans.to_list()),
        "keys": rows,
        "key_starts": table.starts,
        "key_shift": np.array([table.shift]),
        "trunks": trunks,
        "trunk_rows": trunk_rows,
        "account_names": pa.concat_arrays([accounts, names([""])]),
        "segment_names": segments,
        "key_names": key_names,
        "trunk_names": names(trunk_names),
    }


def _integers(rows: pl.DataFrame, column: pl.Expr) -> Ints:
    """A column; selected, since a constant one that is taken stays in the frame, a value a row."""
    found: Ints = rows.select(column).to_series().to_numpy()
    return found


def _numbered(texts: pl.Series) -> tuple[pa.StringArray, Codes]:
    """The distinct ones of ``texts`` in the order in which they come, and the place of each among them."""
    coded = texts.to_arrow().cast(pa.string()).dictionary_encode()
    pa.default_memory_pool().release_unused()  # the hash table of millions of names is as large as they are
    return coded.dictionary, coded.indices.to_numpy()


def _code(column: str, known: pl.Series) -> pl.Expr:
    """The place of each text in the few ``known``; NONE for the empty text where that is not known."""
    if known.is_empty():
        return pl.repeat(NONE, pl.len(), dtype=pl.Int64).alias(column)
    codes = range(len(known))
    return pl.col(column).replace_strict(known, codes, default=NONE, return_dtype=pl.Int64).alias(column)


def _keys(rows: pl.DataFrame) -> tuple[pa.StringArray, Ints]:
    """The names of keys that are no numbers, and the key of every row."""
    numeric = rows["kind"].is_in(["number", "imsi"])
    named, numbers = rows.filter(~numeric), rows.filter(numeric)
    key_names, codes = _numbered(named["kind"].cast(pl.String) + ":" + named["key"])
    keys, at = np.empty(rows.height, np.int64), numeric.to_numpy()
    keys[~at] = -1 - codes.astype(np.int64)
    found = [number_keys(part["key"], part["kind"] == "imsi") for part in numbers.iter_slices(_SLICE)]
    keys[at] = np.concatenate([np.zeros(0, np.int64), *found])
    return key_names, keys


def _trunks(trunks: pl.DataFrame, accounts: pa.StringArray, plans: pl.Series) -> tuple[list[str], Ints, Codes]:
    """Trunk names in order, their rows, and where the rows of each begin."""
    ordered = trunks.sort("trunk", "valid_from")
    rows = ordered.with_columns(
        pl.Series("carrier", places(ordered["carrier"].to_arrow(), accounts)),
        _code("plan_in", plans),
        _code("plan_out", plans),
        pl.col("direction").is_in(["in", "both"]).cast(pl.Int64).alias("in"),
        pl.col("direction").is_in(["out", "both"]).cast(pl.Int64).alias("out"),
    )
    known = rows["trunk"].unique(maintain_order=True)
    starts = np.searchsorted(rows["trunk"].to_numpy(), known.to_numpy(), side="left")
    columns = ["valid_from", "valid_to", "carrier", "plan_in", "plan_out", "in", "out"]
    return known.to_list(), matrix(rows, columns, TRUNK_COLUMNS), np.append(starts, rows.height).astype(np.int32)
