"""Tokens: who may ask what.

Enters: a file of tokens (TOML, mode 0600). Leaves: the grant that a token gives. Always holds: the file has no token,
only SHA-256 of its secret, which has 256 random bits, so that a slow hash would protect nothing more; secrets are
compared in constant time; whoever is bound to an account is shown that account alone.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from rating.lake.parquet import sync_files, sync_folder
from rating.secrecy import readable_by_others

_TOKEN: Final = re.compile(r"toll_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


class TokenError(Exception):
    """The file of tokens is not as it must be; the text says where, and what was expected."""


class Right(StrEnum):
    """What may be asked."""

    ACCOUNT = "account"  # usage, charges, balances, bills of an account; settlement of a carrier
    EXPLAIN = "explain"  # all that is known of an event, the raw record and every leg with it
    METRICS = "metrics"


class Role(StrEnum):
    """Who asks."""

    READER = "reader"
    CARE = "care"
    ACCOUNT = "account"
    METRICS = "metrics"


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.READER: frozenset(Right),
    Role.CARE: frozenset({Right.ACCOUNT}),
    Role.ACCOUNT: frozenset({Right.ACCOUNT}),
    Role.METRICS: frozenset({Right.METRICS}),
}
"""What each role may ask. An explanation holds the record as it came, where nothing can be masked: readers only."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An entry of the file."""

    role: Role
    sha256: str
    """Of the token's secret, hexadecimal."""
    account: str = ""
    """The one account (or carrier) that the token may see; required of the role ``account``, else empty."""
    personal_data: bool = False
    """Whether the role ``care`` sees numbers and places unmasked; the others always do."""
    per_second: int = 20
    """Requests a second in the long run."""
    burst: int = 100
    """Requests at once."""

    def may(self, right: Right, account: str | None = None) -> bool:
        """Whether ``right`` is granted, and on ``account`` if it is about one."""
        return right in RIGHTS[self.role] and (not self.bound or account == self.account)

    @property
    def bound(self) -> bool:
        """Whether the token may see one account alone."""
        return self.role is Role.ACCOUNT

    @property
    def unmasked(self) -> bool:
        """Whether personal data are shown."""
        return self.role is not Role.CARE or self.personal_data


Grants = Mapping[str, Grant]
"""Grants by the name of their token: 8 hexadecimal digits, which logs may hold."""


def granted(grants: Grants, token: str) -> tuple[str, Grant] | None:
    """The name of ``token`` and what it grants; None if it is none of ours."""
    found = _TOKEN.fullmatch(token)
    grant = grants.get(found[1]) if found else None
    known = grant.sha256 if grant else "0" * 64  # compared even so: time tells nothing
    same = hmac.compare_digest(_digest(found[2] if found else ""), known)
    return (found[1], grant) if found and grant and same else None


def new_token(path: Path, grant: Mapping[str, Any]) -> str:
    """Add a token to the file at ``path`` (made if it is not there); returns it, which nobody can do again.

    Raises :class:`TokenError` for a wrong grant or file.
    """
    name, secret = secrets.token_hex(4), urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    known = read_tokens(path) if path.exists() else {}
    added = _grant(f"new token for {path}", {**grant, "sha256": _digest(secret)})
    _write(path, {**known, name: added})
    return f"toll_{name}_{secret}"


def revoke(path: Path, name: str) -> None:
    """Take the token ``name`` out of the file at ``path``. Raises :class:`TokenError` if it has none."""
    known = dict(read_tokens(path))
    if name not in known:
        raise TokenError(f"{path}: no token {name}")
    del known[name]
    _write(path, known)


def read_tokens(path: Path) -> Grants:
    """The grants of the file at ``path``.

    Raises :class:`TokenError` if others than its owner can read it, or where a key or value is not as expected.
    """
    try:
        if readable_by_others(path):
            raise TokenError(f"{path} can be read by others: chmod 600 {path}")
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise TokenError(f"{path}: {fault.strerror}; `toll serve token new` makes it") from None
    except ValueError as fault:
        raise TokenError(f"{path}: {fault}") from None
    entries = table.get("token", {})
    if table.keys() - {"token"} or not isinstance(entries, dict):
        raise TokenError(f"{path}: expected tables [token.NAME] and nothing else")
    return {name: _grant(f"{path}: [token.{name}]", entry) for name, entry in entries.items()}


def _grant(where: str, entry: object) -> Grant:
    expected = {"role": str, "sha256": str, "account": str, "personal_data": bool, "per_second": int, "burst": int}
    if not isinstance(entry, dict) or entry.keys() - expected.keys():
        raise TokenError(f"{where}: expected the keys {', '.join(expected)}")
    for key, value in entry.items():
        if type(value) is not expected[key]:
            raise TokenError(f"{where} {key}: expected {expected[key].__name__}, not {value!r}")
    if entry.get("role") not in set(Role):
        raise TokenError(f"{where} role: expected {', '.join(Role)}")
    grant = Grant(**{**entry, "role": Role(entry["role"]), "sha256": entry.get("sha256", "")})
    if not re.fullmatch("[0-9a-f]{64}", grant.sha256):
        raise TokenError(f"{where} sha256: expected 64 hexadecimal digits")
    if bool(grant.account) != (grant.role is Role.ACCOUNT):
        raise TokenError(f"{where} account: the role account needs it, the others have none")
    if grant.per_second < 1 or grant.burst < 1:
        raise TokenError(f"{where}: per_second and burst are at least 1")
    return grant


def _write(path: Path, grants: Grants) -> None:
    """Replace the file at ``path``: it is whole at any moment, and never readable by others."""
    import tomli_w

    entries = {name: {**asdict(grant), "role": grant.role.value} for name, grant in grants.items()}
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(tomli_w.dumps({"token": entries}))
    sync_files([part])
    part.replace(path)
    sync_folder(path.absolute().parent)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
