"""The folder that TAP files go out by, and the ledger in the lake: together they know what was sent.

Enters: a file's bytes and what is in it. Leaves: the file in the folder, and its rows in ``tap_file`` and
``tap_charge``. Always holds, in the order of a sending:

1. the file is written under a name that begins with a dot, and synced with its folder;
2. one transaction takes the recipient's next sequence number and stores the file's rows: from now on it counts as sent;
3. the file gets its name, and the folder is synced.

A crash before 2 leaves a hidden file that no row knows, which the next run deletes; its number is given again. A crash
after 2 leaves a hidden file that a row knows by its hash, which the next run gives its name: no gap, and no repeat,
since the hidden file is there if and only if the file never had its name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import UUID

from rating.lake import Delta, Lake
from rating.lake.delta import Row
from rating.lake.parquet import sync_files, sync_folder
from rating.roaming.batch import Envelope, Written
from rating.roaming.money import TapOutError

TRANSFER, NOTIFICATION = "transfer", "notification"
_PART: Final = ".part"


def source_of(recipient: str) -> str:
    """The reserved source whose offset counts the files to ``recipient``: two writers conflict there."""
    return f"tap_out:{recipient}"


def next_ordinal(lake: Lake, recipient: str) -> int:
    """Which file to ``recipient`` is the next, from 1."""
    return lake.offset(source_of(recipient)).next_offset + 1


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder for this run alone.

    Raises:
        TapOutError: another run has it, or it cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise TapOutError(f"{folder} is in use by another run: wait until it has finished") from None
    except OSError as fault:
        raise TapOutError(f"{folder} cannot be written: {fault.strerror or fault}") from fault


def finish(lake: Lake, folder: Path) -> list[str]:
    """Give files of a run that crashed their names, and remove what never counted as sent; the names given."""
    named = []
    for part in sorted(folder.glob(f".*{_PART}")):
        name = part.name.removeprefix(".").removesuffix(_PART)
        known = lake.query("SELECT sha256 FROM tap_file WHERE name = $name", {"name": name})["sha256"].to_pylist()
        if hashlib.sha256(part.read_bytes()).hexdigest() in known:
            _reveal(part, folder / name)
            named.append(name)
        else:
            part.unlink()
    return named


def send(lake: Lake, folder: Path, envelope: Envelope, written: Written, events: Sequence[UUID]) -> None:
    """Write a file and have it counted; ``events`` are those in it, in order.

    Raises:
        TapOutError: there is a file of that name already, which the lake does not know.
        StaleOffset: another run has taken the number; nothing was sent.

    """
    path = folder / envelope.name
    if path.exists():
        raise TapOutError(f"{path} is there already, and not from this lake: its number is still to be given")
    part = folder / f".{envelope.name}{_PART}"
    part.write_bytes(written.content)
    sync_files([part])
    try:
        lake.commit(_delta(envelope, written, events))
    except Exception:
        part.unlink()
        raise
    _reveal(part, path)


def _reveal(part: Path, path: Path) -> None:
    os.rename(part, path)  # noqa: PTH104 (as sync_folder: the system's own words)
    sync_folder(path.parent)


def _delta(envelope: Envelope, written: Written, events: Sequence[UUID]) -> Delta:
    recipient, ordinal = envelope.recipient, envelope.ordinal
    places = envelope.operator.decimals
    file: Row = {
        "recipient": recipient,
        "sequence_no": ordinal,
        "name": envelope.name,
        "kind": TRANSFER if written.events else NOTIFICATION,
        "sha256": hashlib.sha256(written.content).hexdigest(),
        "size_bytes": len(written.content),
        "until_utc": envelope.until,
        "available_utc": envelope.available,
        "events": written.events,
        "currency": envelope.operator.tap_currency if written.events else "",
        "charge": Decimal(written.charge).scaleb(-places),
        "tax": Decimal(written.tax).scaleb(-places),
        "earliest_utc": written.earliest,
        "latest_utc": written.latest,
    }
    charges: list[Row] = [
        {"recipient": recipient, "sequence_no": ordinal, "position": place, "event_id": each.bytes}
        for place, each in enumerate(events, 1)
    ]
    return Delta.numbered(source_of(recipient), ordinal - 1, small={"tap_file": [file], "tap_charge": charges})
