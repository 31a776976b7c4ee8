from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from rating.api.limits import Buckets
from rating.api.tokens import Grant, Right, Role, TokenError, granted, new_token, read_tokens, revoke

SHA = "0" * 64


def test_a_token_grants_what_its_entry_says_and_the_file_does_not_have_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    token = new_token(path, {"role": "account", "account": "alice", "burst": 5})
    found = granted(read_tokens(path), token)
    assert found is not None
    name, grant = found
    assert (name, grant.role, grant.account, grant.burst) == (token.split("_")[1], Role.ACCOUNT, "alice", 5)
    assert token.split("_", 2)[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"),
        lambda t: "toll_00000000" + t[13:],
        lambda t: t + "A",
        lambda t: t[5:],
        lambda _: "",
        lambda t: t.upper(),
        lambda t: t + "\n",
    ],
)
def test_another_token_grants_nothing(tmp_path: Path, change: Any) -> None:  # noqa: ANN401 - a change of a text
    path = tmp_path / "tokens.toml"
    token = new_token(path, {"role": "reader"})
    assert granted(read_tokens(path), change(token)) is None


def test_a_revoked_token_is_none(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    token, other = (new_token(path, {"role": "reader"}) for _ in range(2))
    revoke(path, token.split("_")[1])
    grants = read_tokens(path)
    assert (granted(grants, token), granted(grants, other) is None) == (None, False)
    with pytest.raises(TokenError, match="no token"):
        revoke(path, token.split("_")[1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[token.a]\nrole = 'reader'\n", "sha256: expected 64"),
        (f"[token.a]\nrole = 'root'\nsha256 = '{SHA}'\n", "role: expected reader, care, account, metrics"),
        (f"[token.a]\nrole = 'account'\nsha256 = '{SHA}'\n", "the role account needs it"),
        (f"[token.a]\nrole = 'reader'\naccount = 'x'\nsha256 = '{SHA}'\n", "the others have none"),
        (f"[token.a]\nrole = 'reader'\nburst = 0\nsha256 = '{SHA}'\n", "at least 1"),
        (f"[token.a]\nrole = 'reader'\nburst = true\nsha256 = '{SHA}'\n", "burst: expected int"),
        (f"[token.a]\nrole = 'reader'\ncolour = 1\nsha256 = '{SHA}'\n", "expected the keys"),
        ("[tokens.a]\n", "expected tables"),
        ("token = 3\n", "expected tables"),
        ("[token", "tokens.toml: "),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(TokenError, match=says):
        read_tokens(path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    new_token(path, {"role": "reader"})
    path.chmod(0o640)
    with pytest.raises(TokenError, match="chmod 600"):
        read_tokens(path)
    with pytest.raises(TokenError, match="token new"):
        read_tokens(tmp_path / "none.toml")


def test_a_wrong_grant_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    new_token(path, {"role": "reader"})
    before = path.read_bytes()
    with pytest.raises(TokenError):
        new_token(path, {"role": "account"})
    assert path.read_bytes() == before
    assert len(tomllib.loads(before.decode())["token"]) == 1


@pytest.mark.parametrize(
    ("role", "account", "right", "about", "may"),
    [
        ("reader", "", Right.ACCOUNT, "alice", True),
        ("reader", "", Right.EXPLAIN, None, True),
        ("reader", "", Right.METRICS, None, True),
        ("care", "", Right.ACCOUNT, "alice", True),
        ("care", "", Right.EXPLAIN, None, False),
        ("care", "", Right.METRICS, None, False),
        ("account", "alice", Right.ACCOUNT, "alice", True),
        ("account", "alice", Right.ACCOUNT, "Alice", False),
        ("account", "alice", Right.ACCOUNT, None, False),
        ("account", "alice", Right.EXPLAIN, None, False),
        ("metrics", "", Right.METRICS, None, True),
        ("metrics", "", Right.ACCOUNT, "alice", False),
    ],
)
def test_rights(role: str, account: str, right: Right, about: str | None, may: bool) -> None:
    assert Grant(Role(role), SHA, account).may(right, about) is may


def test_a_bucket_passes_its_burst_and_then_its_rate_whichever_process_is_asked(tmp_path: Path) -> None:
    now_ms = 100_000
    several = [Buckets(tmp_path / "limits", lambda: now_ms * 1_000_000) for _ in range(2)]
    grant, waits = Grant(Role.READER, SHA, per_second=2, burst=3), []
    for number, step_ms in enumerate((0, 0, 0, 0, 500, 0, 250, 250, 60_000, 0, 0, 0)):
        now_ms += step_ms
        waits.append(several[number % 2].wait_s("0000000a", grant))
    assert waits == [0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1]
    assert several[0].wait_s("ffffffff", grant) == 0
    assert (tmp_path / "limits").stat().st_blocks * 512 < 1 << 20
    for buckets in several:
        buckets.close()
