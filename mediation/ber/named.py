"""A tree with the meaning of its values: numbers as numbers, codes with their names, lists as lists.

Enters: a tree of texts and the format that made it. Leaves: objects, lists, texts, whole numbers and truth values, as
JSON has them. Always holds: nothing of the tree is left out; what the format does not name stays in hex under its tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mediation.ber.format import GROUP, Field, Format, Value
from mediation.ber.tree import Tree

Code = Callable[[int, str], Any]
"""What a code and its name (empty: it has none) become."""


def code_object(number: int, name: str) -> dict[str, int | str | None]:
    """A code as an object of both."""
    return {"number": number, "name": name or None}


def code_text(number: int, name: str) -> str:
    """A code as people read it."""
    return f"{number} ({name or 'no name'})"


@dataclass(frozen=True, slots=True)
class Names:
    """Gives trees of ``format`` their meaning, codes by ``code``."""

    format: Format
    code: Code = code_object
    _fields: dict[str | None, Mapping[str, Field]] = field(default_factory=dict)

    def named(self, tree: Tree, inside: Field | None = None) -> dict[str, Any]:
        """The values of ``tree``, which stands inside ``inside`` (None: outside everything)."""
        fields = self._inside(inside)
        return {name: self._values(fields.get(name), occurrences) for name, occurrences in tree.items()}

    def _values(self, field: Field | None, occurrences: Any) -> Any:  # noqa: ANN401 - JSON is of many types
        found = [self._value(field, one) for one in occurrences]
        return found if len(found) != 1 or (field and field.depth) else found[0]

    def _value(self, field: Field | None, value: Tree | str) -> Any:  # noqa: ANN401 - as above
        if not isinstance(value, str):
            return self.named(value, field or Field("", of=GROUP))
        if field is None or field.of:
            return value
        if field.value is Value.INTEGER and value.removeprefix("-").isdecimal():  # longer ones are hex
            number = int(value)
            return self.code(number, self.format.enums[field.enum].get(number, "")) if field.enum else number
        return value == "true" if field.value in {Value.BOOLEAN, Value.NULL} else value

    def _inside(self, inside: Field | None) -> Mapping[str, Field]:
        """The fields inside ``inside`` by name."""
        key = None if inside is None else inside.of
        if key not in self._fields:
            own = self.format.records if inside is None else self.format.inside(inside)
            self._fields[key] = {f.name: f for f in (*self.format.tags.values(), *own.values())}
        return self._fields[key]
