"""A small tariff from its text: its files by name, written into a folder, read and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load
from tariffs.model import Problem, Tariff


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """``folder``, made if it is not there, with ``files``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def loaded(folder: Path, files: Mapping[str, str]) -> Tariff:
    """The tariff of ``files``, in which reading finds nothing wrong."""
    tariff, problems = load(written(folder, files))
    assert [str(problem) for problem in problems] == []
    return tariff


def compiled(folder: Path, files: Mapping[str, str]) -> Catalogue:
    """The catalogue of ``files``, which have no problem but lint of the compiler."""
    catalogue, problems = compile_tariff(loaded(folder, files))
    assert [str(problem) for problem in problems if problem.fatal] == []
    assert catalogue is not None
    return catalogue


def wrong(folder: Path, files: Mapping[str, str]) -> list[Problem]:
    """What reading finds wrong in ``files``; if that is nothing, what the compiler does."""
    tariff, problems = load(written(folder, files))
    return problems or list(compile_tariff(tariff)[1])
