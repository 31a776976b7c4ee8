"""What the tests of GSMA formats share: the files, which format each is of, and their twins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mediation.ber.controls import with_trailer
from mediation.ber.format import Format, Value, read_format
from mediation.ber.records import decode_elements
from mediation.ber.tree import Tree, tree_of
from mediation.frame import control_lines, frame
from mediation.layout import Layout
from mediation.layout_file import read_layout
from mediation.normalise import normalise
from mediation.pickup import bind_header
from mediation.records import Chunk, Fields, Records

_REPOSITORY = Path(__file__).resolve().parents[2]
_SHARED = _REPOSITORY.parent / "shared" / "data"

ASN1C = "samples/tap3/asn1c_5.ber"
VALID, INDEFINITE = "tap3/libxfsx_tap_3_12_valid.ber", "tap3/libxfsx_tap_3_12_valid_most_indef.ber"
NEGATIVE, TIMES = "tap3/libxfsx_tap_3_12_negative_volume.ber", "tap3/libxfsx_tap_3_12_timestamps.ber"
NOTIFICATION = "tap3/libxfsx_tap_notification.ber"
NRTRDE = "nrtrde/libxfsx_nrt_2_1.ber"
RAP_ACKNOWLEDGEMENT, RAP_MINI = "rap/libxfsx_rap_ack.ber", "rap/libxfsx_rap_mini.ber"

TAP_FILES = (ASN1C, VALID, INDEFINITE, NEGATIVE, TIMES, NOTIFICATION)
RAP_FILES = (RAP_ACKNOWLEDGEMENT, RAP_MINI)
FILES = (*TAP_FILES, NRTRDE, *RAP_FILES)
TWINS = (
    (ASN1C, "tap3/libxfsx_sample-DataInterChange-1.xml"),
    (VALID, "tap3/libxfsx_tap_3_12_valid.xml"),
    (INDEFINITE, "tap3/libxfsx_tap_3_12_valid.xml"),
    (NOTIFICATION, "tap3/libxfsx_tap_notification.xml"),
    (NRTRDE, "nrtrde/libxfsx_nrt_2_1.xml"),
    (RAP_ACKNOWLEDGEMENT, "rap/libxfsx_rap_ack.xml"),
    (RAP_MINI, "rap/libxfsx_rap_mini.xml"),
)


def content(name: str) -> bytes:
    """A file of ours, or of the shared input; the test is skipped where that is absent."""
    path = (_REPOSITORY if name.startswith("samples/") else _SHARED) / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is absent: its licence keeps it out of the project")
    return path.read_bytes()


def format_of(name: str) -> Format:
    """The format of a file."""
    folder = name.split("/")[-2]
    return read_format({"nrtrde": "gsma_nrtrde", "rap": "gsma_rap"}.get(folder, "gsma_tap"))


def tree(name: str) -> Tree:
    """A file as a tree."""
    return tree_of(content(name), format_of(name))


def twin(name: str, format_: Format) -> Tree:
    """An XML twin as a tree: its elements bear the types' names, octets stand as characters."""
    root = ET.fromstring(content(name))  # noqa: S314 - a file of the project's own input
    kinds = {field.name: field.value for field in format_.tags.values()}
    return {_name(root): [_twin(root, kinds)]}


def _name(element: ET.Element) -> str:
    return element.tag[0].lower() + element.tag[1:]


def _twin(element: ET.Element, kinds: dict[str, Value]) -> Tree | str:
    if len(element) == 0 and element.text:
        return element.text.encode("latin-1").hex() if kinds[_name(element)] is Value.OCTETS else element.text
    found: dict[str, list[Tree | str]] = {}
    for inner in element:
        found.setdefault(_name(inner), []).append(_twin(inner, kinds))
    return found


def names(tree_: Tree) -> Iterator[str]:
    """Every name in a tree."""
    for name, occurrences in tree_.items():
        yield name
        for occurrence in occurrences:
            if not isinstance(occurrence, str):
                yield from names(occurrence)


@dataclass(frozen=True, slots=True, eq=False)
class Mediated:
    """A file by a shipped layout: its records, its trailer, that and the header as one tree, its layout."""

    records: Records
    trailer: bytes
    file: Tree
    layout: Layout

    def fields(self, columns: tuple[str, ...] = ()) -> Fields:
        """Source columns of the records: those that the layout maps, or others."""
        assert self.layout.framing.ber is not None
        return decode_elements(self.records, columns or self.layout.source_columns(), self.layout.framing.ber)[0]

    def usage(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Usage, and rejected rows."""
        usage, rejected = normalise(self.fields(), self.layout)
        return usage.to_pylist(), rejected.to_pylist()


def mediated(layout_name: str, file: bytes) -> Mediated:
    """``file`` framed by a shipped layout."""
    layout = bind_header(read_layout(layout_name), file, layout_name)
    records, aside = frame(Chunk("file:x", 0, 1, np.frombuffer(file, np.uint8), last=True), layout)
    source = layout.framing.ber
    assert source is not None
    assert source.said is not None
    trailer = b"".join(control_lines(aside, "trailer"))
    return Mediated(records, trailer, with_trailer(source.said.header, trailer, source.format), layout)
