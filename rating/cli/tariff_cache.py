"""Compiled tariffs in the user's cache: the same folder is loaded, checked and compiled once.

Enters: a tariff folder. Leaves: its catalogue, if it was compiled before. Always holds: the key hashes every
file of the folder, the compiler's own source and the versions of the time zones and holidays that it
reads; only a tariff without a single problem is kept, so no warning is ever silenced; a kept file whose
content was changed is not used.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mediation.jit import cache_root

if TYPE_CHECKING:
    from tariffs.catalogue import Catalogue

LARGEST_BYTES = 256 << 20
"""A larger catalogue is not kept."""
_KEPT_S = 30 * 86_400


def key_of(folder: Path) -> str:
    """What the catalogue of ``folder`` depends on, as a hash."""
    digest = hashlib.sha256()
    for package in ("tzdata", "holidays"):
        with suppress(PackageNotFoundError):
            digest.update(f"{package} {version(package)} ".encode())
    source = Path(__file__).parent.parent.parent / "tariffs"
    for root, pattern in ((source, "*.py"), (folder, "*")):
        for path in sorted(p for p in root.rglob(pattern) if p.is_file()):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)} ".encode("utf-8", "surrogateescape"))
            digest.update(content)
    return digest.hexdigest()[:32]


def _path(key: str) -> Path:
    return cache_root() / "tariffs" / f"{key}.arrow"


def kept(key: str) -> Catalogue | None:
    """The catalogue that was kept under ``key``, if it is there and whole."""
    from tariffs.catalogue_file import load_catalogue

    with suppress(OSError, ValueError):
        return load_catalogue(_path(key))
    return None


def keep(key: str, catalogue: Catalogue) -> None:
    """Keep ``catalogue`` under ``key``, and let go of what has not been written for a month."""
    from tariffs.catalogue_file import save

    path = _path(key)
    part = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a cache that cannot be written changes nothing but the time it takes
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.iterdir():
            if time.time() - old.stat().st_mtime > _KEPT_S:
                old.unlink(missing_ok=True)
        save(catalogue, part)
        if part.stat().st_size <= LARGEST_BYTES:
            part.replace(path)
        part.unlink(missing_ok=True)
