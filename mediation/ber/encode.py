"""Trees written as BER, with definite lengths (ITU-T X.690): the inverse of ``tree.py``.

Enters: a tree and the format that names its tags. Leaves: bytes. Always holds: what is written reads as the same tree,
but for blanks behind a text; a name or a text that the format has no octets for is an error, never left out. Names
are written in the order of the tree, which is the caller's to keep as the standard has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediation.ber.format import GROUP, UNIVERSAL, Field, Format, Tags, Value, tag_key
from mediation.ber.tree import Tree

_CONSTRUCTED = 0x20
_SEQUENCE = tag_key(UNIVERSAL, 16)
_PRIMITIVE = {Value.INTEGER: 2, Value.BOOLEAN: 1, Value.NULL: 5, Value.BITS: 3, Value.TEXT: 22}
_OCTET_STRING = 4
"""Universal tags of a list's primitive elements; what is not listed is an octet string."""
_TBCD = "0123456789*#abc"
_BCD = "0123456789abcde"
_FILLER = 15
_INTERNATIONAL, _UNKNOWN_NATURE = 0x91, 0x81
"""The first octet of an address: no extension, nature of address, ISDN numbering plan (TS 29.002, AddressString)."""

_Names = Mapping[str, tuple[int, Field]]


class EncodeError(ValueError):
    """A tree that the format cannot write; the message names the field."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Writes trees of ``format``; one of them for many trees, since it remembers names."""

    format: Format
    _known: dict[str, _Names] = field(default_factory=dict)

    def bytes_of(self, tree: Tree) -> bytes:
        """The elements of ``tree``: records, and what the tags of the format mean everywhere.

        Raises:
            EncodeError: the format has no such name, or no octets for a text.

        """
        return self._structure(Field(self.format.name, of=GROUP), tree)

    def _structure(self, above: Field, tree: Tree) -> bytes:
        names, parts = self._names(above), []
        for name, occurrences in tree.items():
            if name not in names:
                raise EncodeError(f"{above.name}.{name}: format {self.format.name} has no such field")
            parts.append(self._field(*names[name], occurrences))
        return b"".join(parts)

    def _names(self, above: Field) -> _Names:
        """The fields that ``above`` may hold; outside everything these are the records too."""
        if above.of not in self._known:
            own: Tags = {**self.format.tags, **self.format.records} if above.of == GROUP else {}
            own = {**own, **self.format.inside(above)}
            self._known[above.of] = {inner.name: (key, inner) for key, inner in own.items()}
        return self._known[above.of]

    def _field(self, key: int, this: Field, occurrences: Sequence[Tree | str]) -> bytes:
        """Every occurrence as an element of its own, or as the elements of one list."""
        lists = this.depth - 1 if this.depth and self.format.is_choice(this) else this.depth
        if not lists:
            return b"".join(self._one(key, this, occurrence) for occurrence in occurrences)
        structured = lists > 1 or this.of
        item = _SEQUENCE if structured else tag_key(UNIVERSAL, _PRIMITIVE.get(this.value, _OCTET_STRING))
        return element(key, self._field(item, replace(this, depth=this.depth - 1), occurrences), constructed=True)

    def _one(self, key: int, this: Field, occurrence: Tree | str) -> bytes:
        if isinstance(occurrence, str) == bool(this.of):
            wanted = "a structure" if this.of else "a value"
            raise EncodeError(f"{this.name}: expected {wanted}, not {str(occurrence)[:80]}")
        if isinstance(occurrence, str):
            return element(key, content_of(this, occurrence), constructed=False)
        return element(key, self._structure(this, occurrence), constructed=True)


def element(key: int, content: bytes, *, constructed: bool) -> bytes:
    """One element: the tag of ``key`` (:func:`~mediation.ber.format.tag_key`), its length, its content."""
    first, number = (key & 3) << 6 | (_CONSTRUCTED if constructed else 0), key >> 2
    tag = bytes([first | number]) if number < 31 else bytes([first | 31]) + _septets(number)
    length = len(content)
    if length < 128:
        return tag + bytes([length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return tag + bytes([128 | len(octets)]) + octets + content


def _septets(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(128 | (number & 0x7F))
    return bytes(reversed(octets))


def content_of(field: Field, text: str) -> bytes:
    """The octets of a value that reads as ``text``.

    Raises:
        EncodeError: there are none.

    """
    try:
        return _CONTENT[field.value](text)
    except (ValueError, IndexError, OverflowError):
        raise EncodeError(f"{field.name}: {text[:80]!r} is no {field.value}") from None


def _integer(text: str) -> bytes:
    number = int(text)
    if str(number) != text:
        raise ValueError
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def _boolean(text: str) -> bytes:
    return bytes([255 * ("false", "true").index(text)])


def _null(text: str) -> bytes:
    return b"\x00"[: ("true",).index(text)]


def _hex(text: str) -> bytes:
    octets = bytes.fromhex(text)
    if octets.hex() != text:
        raise ValueError
    return octets


def _bits(text: str) -> bytes:
    return b"\x00" + _hex(text)


def _nibbles(text: str, digits: str) -> list[tuple[int, int]]:
    """The digits by two; filler behind the last if they are odd."""
    values = [*map(digits.index, text), *[_FILLER] * (len(text) % 2)]
    return list(zip(values[::2], values[1::2], strict=True))


def _tbcd(text: str) -> bytes:
    return bytes(second << 4 | first for first, second in _nibbles(text, _TBCD))


def _bcd(text: str) -> bytes:
    return bytes(first << 4 | second for first, second in _nibbles(text, _BCD))


def _isdn(text: str) -> bytes:
    international = text[:1] == "+"
    return bytes([_INTERNATIONAL if international else _UNKNOWN_NATURE]) + _tbcd(text[international:])


def _timestamp(text: str) -> bytes:
    sign = max(text.find("+"), text.find("-"))
    return _hex(text[:sign]) + text[sign].encode() + _hex(text[sign + 1 :])


def _plmn(text: str) -> bytes:
    country, network = text.split("-")
    first, second, third = map(int, country)
    fourth, fifth, *sixth = map(int, network)
    return bytes([second << 4 | first, (*sixth, _FILLER)[0] << 4 | third, fifth << 4 | fourth])


def _ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


_CONTENT: Mapping[Value, Callable[[str], bytes]] = {
    Value.INTEGER: _integer,
    Value.BOOLEAN: _boolean,
    Value.NULL: _null,
    Value.TEXT: str.encode,
    Value.OCTETS: _hex,
    Value.BITS: _bits,
    Value.TBCD: _tbcd,
    Value.BCD: _bcd,
    Value.ISDN: _isdn,
    Value.TIMESTAMP: _timestamp,
    Value.PLMN: _plmn,
    Value.IP: _ip,
    Value.ANY: _hex,
}
