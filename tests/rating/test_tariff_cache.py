"""The cache of compiled tariffs: the same catalogue again, and another one for any change."""

import shutil
from pathlib import Path

import pytest

from rating.cli.shared import compiled
from rating.cli.tariff_cache import keep, kept, key_of

FOLDER = Path(__file__).parent.parent.parent / "samples" / "tariffs" / "nodobo"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOLL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_kept_catalogue_is_the_compiled_one() -> None:
    assert kept(key_of(FOLDER)) is None
    first = compiled(str(FOLDER))
    again = kept(key_of(FOLDER))
    assert again is not None
    assert again.version == first.version == compiled(str(FOLDER)).version


def test_any_change_is_another_key(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "copy")
    assert key_of(copy) == key_of(FOLDER)
    path = copy / "subscriptions.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert key_of(copy) != key_of(FOLDER)


def test_a_damaged_file_is_not_used(cache: Path) -> None:
    compiled(str(FOLDER))
    path = next(cache.rglob("*.arrow"))
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)
    assert kept(path.stem) is None


def test_a_tariff_with_a_warning_is_compiled_each_time(tmp_path: Path, cache: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "copy")
    (copy / "odd.toml").write_text('[zone.unused]\nprefixes = ["+99"]\nprefix = 1\n', encoding="utf-8")
    with pytest.raises(Exception, match="has problems"):
        compiled(str(copy))
    assert not list(cache.rglob("*.arrow"))


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("TOLL_CACHE", str(tmp_path / "file"))
    keep("key", compiled(str(FOLDER)))
    assert kept("key") is None
