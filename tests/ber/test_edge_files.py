"""Files that break readers: each has a named fault or is read, at once, compiled or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediation.ber.format import read_format
from mediation.ber.tree import TreeError, tree_of
from mediation.layout_file import read_layout
from mediation.pickup import InputError, bind_header
from tests.ber.fuzz import FOLDERS, SUFFIXES, bound, layouts, read

EDGES = FOLDERS[-1] / "ber_edge"
TAP = "gsma_tap"
CASES = [
    ("block_test0", TAP, "InputError: here: not a file of layout gsma_tap: byte 0: expected transferBatch"),
    ("deep_invalid", TAP, "InputError: here: not a file of layout gsma_tap: byte 255: runs beyond"),
    ("length_overflow", TAP, "InputError: here: not a file of layout gsma_tap: byte 0: runs beyond"),
    ("skip_test", TAP, "InputError: here: not a file of layout gsma_tap: byte 0: expected transferBatch"),
    ("two-root", TAP, ""),
    ("zero_test0", TAP, "InputError: here: not a file of layout gsma_tap: byte 0: expected transferBatch"),
]


def told(name: str, layout_name: str) -> str:
    """The fault of a file, by pick-up or as a tree."""
    content = edge(name)
    try:
        layout = bind_header(read_layout(layout_name), content, "here")
        read(layout, content)
        tree_of(content, read_format(TAP))
    except (InputError, TreeError) as fault:
        return f"{type(fault).__name__}: {fault}"
    return ""


def edge(name: str) -> bytes:
    path = EDGES / f"libxfsx_{name}.ber"
    if not path.exists():
        pytest.skip(f"../shared/data/ber_edge/{path.name} is absent: its licence keeps it out of the project")
    return path.read_bytes()


@pytest.mark.parametrize(("name", "layout", "fault"), CASES)
def test_an_edge_file_has_a_named_fault(name: str, layout: str, fault: str) -> None:
    found = told(name, layout)
    assert found.startswith(fault)
    assert bool(found) == bool(fault)


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("name", [case[0] for case in CASES])
def test_an_edge_file_is_whole_in_every_layout(name: str, layout: object) -> None:
    here = bound(layout, edge(name))  # type: ignore[arg-type]
    if here is not None:
        read(here, edge(name))


READ = """
import hashlib, json, sys
import numpy as np
from mediation.decode import decode
from mediation.frame import frame
from mediation.layout_file import read_layout
from mediation.pickup import InputError, bind_header
from mediation.records import Chunk

found = {}
for name, path in json.loads(sys.argv[1]):
    content = open(path, "rb").read()
    layout = read_layout(name)
    try:
        layout = bind_header(layout, content, "here")
    except InputError as fault:
        found[f"{name} {path}"] = str(fault)
        continue
    records, aside = frame(Chunk("here", 0, 1, np.frombuffer(bytearray(content), np.uint8), True), layout)
    fields, undecoded = decode(records, layout)
    rows = [[fields.value(n, row) for n in fields.names] for row in range(len(fields.records))]
    rows += [str(row) for batch in (aside, undecoded) for row in batch.to_pylist()]
    found[f"{name} {path}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
print(json.dumps(found))
"""


def test_compiled_or_not_the_values_are_the_same(tmp_path: Path) -> None:
    """Real files and damaged ones, by every layout, in a process that compiles and in one that does not."""
    files = [p for folder in FOLDERS for p in sorted(folder.rglob("*")) if p.suffix in SUFFIXES][:24]
    for number, path in enumerate(files[:4]):
        content = bytearray(path.read_bytes())
        content[60:61], content[300:310] = b"\xff", b""
        (tmp_path / f"damaged{number}.ber").write_bytes(content)
    work = [(layout.name, str(p)) for layout in layouts() for p in [*files, *tmp_path.glob("*")]]
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", READ, json.dumps(work)],
                env={**os.environ, "TOLL_JIT": switch},
                cwd=FOLDERS[0].parents[1],
                capture_output=True,
                check=True,
                timeout=300,
            ).stdout
        )
        for switch in ("on", "off")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == len(work)
