"""A catalogue as a file: Arrow IPC, a batch an array.

Enters: a ``Catalogue``, or a file. Leaves: the file, or the catalogue again, whose arrays are the mapped file. Always
holds: equal catalogues give equal bytes; a file whose content does not match its version is refused; neither way
copies an array.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tariffs.catalogue import FORMAT, Catalogue

_BINARY: Final = pa.large_binary()
_TEXTS: Final = ("name", "type", "shape")
_SCHEMA: Final = pa.schema([*((name, pa.string()) for name in _TEXTS), ("pad", _BINARY), ("content", _BINARY)])
_BUFFER: Final = 8
"""Arrow pads every buffer to whole words."""
_LINE: Final = 64
"""Bytes of a cache line: each content begins with one, so that a row of a table is in one or two."""
_LINE_END: Final = 10


def save(catalogue: Catalogue, path: Path) -> None:
    """Write ``catalogue`` to ``path``."""
    named = _SCHEMA.with_metadata({"format": FORMAT, "version": catalogue.version})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, named) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([], _SCHEMA))  # the schema goes out with what is written first
        for part in catalogue.parts():
            size = pa.ipc.get_record_batch_size(_batch(*part, 0))
            begins = sink.tell() + size - -(-len(part[-1]) // _BUFFER) * _BUFFER
            writer.write_batch(_batch(*part, -begins % _LINE))


def _batch(name: str, kind: str, shape: str, content: npt.NDArray[np.uint8], pad: int) -> pa.RecordBatch:
    ends = pa.py_buffer(np.array([0, len(content)], np.int64))
    whole = pa.LargeBinaryArray.from_buffers(_BINARY, 1, [None, ends, pa.py_buffer(content)])
    texts = [pa.array([text], pa.string()) for text in (name, kind, shape)]
    return pa.RecordBatch.from_arrays([*texts, pa.array([bytes(pad)], _BINARY), whole], schema=_SCHEMA)


def load_catalogue(path: Path) -> Catalogue:
    """The catalogue that :func:`save` wrote to ``path``; ValueError if it is none or its content was changed."""
    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            named = reader.schema.metadata or {}
            batches = [reader.get_batch(place) for place in range(reader.num_record_batches)]
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no catalogue: {error}") from error
    if named.get(b"format") != FORMAT:
        raise ValueError(f"{path} is no catalogue of this format")
    parts = [(row, batch["content"].buffers()[-1]) for batch in batches for row in batch.select(_TEXTS).to_pylist()]
    arrays: dict[str, Any] = {row["name"]: _array(row, content) for row, content in parts}
    catalogue = Catalogue(**arrays)
    if catalogue.version.encode() != named[b"version"]:
        raise ValueError(f"{path} was changed: its content is {catalogue.version}, not {named[b'version'].decode()}")
    return catalogue


def _array(row: dict[str, str], content: pa.Buffer | None) -> npt.NDArray[np.generic] | pa.StringArray:
    shape = tuple(int(size) for size in row["shape"].split(",") if size)
    array = np.frombuffer(content or b"", np.dtype(row["type"]), int(np.prod(shape))).reshape(shape)
    return _names(array) if row["name"].endswith("_names") else array


def _names(lines: npt.NDArray[np.uint8]) -> pa.StringArray:
    """The name table of which ``lines`` are the text."""
    ends = np.flatnonzero(lines == _LINE_END)
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int32)
    content = lines[lines != _LINE_END]
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(content))
