"""The header of a CDR file, and that of a CDR in it, by 3GPP TS 32.297 clauses 6.1.1 and 6.1.2.

Enters: the header's bytes. Leaves: its fields as texts, in a tree like those of every header. Always holds: fields
that the header's length does not reach are left out; nothing is raised.
"""

from __future__ import annotations

from mediation.ber.tree import Tree

HEADER_BYTES = 50
"""A header has at least the fields up to the length of the routeing filter."""

_WHOLE = (("fileLength", 0), ("headerLength", 4), ("numberOfCdrs", 18), ("fileSequenceNumber", 22))
_RELEASES = ("R99", "4", "5", "6", "7", "8", "9")
_FIRST_EXTENDED = 10
_CLOSURES = {
    0: "normal closure",
    1: "file size limit",
    2: "file open-time limit",
    3: "maximum number of CDRs",
    4: "closed by hand",
    5: "release, version or encoding changed",
    128: "abnormal closure",
    129: "file system error",
    130: "file system exhausted",
    131: "file integrity error",
}
_ENCODINGS = ("0", "BER", "unaligned PER", "aligned PER", "XER")
_STANDARDS = (
    32005, 32015, 32205, 32215, 32225, 32235, 32250, 32251, 8, 32260, 32270, 32271, 32272, 32273, 32275, 32274, 32277,
    32296, 32278, 32253, 32255, 32254, 32256, 28201, 28202,
)  # fmt: skip
"""Which specification the records follow (32250: 32.250), by its number in a CDR header."""
ABNORMAL = 128
"""From this closure reason on the file was closed abnormally."""


def read_file_header(header: bytes) -> Tree:
    """The fields of ``header``, which has at least ``HEADER_BYTES``."""
    tree: dict[str, list[Tree | str]] = {name: [str(int.from_bytes(header[at : at + 4], "big"))] for name, at in _WHOLE}
    tail, extensions = _tail(header)
    tree |= {
        "highRelease": [_release(header[8], extensions[:1])],
        "lowRelease": [_release(header[9], extensions[1:2])],
        "opened": [_timestamp(header[10:14])],
        "lastCdrAppended": [_timestamp(header[14:18])],
        "closureReason": [str(header[26])],
        "closure": [_CLOSURES.get(header[26], "reserved")],
        "nodeAddress": [header[27:47].hex()],
        "lostCdrs": [_lost(header[47])],
    }
    return tree | tail


def read_cdr_header(header: bytes) -> dict[str, str]:
    """The fields of a CDR header of 4 octets, or 5 with an extension of the release."""
    encoding = header[3] >> 5
    return {
        "cdrLength": str(int.from_bytes(header[:2], "big")),
        "release": _release(header[2], header[4:5]),
        "dataRecordFormat": _ENCODINGS[encoding] if encoding < len(_ENCODINGS) else str(encoding),
        "standard": _standard(header[3] & 0x1F),
    }


def _standard(number: int) -> str:
    known = _STANDARDS[number] if number < len(_STANDARDS) else number
    return f"TS {known // 1000}.{known % 1000:03}" if known > number else str(number)


def _tail(header: bytes) -> tuple[dict[str, list[Tree | str]], bytes]:
    """The routeing filter and the private extension, where they are not empty; and the extensions of the releases."""
    tail: dict[str, list[Tree | str]] = {}
    at = 48
    for name in ("routeingFilter", "privateExtension"):
        length = int.from_bytes(header[at : at + 2], "big")
        if length:
            tail[name] = [header[at + 2 : at + 2 + length].hex()]
        at += 2 + length
    return tail, header[at : at + 2]


def _release(octet: int, extension: bytes) -> str:
    """Release and version; releases from 10 on are in an extension."""
    release = octet >> 5
    name = _RELEASES[release] if release < len(_RELEASES) else str(_FIRST_EXTENDED + sum(extension))
    return f"{name}.{octet & 0x1F}"


def _timestamp(octets: bytes) -> str:
    """Month, day, hour and minute with the offset from UTC, packed in 32 bits; empty where they are none."""
    bits = int.from_bytes(octets, "big")
    month, day, hour, minute = bits >> 28, bits >> 23 & 0x1F, bits >> 18 & 0x1F, bits >> 12 & 0x3F
    sign = "+" if bits >> 11 & 1 else "-"
    return f"{month:02}-{day:02} {hour:02}:{minute:02} {sign}{bits >> 6 & 0x1F:02}{bits & 0x3F:02}" if month else ""


def _lost(octet: int) -> str:
    """How many CDRs were lost, as far as the node knows: ``0``, ``3``, ``at least 3``, ``some``."""
    count = octet & 0x7F
    if octet & 0x80:
        return ("at least 127" if count == 0x7F else str(count)) if count else "some"
    return f"at least {count}" if count else "0"
