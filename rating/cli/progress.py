"""Progress of a run on stderr: files, records a second, rejected; on a terminal only.

Enters: the files to come and, after each batch, the summary of the current one; or the bytes of a file. Leaves:
nothing. Always holds: silent where stderr is no terminal, and for runs shorter than two seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rating.summary import FileSummary

_QUIET_S = 2.0


@contextmanager
def following(paths: list[str], *, quiet: bool) -> Iterator[Callable[[FileSummary], None]]:
    """A function to call after each batch; it draws a bar where that makes sense."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeElapsedColumn())
    size = sum(Path(p).stat().st_size for p in paths if Path(p).is_file())
    began = time.monotonic()
    seen: dict[str, FileSummary] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rating", total=size, figures="", visible=False)

        def watch(file: FileSummary) -> None:
            seen[file.name] = file
            records = sum(f.records for f in seen.values())
            rejected = records - sum(f.dispositions["rated"] for f in seen.values())
            elapsed = time.monotonic() - began
            figures = f"{len(seen)}/{len(paths)} files, {records / elapsed:,.0f} records/s, {rejected:,} set aside"
            done = sum(f.done_bytes for f in seen.values())
            bar.update(task, completed=done, figures=figures, visible=elapsed > _QUIET_S)

        yield watch


@contextmanager
def stepping(says: str, *, quiet: bool) -> Iterator[Callable[[int, int, int], None]]:
    """A function to call after each step: its number, how many there are, the legs done; draws where it makes sense."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeElapsedColumn())
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(says, total=None, figures="", visible=True)

        def watch(step: int, steps: int, legs: int) -> None:
            figures = f"{step}/{steps}, {legs:,} legs, {legs / (time.monotonic() - began):,.0f}/s"
            bar.update(task, completed=step, total=steps, figures=figures)

        yield watch


@contextmanager
def reading(says: str, size: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A function to call with the bytes of ``size`` that are read; it draws a bar where that makes sense."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(says, total=size, visible=False)

        def watch(done: int) -> None:
            bar.update(task, completed=done, visible=time.monotonic() - began > _QUIET_S)

        yield watch


@contextmanager
def counting(says: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A function to call with how many of how many are done; it draws a bar where that makes sense."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(says, visible=False)

        def watch(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, visible=time.monotonic() - began > _QUIET_S)

        yield watch
