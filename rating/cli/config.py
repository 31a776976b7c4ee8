"""Arguments from files: what ``--config FILE`` stands for, given once or several times.

Enters: the command line. Leaves: the same with the files' keys as options before the given ones, so that a file wins
over one before it, and what is given over all. Always holds: a key means exactly what the option of that name means, a
list gives it repeatedly, a table once for each of its keys; a key that no option has is wrong use, told as argparse
tells it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rating.cli.faults import CommandError


def with_config(arguments: Sequence[str]) -> list[str]:
    """``arguments`` (a command and its own) with those of its ``--config`` files put in.

    Raises :class:`CommandError` if a file cannot be read, is no TOML, or holds more than plain values.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", action="append", default=[])
    try:
        files = finder.parse_known_args(list(arguments))[0].config
    except argparse.ArgumentError:  # --config without a value: the command's own parser tells
        files = []
    return [*arguments[:1], *(option for path in files for option in _options(path)), *arguments[1:]]


def _options(path: str) -> Iterator[str]:
    import tomllib

    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise CommandError(f"{path}: {fault}", 2) from None
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _settings(f"{path}: [{key}]", key, value)
        elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            yield from (f"--{key}={v}" for v in value)
        elif not isinstance(value, str | int):
            raise CommandError(f"{path}: {key}: expected a text, a list of texts, a whole number, true or false", 2)
        elif value is not False:
            yield f"--{key}" if value is True else f"--{key}={value}"


def _settings(where: str, option: str, table: dict[str, Any]) -> Iterator[str]:
    """A table as an option that is given once a key; keys with dots may be quoted or be tables of tables."""
    for key, value in _flat(table):
        if not isinstance(value, str | int):
            raise CommandError(f"{where} {key}: expected a text, a whole number, true or false", 2)
        yield f"--{option}={key}={str(value).lower() if isinstance(value, bool) else value}"


def _flat(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
