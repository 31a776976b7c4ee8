"""The server's settings.

Enters: what the command line gives. Leaves: frozen settings. Always holds: what has no TLS leaves the machine only if
that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rating.secrecy import is_loopback, readable_by_others

GRACE_S: Final = 10
"""How long requests under way may take when the server is to end."""


class ServeError(Exception):
    """The server cannot be started so; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server serves, to whom, and its limits. Raises :class:`ServeError` if ``cache`` is no folder."""

    lake: Path
    tokens: Path
    cache: Path | None = None
    """Where the shelves are kept while it serves; None: in the system's folder for temporary files."""
    workers: int = 1
    """Processes that answer; the limits below are each one's."""
    refresh_ms: int = 500
    """How often it looks for new commits."""
    at_once_rows: int = 1_000
    """Questions about so many rows of the shelves are answered where they arrive: less than a thread's switch costs."""
    near_threads: int = 4
    """Questions at a time about more of them."""
    wide_threads: int = 1
    """Questions at a time about an account of more rows than ``wide_rows``."""
    wide_rows: int = 50_000
    far_connections: int = 2
    """Questions at a time that the lake itself answers."""
    far_s: int = 10
    """The longest that one of these may take."""
    open_requests: int = 512
    """Requests at a time; more are told to come again."""

    def __post_init__(self) -> None:
        if self.cache and not self.cache.is_dir():
            raise ServeError(f"--cache {self.cache}: no such folder")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, and with which certificate.

    Raises :class:`ServeError` if it would serve in the clear beyond the machine and ``allow_plaintext`` is not set.
    """

    host: str = "127.0.0.1"
    port: int = 8464
    certificate: Path | None = None
    key: Path | None = None
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ServeError("--certificate and --key go together")
        for path in (self.certificate, self.key):
            if path and not path.is_file():
                raise ServeError(f"{path}: no such file")
        if self.key and readable_by_others(self.key):
            raise ServeError(f"{self.key} can be read by others: chmod 600 {self.key}")
        if not (self.certificate or self.allow_plaintext or is_loopback(self.host)):
            raise ServeError(
                f"personal data would leave the machine in the clear at {self.host}: give --certificate and --key, or "
                "--allow-plaintext behind a proxy that encrypts"
            )
