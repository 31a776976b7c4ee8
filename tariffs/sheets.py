"""The CSV tables of a tariff folder, column by column.

Enters: CSV files. Leaves: polars tables of text, integers and instants, with the line of every row.
Always holds: each distinct text is parsed once; a row that cannot be read is left out and is a problem
that names its line; no number passes through a binary float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from tariffs import values
from tariffs.model import EVER_FROM, EVER_TO, Place, Problem

KEY_KINDS: Final = ("number", "imsi", "account", "trunk")
TRUNK_DIRECTIONS: Final = ("in", "out", "both")


@dataclass
class Sheet:
    """A CSV file being read: its rows as text (column ``line`` added) and the list for its problems."""

    frame: pl.DataFrame
    file: str
    problems: list[Problem]

    def problem(self, line: int, key: str, message: str) -> None:
        """Note a problem of column ``key`` in ``line``."""
        self.problems.append(Problem(Place(self.file, line), key, message))

    def convert(
        self, column: str, to: str, dtype: pl.DataType | type[pl.DataType], parse: Callable[[str], int | str]
    ) -> None:
        """Add column ``to``: each distinct text of ``column`` parsed once; rows that fail are left out."""
        parsed: dict[str, int | str] = {}
        failed: dict[str, str] = {}
        for text in self.frame[column].unique().to_list():
            try:
                parsed[text] = parse(text)
            except ValueError as error:
                failed[text] = str(error)
        if failed:
            wrong = self.frame.filter(pl.col(column).is_in(list(failed)))
            for line, text in wrong.select("line", column).iter_rows():
                self.problem(line, column, failed[text])
            self.frame = self.frame.filter(~pl.col(column).is_in(list(failed)))
        new = pl.col(column).replace_strict(list(parsed), list(parsed.values()), return_dtype=dtype, default=None)
        self.frame = self.frame.with_columns(new.alias(to))

    def constant(self, to: str, value: int | str, dtype: type[pl.DataType]) -> None:
        """Add column ``to`` with the same value in every row."""
        self.frame = self.frame.with_columns(pl.lit(value, dtype).alias(to))

    def period(self, column_from: str, column_to: str, zone: ZoneInfo, pattern: str = "") -> None:
        """Add ``valid_from`` and ``valid_to`` in UTC microseconds from columns that may be absent."""
        for column, to, unbounded in ((column_from, "valid_from", EVER_FROM), (column_to, "valid_to", EVER_TO)):
            if column in self.frame.columns:
                self.convert(column, to, pl.Int64, partial(_instant_or, unbounded, zone, pattern))
            else:
                self.constant(to, unbounded, pl.Int64)
        for line in self.frame.filter(pl.col("valid_from") >= pl.col("valid_to"))["line"].to_list():
            self.problem(line, column_to, "the period ends before it begins")

    def refuse_overlaps(self, keys: list[str], what: str) -> None:
        """A problem for each row whose period meets that of an earlier row of the same ``keys``."""
        rows = self.frame.filter(_perhaps_repeated(self.frame, keys)).sort([*keys, "valid_from", "line"])
        reach = pl.col("valid_to").cum_max().shift(1).over(keys).alias("reach")
        met = rows.with_columns(reach).filter(pl.col("valid_from") < pl.col("reach"))
        if met.is_empty():
            return
        reaching = rows.select(*keys, pl.col("valid_to").alias("reach"), pl.col("line").alias("before"))
        first = reaching.unique([*keys, "reach"], keep="first", maintain_order=True)
        for row in met.join(first, on=[*keys, "reach"]).sort("line").iter_rows(named=True):
            name = " ".join(str(row[key]) for key in keys)
            self.problem(row["line"], what, f"{name} is already in force then by line {row['before']}")


def _perhaps_repeated(frame: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Which rows may have the ``keys`` of another: those whose hash is there twice (telling takes 16 bytes a row)."""
    hashed = frame.select(hash=pl.struct(keys).hash())["hash"]
    ordered = hashed.sort()
    twice = ordered.filter(ordered == ordered.shift(1))
    return hashed.is_in(twice.unique().implode())


def _instant_or(unbounded: int, zone: ZoneInfo, pattern: str, text: str) -> int:
    return values.instant(text, zone, pattern) if text.strip() else unbounded


def one_of(of: tuple[str, ...]) -> Callable[[str], str]:
    """A parser that lets only the texts ``of`` pass."""

    def parse(text: str) -> str:
        if text not in of:
            raise ValueError(f"expected one of {', '.join(of)}, not {text!r}")
        return text

    return parse


def read(
    path: Path, problems: list[Problem], required: Iterable[str], separator: str = ",", encoding: str = "utf-8"
) -> Sheet | None:
    """The rows of a CSV file with a header, as text; None (and a problem) where it cannot be read."""
    try:
        frame = pl.read_csv(path, separator=separator, encoding=encoding, infer_schema=False)
    except (OSError, ValueError, LookupError, pl.exceptions.PolarsError) as error:
        message = str(error).splitlines()[0]
        problems.append(Problem(Place(path.name), "file", f"cannot be read: {message}"))
        return None
    frame = frame.drop("line", strict=False)  # the name is taken by the row's line in the file
    missing = [name for name in required if name not in frame.columns]
    problems.extend(Problem(Place(path.name, 1), name, "this column is missing") for name in missing)
    if missing:
        return None
    return Sheet(frame.fill_null("").with_row_index("line", 2).cast({"line": pl.Int64}), path.name, problems)


SUBSCRIPTION_COLUMNS: Final = ("kind", "key", "account", "plan", "segment", "pool", "valid_from", "valid_to", "line")
TRUNK_COLUMNS: Final = ("trunk", "carrier", "direction", "plan_in", "plan_out", "valid_from", "valid_to", "line")


def empty(columns: tuple[str, ...]) -> pl.DataFrame:
    """A table of ``columns`` without rows."""
    whole = {"valid_from", "valid_to", "line"}
    return pl.DataFrame(schema={name: pl.Int64 if name in whole else pl.String for name in columns})


def subscriptions(path: Path, zone: ZoneInfo, plans: tuple[str, ...], problems: list[Problem]) -> pl.DataFrame:
    """``subscriptions.csv``: kind, key, account, plan, segment, pool, valid_from, valid_to, line."""
    sheet = read(path, problems, ("kind", "key", "account", "plan")) if path.exists() else None
    if sheet is None:
        return empty(SUBSCRIPTION_COLUMNS)
    sheet.convert("kind", "kind", pl.Enum(KEY_KINDS), one_of(KEY_KINDS))
    sheet.convert("plan", "plan", pl.Enum(plans), one_of(plans))
    numeric = pl.col("kind").is_in(["number", "imsi"])
    right = pl.when(numeric).then(pl.col("key").str.contains(r"^\+?\d{1,18}$")).otherwise(pl.col("key") != "")
    for line, kind, key in sheet.frame.filter(~right).select("line", "kind", "key").iter_rows():
        sheet.problem(line, "key", f"expected a key of kind {kind}, not {key!r}")
    if not sheet.frame.select(right.all()).item():
        sheet.frame = sheet.frame.filter(right)
    sheet.period("valid_from", "valid_to", zone)
    sheet.refuse_overlaps(["kind", "key"], "key")
    for column in ("segment", "pool"):
        if column not in sheet.frame.columns:
            sheet.constant(column, "", pl.String)
    _refuse_other_pools(sheet)
    return sheet.frame.select(SUBSCRIPTION_COLUMNS)


def _refuse_other_pools(sheet: Sheet) -> None:
    """A problem for each row that names another pool than an earlier row of its account."""
    named = sheet.frame.filter(pl.col("pool") != "").select("account", "pool", "line")
    first = pl.col("pool").first().over("account")
    for account, pool, line in named.filter(pl.col("pool") != first).iter_rows():
        sheet.problem(line, "pool", f"account {account} is in another pool already, not {pool}")


def trunks(path: Path, zone: ZoneInfo, plans: tuple[str, ...], problems: list[Problem]) -> pl.DataFrame:
    """``trunks.csv``: trunk, carrier, direction, plan_in, plan_out, valid_from, valid_to, line."""
    sheet = read(path, problems, ("trunk", "carrier", "direction", "plan_in", "plan_out")) if path.exists() else None
    if sheet is None:
        return empty(TRUNK_COLUMNS)
    sheet.convert("direction", "direction", pl.String, one_of(TRUNK_DIRECTIONS))
    for column in ("plan_in", "plan_out"):
        sheet.convert(column, column, pl.String, one_of(("", *plans)))
    sheet.period("valid_from", "valid_to", zone)
    for side in ("in", "out"):
        only = Sheet(sheet.frame.filter(pl.col("direction").is_in([side, "both"])), sheet.file, problems)
        only.refuse_overlaps(["trunk"], f"trunk ({side})")
    return sheet.frame.select(TRUNK_COLUMNS)
