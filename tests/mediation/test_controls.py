"""Findings about whole files: one row a case, the findings last."""

from dataclasses import replace

import pytest

from mediation.controls import Counted, Found, declared, sequence_findings, trailer_findings
from mediation.layout import ControlTotals, Position
from mediation.layout_file import read_layout
from mediation.pickup import SourceFile

FIXED = read_layout("fixed_width")
COMMAS = replace(read_layout("generic_csv"), controls=ControlTotals(records=Position(2, 0)))
TRAILER = b"T" + b"SW1".ljust(8) + b"000129" + b"00000007" + b"0000000300" + b" " * 95 + b"\n"


def file(number: int | None) -> SourceFile:
    return SourceFile("p", "file:new", "n", 1, 1, "00", "", "SW1", number)


@pytest.mark.parametrize(
    ("number", "series", "expected"),
    [
        (5, {}, []),
        (None, {4: "file:a"}, []),
        (5, {4: "file:a"}, []),
        (6, {4: "file:a"}, [Found("sequence_gap", "SW1 5", "SW1 6")]),
        (9, {4: "file:a"}, [Found("sequence_gap", "SW1 5 to 8", "SW1 9")]),
        (4, {4: "file:a"}, [Found("sequence_reused", "file:a", "file:new")]),
        (4, {4: "file:new"}, []),
        (3, {4: "file:a"}, [Found("sequence_out_of_order", "SW1 after 4", "SW1 3")]),
    ],
)
def test_sequence(number: int | None, series: dict[int, str], expected: list[Found]) -> None:
    assert sequence_findings(file(number), series) == expected


@pytest.mark.parametrize(
    ("lines", "counted", "expected"),
    [
        ([TRAILER], Counted(7, 300), []),
        ([TRAILER], Counted(6, 300), [Found("trailer_mismatch", "records 7", "records 6")]),
        (
            [TRAILER],
            Counted(8, 301),
            [
                Found("trailer_mismatch", "records 7", "records 8"),
                Found("trailer_mismatch", "duration_s 300", "duration_s 301"),
            ],
        ),
        ([], Counted(7, 300), [Found("trailer_missing", "a trailer record", "none")]),
        ([b"T garbage\n"], Counted(7, 300), []),
    ],
)
def test_trailer(lines: list[bytes], counted: Counted, expected: list[Found]) -> None:
    assert trailer_findings(lines, counted, FIXED) == expected


def test_a_figure_in_a_delimited_line() -> None:
    assert declared(b'TRL,x,"42"\n', COMMAS.controls.records, COMMAS) == 42
    assert declared(b"TRL,x\n", COMMAS.controls.records, COMMAS) is None
