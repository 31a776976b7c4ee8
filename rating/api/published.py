"""A view as a file, by which the processes of one server share the shelves.

Enters: views. Leaves: ``view.json`` in the folder of the runs, and views read from it in another process. Always holds:
the file is whole at any moment; runs that a view no longer has are removed after the file that says so is there, so
whoever misses a run finds a newer view.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from rating.api.shelves import Run, View

_FILE: Final = "view.json"


class Views(Protocol):
    """What gives the latest view."""

    @property
    def folder(self) -> Path:
        """Where the server keeps what its processes share."""

    @property
    def view(self) -> View | None:
        """The lake as of the latest snapshot that was read; None until it was read once."""

    @property
    def healthy(self) -> bool:
        """Whether the lake could be read when it was last looked at."""


def publish(folder: Path, view: View | None, *, healthy: bool) -> None:
    """Replace the file in ``folder`` by what it says of ``view``."""
    runs = {shelf: [run.path.name for run in runs] for shelf, runs in view.runs.items()} if view else {}
    said = {"boot": view.boot, "snapshot": view.snapshot} if view else {}
    part = folder / f"{_FILE}.part"
    part.write_text(json.dumps({"healthy": healthy, "runs": runs, **said}), "utf-8")
    part.replace(folder / _FILE)


class Published:
    """The views that another process publishes in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.healthy = folder, False
        self._stamp = 0, 0
        self._view: View | None = None

    @property
    def view(self) -> View | None:
        """The latest view: a look at the file's time is all that it costs while nothing is new."""
        with suppress(OSError):  # not there yet; or a run is gone, since a newer view is there at once
            found = (self.folder / _FILE).stat()
            stamp = found.st_mtime_ns, found.st_ino
            if stamp != self._stamp:
                self._read(json.loads((self.folder / _FILE).read_text("utf-8")))
                self._stamp = stamp
        return self._view

    def _read(self, said: dict[str, Any]) -> None:
        self.healthy = said["healthy"]
        if not said["runs"]:
            return
        known = {run.path.name: run for runs in self._view.runs.values() for run in runs} if self._view else {}
        runs = {
            shelf: tuple(known.get(name) or Run.read(self.folder / name) for name in names)
            for shelf, names in said["runs"].items()
        }
        self._view = View(said["boot"], said["snapshot"], runs)
