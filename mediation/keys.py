"""Reading declared keys out of a TOML table, with every problem named.

Enters: a parsed TOML table. Leaves: typed values, and a list of problems (file, key, what was
expected). Always holds: reading goes on after a problem, and a key that nobody asked for is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Keys:
    """A TOML table being read: each getter takes its key out; :meth:`finish` reports what is left."""

    table: dict[str, Any]
    where: str
    problems: list[str] = field(default_factory=list)

    def wrong(self, key: str, expected: str) -> None:
        """Note that ``key`` is not what was ``expected``."""
        self.problems.append(f"{self.where}{key}: expected {expected}")

    def section(self, key: str) -> Keys:
        """The table below ``key`` (empty where absent), sharing the list of problems."""
        below = self._take(key, dict, {}, "a table")
        return Keys(dict(below), f"{self.where}{key}.", self.problems)

    def text(self, key: str, default: str | None = None) -> str:
        """A string; without ``default`` it must be there."""
        return str(self._take(key, str, default, "a string"))

    def byte(self, key: str, default: str) -> int:
        """One ASCII character as its byte; -1 for the empty string."""
        value = self.text(key, default)
        if len(value) > 1 or not value.isascii():
            self.wrong(key, "one ASCII character, or nothing")
            return -1
        return ord(value) if value else -1

    def mark(self, key: str) -> str:
        """One ASCII character; the empty string where it is absent or wrong."""
        byte = self.byte(key, "")
        return chr(byte) if byte >= 0 else ""

    def whole(self, key: str, default: int) -> int:
        """A whole number that is not negative."""
        value = int(self._take(key, int, default, "a whole number"))
        if value < 0:
            self.wrong(key, "a whole number from 0")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return bool(self._take(key, bool, default, "true or false"))

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings; one string alone stands for a list of it."""
        value = self.table.get(key)
        if isinstance(value, str):
            self.table[key] = [value]
        values = self._take(key, list, None if default is None else list(default), "a list of strings")
        if not all(isinstance(v, str) for v in values):
            self.wrong(key, "a list of strings")
            return ()
        return tuple(values)

    def choice(self, key: str, options: tuple[str, ...], default: str) -> str:
        """One of ``options``."""
        value = self.text(key, default)
        if value not in options:
            self.wrong(key, f"one of {', '.join(options)}, not {value!r}")
            return default
        return value

    def finish(self) -> None:
        """Report every key that is left: a misspelt key must not pass in silence."""
        for key in self.table:
            self.problems.append(f"{self.where}{key}: no such key")

    def _take(self, key: str, kind: type, default: object, expected: str) -> Any:  # noqa: ANN401 - TOML is untyped
        if key not in self.table:
            if default is None:
                self.wrong(key, expected + ", which is missing")
                return kind()
            return default
        value = self.table.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(key, f"{expected}, not {value!r}")
            return kind() if default is None else default
        return value
