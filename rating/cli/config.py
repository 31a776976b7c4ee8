"""Arguments from a file: what ``--config FILE`` stands for.

Enters: the command line. Leaves: the same with the file's keys as options before the given ones, so that
what is given wins. Always holds: a key means exactly what the option of that name means; a key that no
option has is wrong use, told as argparse tells it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rating.cli.faults import CommandError


def with_config(arguments: Sequence[str]) -> list[str]:
    """``arguments`` (a command and its own) with those of its ``--config`` file put in.

    Raises :class:`CommandError` if the file cannot be read, is no TOML, or holds more than plain values.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config")
    try:
        config = finder.parse_known_args(list(arguments))[0].config
    except argparse.ArgumentError:  # --config without a value: the command's own parser tells
        config = None
    return [*arguments[:1], *_options(config), *arguments[1:]] if config else list(arguments)


def _options(path: str) -> Iterator[str]:
    import tomllib

    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise CommandError(f"{path}: {fault}", 2) from None
    for key, value in table.items():
        if not isinstance(value, str | int):
            raise CommandError(f"{path}: {key}: expected a text, a whole number, true or false", 2)
        if value is not False:
            yield f"--{key}" if value is True else f"--{key}={value}"
