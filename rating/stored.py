"""Tariffs, layouts and usage as the lake keeps them, and as the stages take them again.

Enters: a catalogue, or a version or source that the lake has; stored usage. Leaves: its bytes, or the catalogue or
layout again; usage to be rated. Always holds: names are content hashes, and loading a catalogue verifies its own.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from mediation.fields import schema
from mediation.layout import Layout
from mediation.layout_file import LayoutError, layout_from_text
from mediation.pickup import bind_header
from mediation.stage import typed
from rating.lake import Lake, TariffVersion
from rating.streaming.coordinates import is_stream
from tariffs.catalogue import Catalogue
from tariffs.catalogue_file import load_catalogue, save

_NEWEST: Final = "SELECT tariff_version FROM batch WHERE tariff_version <> '' ORDER BY batch_id DESC LIMIT 1"
_LATEST = """
SELECT text FROM layout_version JOIN batch USING (layout_version)
WHERE layout_version.name = $name ORDER BY batch_id DESC LIMIT 1"""
_HEADER = "SELECT raw FROM rejected WHERE source = $source AND reason = 'header' ORDER BY offset_bytes LIMIT 1"

USAGE_COLUMNS: Final = ", ".join([*(f"u.{name}" for name in schema("usage").names if name != "raw"), "''::BLOB AS raw"])
"""SQL: the columns of usage ``u``; the records' bytes, which no tariff reads, are left where they are."""


def tariff_version(catalogue: Catalogue) -> TariffVersion:
    """``catalogue`` as a file of the lake."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.arrow"
        save(catalogue, path)
        return TariffVersion(catalogue.version, f"catalogue/{catalogue.version}.arrow", path.read_bytes())


def stored_catalogue(lake: Lake, version: str) -> Catalogue:
    """The catalogue ``version`` that priced rows of ``lake``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.arrow"
        path.write_bytes(lake.tariff(version))
        return load_catalogue(path)


def newest_catalogue(lake: Lake) -> Catalogue | None:
    """The catalogue that priced the newest batch of ``lake``; None where nothing was rated yet."""
    versions = lake.query(_NEWEST)["tariff_version"].to_pylist()
    return stored_catalogue(lake, versions[0]) if versions else None


def stored_layout(lake: Lake, name: str) -> Layout:
    """The layout ``name`` as the newest batch of ``lake`` used it.

    Raises:
        LayoutError: the lake has none of that name.

    """
    found = lake.query(_LATEST, {"name": name})
    if not found.num_rows:
        raise LayoutError(f"the lake has no layout named {name!r}: the table layout_version lists them")
    return layout_from_text(found["text"][0].as_py())


def layout_of_source(lake: Lake, layout: Layout, source: str) -> Layout:
    """``layout`` as it reads ``source``: by the header of the file where it goes by that, or without line ends."""
    if is_stream(source):
        return layout_of_stream(layout)
    if not layout.framing.by_header:
        return layout
    header = lake.query(_HEADER, {"source": source})
    return bind_header(layout, header["raw"][0].as_py(), source) if header.num_rows else layout


def layout_of_stream(layout: Layout) -> Layout:
    """``layout`` for records of messages: the columns as declared, no header, no line end needed at the end.

    Raises:
        LayoutError: it declares no columns: they stand in the header of each file.

    """
    if layout.framing.names_in_header and not layout.framing.columns:
        raise LayoutError(f"layout {layout.name} declares no columns, and messages have no header that names them")
    return replace(layout, framing=replace(layout.framing, final_newline=False, header_lines=0))


def stored_usage(rows: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of stored usage (:data:`USAGE_COLUMNS`) with the column types that stages read."""
    kinds = schema("usage")
    return pa.RecordBatch.from_arrays([typed(rows[part.name], part.type) for part in kinds], schema=kinds)
