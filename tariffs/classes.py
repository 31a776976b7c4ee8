"""Call classes: from TOML tables and member lists to rows that kernels read.

Enters: ``[class.ID]`` tables and their CSV files. Leaves: ``CallClass``es, and the catalogue's table of members.
Always holds: a member is looked up as a subscription is, by the key of its number; its plan is the class.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs import sheets, values
from tariffs.catalogue import KEY_COLUMNS, NONE, Codes, Ints, places
from tariffs.keys import key_table, number_keys
from tariffs.model import EVER_FROM, EVER_TO, CallClass
from tariffs.source import Table


class Members(TypedDict):
    """The member fields of a catalogue."""

    members: Ints
    member_starts: Codes
    member_shift: Ints


def call_class(table: Table, folder: Path) -> CallClass:
    """The class that ``table`` describes."""
    made = CallClass(
        id=str(table.path[-1]),
        prefixes=tuple(dict.fromkeys(table.converted("prefixes", values.prefix))),
        local=tuple(dict.fromkeys(table.converted("local", values.prefix))),
        subscribed=table.flag("subscribed"),
        same_account=table.flag("same_account"),
        members=_members(table, folder),
        place=table.place,
    )
    if not (made.prefixes or made.local or made.subscribed or made.same_account or "members" in table.content):
        table.problem("", "expected prefixes, local, subscribed, same_account or members")
    return made


def _members(table: Table, folder: Path) -> tuple[tuple[str, str], ...]:
    file = table.text("members")
    sheet = sheets.read(folder / file, table.problems, ("account", "number")) if file else None
    if sheet is None:
        return ()
    sheet.convert("number", "number", pl.String, values.number)
    return tuple(sheet.frame.select("account", "number").unique(maintain_order=True).iter_rows())


def member_table(classes: list[CallClass], accounts: pa.StringArray) -> Members:
    """Who is in a class for whom; members of accounts that nobody subscribes with are left out."""
    said = [(account, number, place) for place, each in enumerate(classes) for account, number in each.members]
    codes = places(pa.array([account for account, *_ in said], pa.string()), accounts).tolist()
    found = [(number, code, place) for (_, number, place), code in zip(said, codes, strict=True) if code != NONE]
    keys = number_keys(pl.Series([row[0] for row in found], dtype=pl.String), pl.Series([False] * len(found)))
    table = key_table(keys)
    rows = [[key, EVER_FROM, EVER_TO, *row[1:], 0] for key, row in zip(keys.tolist(), found, strict=True)]
    members = np.array(rows, np.int64).reshape(-1, KEY_COLUMNS)[table.order]
    return {"members": members, "member_starts": table.starts, "member_shift": np.array([table.shift])}
