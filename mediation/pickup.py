"""Picking files up: what a file is, before a record of it is read.

Enters: a path (or any fsspec URL). Leaves: a :class:`SourceFile` with content hash, size and sequence
number, and its content as chunks of whole records. Always holds: a file is known by its content, not
by its name; a file that cannot be read whole (cut gzip, bomb, no line ends) is refused before anything
of it is rated; memory is bounded by the chunk, never by the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mediation.ber.columns import LONGEST_HEADER, Said, Source
from mediation.layout import Framing, Kind, Layout
from mediation.reader import RowReader
from mediation.records import Bytes

CHUNK_BYTES = 32 << 20
LONGEST_CHUNK = 256 << 20
"""A chunk grows to this where it holds no line end; a file that needs more is refused."""
MOST_RATIO = 250
"""A compressed file that grows by more than this, beyond a first 64 MiB, is refused as a bomb."""
_FREE_GROWTH = 64 << 20
_BLOCK = 1 << 20
_MOST_DIGITS = 18
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}


class InputError(Exception):
    """A file that cannot be picked up; the message names it, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was picked up: its identity, sizes in bytes, and place in its series."""

    path: str
    source: str
    name: str
    size_bytes: int
    content_bytes: int
    sha256: str
    compression: str
    stream: str = ""
    sequence_no: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive bytes of a source that end with a record, and whether the source ends with them."""

    offset: int
    bytes: Bytes
    last: bool


def input_files(inputs: Sequence[str]) -> list[str]:
    """The files that ``inputs`` name: files as they are, folders by their files (not hidden), in order of name.

    Raises:
        InputError: an input is neither.

    """
    found: list[str] = []
    for name in inputs:
        try:
            found += [name] if "://" in name else _local_files(Path(name))
        except OSError as fault:
            raise InputError(f"{readable(name)}: cannot be read: {fault.strerror}") from None
    return found


def _local_files(path: Path) -> list[str]:
    if path.is_file():
        return [str(path)]
    if not path.is_dir():
        raise InputError(f"{readable(str(path))}: no such file or folder")
    return sorted(str(p) for p in path.iterdir() if p.is_file() and not p.name.startswith("."))


def pick_up(path: str, layout: Layout) -> SourceFile:
    """Read ``path`` once for its hash and size, and find its place in the series by its name.

    Raises:
        InputError: it cannot be read, its compression is broken, or it is a bomb.

    """
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(path) as stream:
            compression = _compression(stream.read(4))
            stream.seek(0)
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
        content = _content_size(path, compression, size) if compression else size
    except OSError as fault:
        raise InputError(f"{readable(path)}: cannot be read: {fault.strerror or fault}") from None
    sha256, name = digest.hexdigest(), readable(path).rsplit("/", 1)[-1]
    stream_name, sequence_no = _sequence(name, layout)
    return SourceFile(path, f"file:{sha256[:24]}", name, size, content, sha256, compression, stream_name, sequence_no)


def readable(path: str) -> str:
    """``path`` as text that can be stored and printed: bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def whole_number(digits: str) -> int | None:
    """The number that ``digits`` write; None if they are none, or more than 64 bits hold."""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


def blocks(file: SourceFile, framing: Framing, offset: int, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Block]:
    """The content of ``file`` from ``offset`` on, in blocks of whole records of about ``chunk_bytes``.

    Raises:
        InputError: no record ends within ``LONGEST_CHUNK`` bytes.

    """
    whole = framing.kind is Kind.JSON and framing.multi_line
    with content(file) as stream:
        _skip(stream, offset)
        rest = bytearray()
        while offset < file.content_bytes:
            wanted = LONGEST_CHUNK if whole else max(chunk_bytes, min(2 * len(rest), LONGEST_CHUNK))
            block = _filled(file, stream, rest, min(wanted, file.content_bytes - offset))
            last = offset + len(block) == file.content_bytes
            cut = len(block) if last else _whole(block, offset, framing)
            if not last and (whole or (cut == 0 and len(block) >= LONGEST_CHUNK)):
                unit = "document" if whole else "record"
                raise InputError(
                    f"{file.path}: no {unit} ends within {LONGEST_CHUNK >> 20} MiB: not this layout's file"
                )
            rest = block[cut:]
            if cut:
                yield Block(offset, np.frombuffer(memoryview(block)[:cut], np.uint8), last)
            offset += cut


def _whole(block: bytearray, offset: int, framing: Framing) -> int:
    """How many bytes of ``block``, which begins at ``offset``, are whole records."""
    if framing.ber:
        from mediation.ber.records import whole_bytes

        return whole_bytes(np.frombuffer(block, np.uint8), offset, framing.ber, framing.max_record_bytes)
    return block.rfind(framing.line_end) + 1


def bound(file: SourceFile, layout: Layout) -> Layout:
    """``layout`` with what the header of ``file`` says: the order of columns, or what records refer to.

    Raises:
        InputError: a column that the layout reads is not in the header, or the file does not begin as it should.

    """
    framing = layout.framing
    if not file.content_bytes or not (framing.ber or framing.names_in_header):
        return layout
    with content(file) as stream:
        if framing.ber:
            return bind_header(layout, bytes(stream.read(LONGEST_HEADER)), file.path, file.content_bytes)
        lines = bytes(stream.read(framing.max_record_bytes)).split(bytes([framing.line_end]))
    header = next((line for line in lines if line.strip() and not line.startswith(framing.comment or b"\0")), b"")
    return bind_header(layout, header, file.path)


def bind_header(layout: Layout, header: bytes, where: str, size: int | None = None) -> Layout:
    """``layout`` with what ``header`` says, which ``where`` has, of ``size`` bytes.

    Raises:
        InputError: as :func:`bound`.

    """
    framing = layout.framing
    if framing.ber:
        said = _said(layout, framing.ber, header, where, len(header) if size is None else size)
        return replace(layout, framing=replace(framing, ber=replace(framing.ber, said=said)))
    header = header.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
    names = RowReader(framing, ()).names(header)
    missing = [c for c in layout.source_columns() if c not in names]
    if missing:
        raise InputError(
            f"{where}: the header line lacks {', '.join(missing)}, which layout {layout.name} reads; "
            f"it is: {header[:120].decode('latin-1')}"
        )
    return replace(layout, framing=replace(framing, columns=tuple(names)))


def _said(layout: Layout, source: Source, header: bytes, where: str, size: int) -> Said:
    from mediation.ber.containers import ContainerError, opened

    try:
        return opened(source, header, size)
    except ContainerError as fault:
        raise InputError(f"{where}: not a file of layout {layout.name}: {fault}") from None


def content(file: SourceFile) -> AbstractContextManager[Any]:
    """The content of ``file`` as a stream, decompressed."""
    if not file.compression:
        return _opened(file.path)
    opened = _opened(file.path).__enter__()
    return closing(pa.input_stream(opened, compression=file.compression))


def _opened(path: str) -> AbstractContextManager[Any]:
    if "://" in path:
        import fsspec

        opened: AbstractContextManager[Any] = fsspec.open(path, "rb")
        return opened
    return Path(path).open("rb")


def _compression(head: bytes) -> str:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def _content_size(path: str, compression: str, size: int) -> int:
    total = 0
    try:
        with _opened(path) as opened, closing(pa.input_stream(opened, compression=compression)) as stream:
            while block := stream.read(_BLOCK):
                total += len(block)
                if total > _FREE_GROWTH + MOST_RATIO * size:
                    raise InputError(
                        f"{path}: refused: its {size} bytes grow beyond {total >> 20} MiB (more than {MOST_RATIO} "
                        f"to 1), as no CDR file does; decompress it yourself if it is genuine"
                    )
    except OSError as fault:
        raise InputError(f"{path}: broken {compression} file, nothing of it was rated: {fault}") from None
    return total


def _sequence(name: str, layout: Layout) -> tuple[str, int | None]:
    match = layout.file_name.search(name) if layout.file_name else None
    groups = match.groupdict("") if match else {}
    number = whole_number(groups.get("sequence", ""))
    return ("", None) if number is None else (groups.get("stream") or layout.name, number)


def _skip(stream: Any, offset: int) -> None:  # noqa: ANN401 - any binary stream
    while offset:
        skipped = len(stream.read(min(offset, _BLOCK)))
        if not skipped:
            return
        offset -= skipped


def _filled(file: SourceFile, stream: Any, rest: bytearray, wanted: int) -> bytearray:  # noqa: ANN401 - any binary stream
    """``wanted`` bytes: ``rest`` and what follows it in ``stream``."""
    block = bytearray(wanted)
    block[: len(rest)] = rest
    view, at = memoryview(block), len(rest)
    while at < wanted:
        count = stream.readinto(view[at:])
        if not count:
            raise InputError(f"{file.path}: became shorter while it was read; run the same command again")
        at += count
    return block
