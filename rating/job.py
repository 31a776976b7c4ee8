"""The batch job: files into the lake, by the commit protocol.

Enters: an open lake, a layout, a catalogue, paths. Leaves: committed batches, and a summary. Always
holds: for every batch of every file, in this order:

1. take the next block of records of one file, from the offset that the lake has;
2. with nobody else committing from here on: if others have landed anything, read ids and balances anew;
3. run the stages; seen ids stay as they are;
4. ``lake.commit``: files written and synced, then one transaction that checks and moves offset and epoch;
5. only now remember the batch's ids, and move balances and further state (:func:`rating.after.land`).

A crash anywhere leaves whole batches only; the same command again goes on from there. The next batch is
mediated in a thread while this one is rated and written. Streams and other jobs may run on the same lake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from mediation.controls import Found
from mediation.dedup import SeenIds
from mediation.layout import Layout
from mediation.pickup import CHUNK_BYTES, InputError, SourceFile, blocks, bound, pick_up, readable
from mediation.records import Chunk
from mediation.tap_file import judged
from rating.after import Keeper, land
from rating.ahead import ahead
from rating.balances.live import Balances
from rating.balances.restore import live_balances, reach
from rating.file_controls import closing_findings, numbered, series_findings
from rating.lake import Delta, Lake, LayoutVersion, Offset, TariffVersion
from rating.pipeline import Mediated, Rated, mediate, rate
from rating.seen import load_days, oldest_us, seen_ids
from rating.sessions import earlier_partials
from rating.summary import FileSummary
from tariffs.catalogue import Catalogue

_MISFIT_RECORDS = 20
"""From this many records on, a file none of which fits the layout is refused instead of suspended whole."""


@dataclass(slots=True, eq=False)
class Job:
    """What every file of a run shares: what it was given, and the state that it holds of the lake."""

    lake: Lake
    layout: Layout
    catalogue: Catalogue
    tariff: TariffVersion
    seen: SeenIds
    window_days: int | None = None
    chunk_bytes: int = CHUNK_BYTES
    force: bool = False
    balances: Balances | None = None
    """For a catalogue with allowances."""
    keepers: Sequence[Keeper] = ()

    def layout_version(self) -> LayoutVersion:
        """The layout as the lake keeps it."""
        return LayoutVersion(self.layout.version, self.layout.name, self.layout.text)

    def renew(self, sources: Sequence[str]) -> None:
        """Take all state from the lake, that of ``sources`` too: balances now, ids by day when they are needed."""
        self.seen = seen_ids(self.lake)
        self.balances = live_balances(self.lake, self.catalogue)
        for keeper in self.keepers:
            keeper.restore(self.lake, sources)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """One block of a file, mediated: the bytes ``first`` to ``end``, the record numbers ``number`` to ``after``."""

    first: int
    end: int
    number: int
    mediated: Mediated
    last: bool

    @property
    def after(self) -> int:
        return self.number + self.mediated.records


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A batch of ``file``, or its end (no batch), or the reason why it cannot be read on."""

    file: SourceFile
    layout: Layout
    batch: _Batch | None = None
    error: str = ""
    found: Sequence[Found] = ()


def rate_files(job: Job, paths: Iterable[str], watch: Callable[[FileSummary], None]) -> Iterator[FileSummary]:
    """Rate each of ``paths`` in the order of their series; ``watch`` is told after every batch.

    A file that cannot be read is reported in its summary; the others go on. Mediation runs ahead over the
    ends of files, so that both halves of the work go on side by side however small the files are.
    """
    picked: list[SourceFile] = []
    for path in paths:
        try:
            picked.append(pick_up(path, job.layout))
        except InputError as fault:
            yield FileSummary(name=readable(path), error=str(fault))
    files = sorted(picked, key=lambda f: (f.stream, f.sequence_no or 0, f.name))
    starts = {file.source: job.lake.offset(file.source) for file in files}
    first = {file.source: file for file in reversed(files) if not starts[file.source].complete}
    new = [file for file in files if first.get(file.source) is file]
    refused: set[str] = set()
    pieces = ahead(_pieces(job, new, starts, refused))
    for file in files:
        summary = FileSummary(name=readable(file.path), source=file.source, size_bytes=file.content_bytes)
        if first.get(file.source) is file:
            _rate_file(job, pieces, summary, watch, refused)
        else:
            summary.already = True
            _note_resent(job, file)
        yield summary


def _rate_file(
    job: Job, pieces: Iterator[_Piece], summary: FileSummary, watch: Callable[[FileSummary], None], refused: set[str]
) -> None:
    """Rate and land the next file of ``pieces``, batch by batch, up to its end."""
    for piece in pieces:
        if piece.batch is None:
            summary.error = summary.error or piece.error
            if piece.file.content_bytes == 0 and not summary.error:
                found = [Found("empty", "records", "0 bytes")]
                job.lake.commit(_delta(job, piece.file, _whole(piece.file), found=found))
            return
        if summary.error:
            continue  # a batch that was mediated before its file was refused
        try:
            _refuse_misfit(job, piece.file, piece.batch)
        except InputError as fault:
            summary.error = str(fault)
            refused.add(piece.file.source)
            continue
        summary.add(_landed(job, piece, piece.batch), piece.batch.end)
        watch(summary)


def _landed(job: Job, piece: _Piece, batch: _Batch) -> Rated:
    """Rate and land ``batch``, by what the lake holds at that moment."""
    with job.lake.alone():
        if job.lake.disturbed():
            job.renew([piece.file.source])
        delta, rated = _rated(job, piece, batch)
        land(job.lake, delta, rated, job.seen, job.balances, job.keepers)
    return rated


def _pieces(job: Job, files: list[SourceFile], starts: dict[str, Offset], refused: set[str]) -> Iterator[_Piece]:
    """The batches of ``files`` from where the lake has them, and the end of each; none of a refused file."""
    for file in files:
        layout, error = job.layout, ""
        try:
            layout, found = judged(file, bound(file, job.layout))
            at = starts[file.source]
            for batch in _mediated(job, file, layout, at.next_offset, at.next_record_no):
                yield _Piece(file, layout, batch, found=found)
                if file.source in refused:
                    break
        except InputError as fault:
            error = str(fault)
        yield _Piece(file, layout, error=error)


def _mediated(job: Job, file: SourceFile, layout: Layout, offset: int, record_no: int) -> Iterator[_Batch]:
    for block in blocks(file, layout.framing, offset, job.chunk_bytes):
        chunk = Chunk(file.source, block.offset, record_no, block.bytes, block.last)
        batch = _Batch(block.offset, block.offset + len(block.bytes), record_no, mediate(chunk, layout), block.last)
        record_no = batch.after
        yield batch


def _rated(job: Job, piece: _Piece, batch: _Batch) -> tuple[Delta, Rated]:
    file, layout, found = piece.file, piece.layout, piece.found if batch.first == 0 else ()
    load_days(job.lake, job.seen, batch.mediated.usage)
    reach(job.balances, job.lake, job.catalogue, batch.mediated.usage)
    oldest = oldest_us(job.lake, job.window_days)
    partials = earlier_partials(job.lake, batch.mediated.usage)
    rated = rate(
        batch.mediated, layout, job.catalogue, job.seen, oldest_us=oldest, partials=partials, balances=job.balances
    )
    if batch.first == 0:
        file = numbered(file, layout, batch.mediated)
        found = [*found, *series_findings(job.lake, file, layout)]
    if batch.last:
        found = [*found, *closing_findings(job.lake, file, layout, rated)]
    return _delta(job, file, batch, rated, found), rated


def _delta(job: Job, file: SourceFile, batch: _Batch, rated: Rated | None = None, found: Iterable[Found] = ()) -> Delta:
    rows = {} if rated is None else {"usage": rated.usage, "charges": rated.charges, "rejected": rated.rejected}
    if rated is not None:
        rows["movements"] = rated.drawn.movements
    return Delta(
        source=file.source,
        first_offset=batch.first,
        next_offset=batch.end,
        next_record_no=batch.after,
        complete=batch.last,
        records=batch.mediated.records,
        findings=tuple({"source": file.source, **asdict(f)} for f in found),
        source_file=_row(file, job.layout) if batch.first == 0 else None,
        tariff=job.tariff,
        layout=job.layout_version(),
        turns_epoch=rated is not None,
        **rows,
    )


def _whole(file: SourceFile) -> _Batch:
    """The batch of a file that has no record."""
    nothing = Mediated(pa.RecordBatch.from_pylist([], pa.schema([])), (), 0, 0)
    return _Batch(0, file.content_bytes, 1, nothing, last=True)


def _row(file: SourceFile, layout: Layout) -> dict[str, str | int | None]:
    return {
        "source": file.source,
        "name": file.name,
        "size_bytes": file.size_bytes,
        "content_bytes": file.content_bytes,
        "sha256": file.sha256,
        "layout": layout.name,
        "stream": file.stream,
        "sequence_no": file.sequence_no,
    }


def _note_resent(job: Job, file: SourceFile) -> None:
    """Store once that the content of ``file`` came again under another name."""
    known = (
        "SELECT name FROM source_file WHERE source = $source UNION ALL SELECT found FROM finding WHERE source = $source"
    )
    names = job.lake.query(known, {"source": file.source})["name"].to_pylist()
    if file.name in names:
        return
    at = job.lake.offset(file.source)
    resent = {"source": file.source, "finding": "resent", "expected": names[0], "found": file.name}
    job.lake.commit(
        Delta(
            source=file.source,
            first_offset=at.next_offset,
            next_offset=at.next_offset,
            next_record_no=at.next_record_no,
            complete=True,
            records=0,
            findings=(resent,),
        )
    )


def _refuse_misfit(job: Job, file: SourceFile, batch: _Batch) -> None:
    """Refuse a file none of whose first records fits the layout: it is the wrong layout, not bad data."""
    mediated = batch.mediated
    if job.force or batch.first or mediated.fitting or mediated.records < _MISFIT_RECORDS:
        return
    first = next((r for rows in mediated.rejected for r in rows.to_pylist() if r["disposition"] == "suspended"), None)
    if first is None:
        return
    raise InputError(
        f"{file.path}: none of its first {mediated.records} records fits layout {job.layout.name}; record "
        f"{first['record_no']}: {first['reason']} {first['field']} {first['value'][:80]!r}; nothing was landed "
        f"(--force sends them all to suspense; `toll layout check` shows how records map)"
    )
