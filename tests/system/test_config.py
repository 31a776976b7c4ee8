"""Arguments from a file: what it sets, what overrides it, and what is wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.conftest import DATA, contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Toll

CALLS = DATA / "generic_csv" / "cdr_SW1_000001.csv"


def test_a_file_of_arguments_is_as_good_as_flags_and_flags_win(toll: Toll, tariffs: Path, tmp_path: Path) -> None:
    config = tmp_path / "toll.toml"
    config.write_text(
        f'layout = "nothing"\ntariffs = "{tariffs}"\nlake = "{tmp_path / "lake"}"\nchunk-mib = 4\njson = true'
    )
    ended = toll("rate", CALLS, "--config", config, "--layout", "generic_csv")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json()["files"][0]["already_rated"] is False
    assert len(contents(tmp_path / "lake")["source_file"]) == 1


def test_files_are_put_together_and_the_later_one_wins(toll: Toll, tariffs: Path, tmp_path: Path) -> None:
    site, run = tmp_path / "site.toml", tmp_path / "run.toml"
    site.write_text(f'tariffs = "{tariffs}"\nlake = "/no/such/place"')
    run.write_text(f'lake = "{tmp_path / "lake"}"')
    assert toll("rate", CALLS, "--layout", "generic_csv", "--config", site, "--config", run).code == 0
    assert len(contents(tmp_path / "lake")["source_file"]) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chunk-mib = 0", "--chunk-mib"),
        ("typo = 1", "--typo"),
        ("layout = [1]", "layout: expected a text"),
        ("layout", "toll.toml"),
        (None, "toll.toml"),
    ],
)
def test_a_mistake_in_it_is_wrong_use(toll: Toll, tmp_path: Path, text: str | None, says: str) -> None:
    config = tmp_path / "toll.toml"
    if text is not None:
        config.write_text(text)
    ended = toll("rate", CALLS, "--config", config, "--layout", "generic_csv", "--tariffs", tmp_path)
    assert ended.code == 2
    assert says in ended.err
