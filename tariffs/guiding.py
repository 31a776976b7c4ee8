"""Who pays, compiled: subscriptions and partners behind hash tables, trunks by name.

Enters: the tables ``subscriptions``, ``trunks`` and ``partners`` of a tariff. Leaves: the catalogue's guiding arrays.
Always holds: all periods of one key stand in one bucket, in order of time.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs.catalogue import KEY_COLUMNS, NONE, TRUNK_COLUMNS, Codes, Ints, names
from tariffs.cells import matrix
from tariffs.keys import key_table, number_keys
from tariffs.model import Tariff
from tariffs.partners import PartnerTable, partner_table


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
    plans = pl.Series([*tariff.plans], dtype=pl.String)
    carriers = tariff.trunks["carrier"].filter(tariff.trunks["carrier"] != "")
    payers = [tariff.subscriptions["account"], carriers, tariff.partners["partner"]]
    accounts = pl.concat(payers).unique(maintain_order=True)
    segments = tariff.subscriptions["segment"].unique(maintain_order=True)
    rows = tariff.subscriptions.with_columns(
        _code("account", accounts), _code("segment", segments), _code("plan", plans)
    ).sort("valid_from")
    key_names, keys = _keys(rows)
    table = key_table(keys)
    columns = ["key", "valid_from", "valid_to", "account", "plan", "segment"]
    trunk_names, trunks, trunk_rows = _trunks(tariff.trunks, accounts, plans)
    return {
        **partner_table(tariff.partners, accounts.to_list(), plans.to_list()),
        "keys": matrix(rows.with_columns(pl.Series("key", keys)), columns, KEY_COLUMNS)[table.order],
        "key_starts": table.starts,
        "key_shift": np.array([table.shift]),
        "trunks": trunks,
        "trunk_rows": trunk_rows,
        "account_names": names([*accounts, ""]),
        "segment_names": names(segments.to_list()),
        "key_names": names(key_names),
        "trunk_names": names(trunk_names),
    }


def _code(column: str, known: pl.Series) -> pl.Expr:
    """The place of each text in ``known``; NONE for the empty text where that is not known."""
    if known.is_empty():
        return pl.repeat(NONE, pl.len(), dtype=pl.Int64).alias(column)
    codes = range(len(known))
    return pl.col(column).replace_strict(known, codes, default=NONE, return_dtype=pl.Int64).alias(column)


def _keys(rows: pl.DataFrame) -> tuple[list[str], Ints]:
    """The names of keys that are no numbers, and the key of every row."""
    text = rows["kind"] + ":" + rows["key"]
    numeric = rows["kind"].is_in(["number", "imsi"])
    key_names = text.filter(~numeric).unique(maintain_order=True)
    keys = -1 - rows.select(text.alias("key")).select(_code("key", key_names))["key"].to_numpy().astype(np.int64)
    numbers = rows.filter(numeric)
    keys[numeric.to_numpy()] = number_keys(numbers["key"], numbers["kind"] == "imsi")
    return key_names.to_list(), keys


def _trunks(trunks: pl.DataFrame, accounts: pl.Series, plans: pl.Series) -> tuple[list[str], Ints, Codes]:
    """Trunk names in order, their rows, and where the rows of each begin."""
    rows = trunks.sort("trunk", "valid_from").with_columns(
        _code("carrier", accounts),
        _code("plan_in", plans),
        _code("plan_out", plans),
        pl.col("direction").is_in(["in", "both"]).cast(pl.Int64).alias("in"),
        pl.col("direction").is_in(["out", "both"]).cast(pl.Int64).alias("out"),
    )
    known = rows["trunk"].unique(maintain_order=True)
    starts = np.searchsorted(rows["trunk"].to_numpy(), known.to_numpy(), side="left")
    columns = ["valid_from", "valid_to", "carrier", "plan_in", "plan_out", "in", "out"]
    return known.to_list(), matrix(rows, columns, TRUNK_COLUMNS), np.append(starts, rows.height).astype(np.int32)
