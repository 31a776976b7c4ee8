"""Older lakes: tables, columns and views that this version has and a lake from before does not.

Enters: a connection whose current schema is the lake's. Leaves: the same lake with what it lacked. Always holds: rows
stay as they are; a new column is null in them where it can be, else empty or 0, which is what absent means; all of it
is done, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import duckdb

from mediation.fields import TABLES, Field, ddl
from rating.lake.views import MACROS, VIEWS

_META: Final = "__ducklake_metadata_lake.ducklake_"
_HAS: Final = f"""
SELECT t.table_name, list(c.column_name) FROM {_META}table t JOIN {_META}column c USING (table_id)
WHERE t.end_snapshot IS NULL AND c.end_snapshot IS NULL GROUP BY t.table_name
UNION ALL SELECT view_name, [] FROM {_META}view WHERE end_snapshot IS NULL
UNION ALL SELECT macro_name, [] FROM {_META}macro WHERE end_snapshot IS NULL"""  # noqa: S608 - DuckLake's own tables
_ABSENT: Final = {
    "VARCHAR": "''",
    "BOOLEAN": "false",
    "UUID": "NULL",
    "BLOB": "''::BLOB",
    "TIMESTAMP WITH TIME ZONE": "'1970-01-01 00:00:00+00'",
}


def lacking(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The statements that the lake lacks; views are made anew with them, as they read what is new."""
    has = {table: set(columns) for table, columns in connection.execute(_HAS).fetchall()}
    tables = list(_tables(has))
    views = VIEWS | MACROS
    if not tables and has.keys() >= views.keys():
        return []
    return [*tables, *(statement.replace("CREATE", "CREATE OR REPLACE", 1) for statement in views.values())]


def mend(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the lake what it lacks, within the caller's transaction."""
    for statement in lacking(connection):
        connection.execute(statement)


def _tables(has: dict[str, set[str]]) -> Iterator[str]:
    for table, fields in TABLES.items():
        if table not in has:
            yield f"CREATE TABLE IF NOT EXISTS {table} ({ddl(table)})"
            continue
        for field in fields:
            if field.name not in has[table]:
                column = f'"{field.name}" {field.sql} DEFAULT {_absent(field)}'
                yield f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}"


def _absent(field: Field) -> str:
    return "NULL" if field.nullable else _ABSENT.get(field.sql, "0")
