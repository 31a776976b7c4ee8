"""The ``[kafka]`` table: what goes to librdkafka, where secrets come from, what is refused.

Enters: the table's keys and values as given. Leaves: librdkafka's settings, word for word but for secrets. Always
holds: no secret stands in a config file or on a command line; records travel in the clear only within the machine,
unless that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from rating.secrecy import is_loopback, readable_by_others
from rating.streaming.source import StreamError

SECRETS: Final = frozenset(
    {
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
    }
)
FIXED: Final = frozenset(
    {"enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "partition.assignment.strategy"}
    | {"enable.idempotence", "partitioner", "group.id"}
)
_ENCRYPTED: Final = frozenset({"ssl", "sasl_ssl"})
_DEFAULTS: Final = {"client.id": "tollstream", "statistics.interval.ms": 0}


def client_settings(given: Iterable[str], *, allow_plaintext: bool = False) -> dict[str, str]:
    """The settings ``given`` as ``key=value``, with the secrets that they refer to.

    A value ``env:NAME`` stands for that environment variable, ``file:PATH`` for the content of a file of mode 0600.
    Raises :class:`StreamError` if a secret is given in words, a file can be read by others, a key is the service's own,
    or records would leave the machine unencrypted.
    """
    table = dict(_parted(entry) for entry in given)
    if "bootstrap.servers" not in table:
        raise StreamError("no broker: [kafka] needs bootstrap.servers (or --kafka bootstrap.servers=HOST:PORT)")
    for key in sorted(FIXED & table.keys()):
        given_by = "give --group instead" if key == "group.id" else "remove it"
        raise StreamError(f"[kafka] {key}: the service sets it itself; {given_by}")
    settings = {key: _revealed(key, value) for key, value in table.items()}
    if not allow_plaintext:
        _refuse_plaintext(settings)
    return {k: str(v) for k, v in _DEFAULTS.items()} | settings


def _parted(entry: str) -> tuple[str, str]:
    key, equals, value = entry.partition("=")
    if not key or not equals:
        raise StreamError(f"--kafka {entry}: expected KEY=VALUE")
    return key, value


def _revealed(key: str, value: str) -> str:
    kind, colon, name = value.partition(":")
    if colon and kind == "env":
        if name not in os.environ:
            raise StreamError(f"[kafka] {key}: the environment has no {name}")
        return os.environ[name]
    if colon and kind == "file":
        return _kept(key, Path(name))
    if key in SECRETS:
        raise StreamError(f"[kafka] {key}: give env:NAME or file:PATH, not the secret itself")
    return value


def _kept(key: str, path: Path) -> str:
    try:
        if readable_by_others(path):
            raise StreamError(f"[kafka] {key}: {path} can be read by others: chmod 600 {path}")
        return path.read_text("utf-8").rstrip("\n")
    except OSError as fault:
        raise StreamError(f"[kafka] {key}: {path}: {fault.strerror}") from None


def _refuse_plaintext(settings: Mapping[str, str]) -> None:
    if settings.get("security.protocol", "plaintext").lower() in _ENCRYPTED:
        return
    for server in settings["bootstrap.servers"].split(","):
        host = server.strip().rpartition("://")[2].rpartition(":")[0].strip("[]")
        if not is_loopback(host):
            raise StreamError(
                f"[kafka] records would go to {host} unencrypted: set security.protocol to SSL or SASL_SSL, "
                "or give --allow-plaintext"
            )
