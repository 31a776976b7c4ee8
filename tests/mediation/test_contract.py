"""The stage contract, over every stage and shipped layout, with whatever bytes come.

Real records and what damage makes of them go in. Nothing raises; rows in = accepted + rejected at every
stage; the kept bytes, laid by offset, are the input; and neither a second run nor another cut into chunks
changes a row.
"""

from __future__ import annotations

import gzip
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediation.correlate import correlate
from mediation.decode import decode
from mediation.dedup import SeenIds, deduplicate
from mediation.frame import frame
from mediation.layout import Kind, Layout
from mediation.layout_file import read_layout, shipped
from mediation.normalise import normalise
from mediation.pickup import InputError, bind_header
from mediation.reasons import BY_CODE
from mediation.records import Chunk
from mediation.validate import validate
from rating.guide import guide
from rating.pipeline import mediate, mediate_again, rate
from rating.price import price
from samples.generate import generate
from tariffs.compile import compile_tariff
from tariffs.load import load
from tests.ber import writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tariffs.catalogue import Catalogue

DATA = Path(__file__).parents[1] / "data"
SAMPLES = DATA.parents[1] / "samples"
ASN1 = {
    "3gpp_cs_sigscale": SAMPLES / "3gpp" / "sigscale_cs_500.dat",
    "3gpp_chf_free5gc": SAMPLES / "3gpp" / "free5gc_chf_60.cdr",
    "gsma_tap": SAMPLES / "tap3" / "asn1c_5.ber",
}
BER = [n for n in shipped() if read_layout(n).framing.kind is Kind.BER]
LINES = [n for n in shipped() if n not in BER and not read_layout(n).framing.multi_line]
"""Layouts whose records end with a line; how ASN.1 is cut into blocks, tests/ber/test_blocks.py shows."""
Batches = tuple[pa.RecordBatch, pa.RecordBatch]
SPECIALS = b'\0\n\r",;|\\{}[]: +-09AZ\x80\xc3\xff'


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operator")
    generate(folder, records=300, files=1, seed=3, subscribers=50)
    return folder


@pytest.fixture(scope="module")
def catalogue(operator: Path) -> Catalogue:
    compiled, _ = compile_tariff(load(operator / "tariffs")[0])
    assert compiled is not None
    return compiled


@cache
def real_lines(layout: str) -> tuple[bytes, ...]:
    """The lines of the layout's sample files, the longest first few files' worth."""
    files = [p for p in sorted((DATA / layout).iterdir()) if p.suffix != ".toml" and p.name != "expected.json"]
    contents = [gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files]
    return tuple(line for content in contents for line in content.splitlines(keepends=True)[:40])


@cache
def elements(name: str) -> tuple[bytes, ...]:
    """Records of a layout of ASN.1: those of its sample, and one of each kind with every field that is read."""
    layout, sample = read_layout(name), ASN1.get(name)
    made = [writer.prefixed(writer.source_of(layout), r) for r in writer.full_records(layout, b"\x21\x43\x65")]
    if sample is None:
        return tuple(made)
    content = sample.read_bytes()
    records, _ = frame(chunk(content), bound(layout, content))
    return (*(records.content(row) for row in range(min(len(records), 12))), *made)


@st.composite
def contents(draw: st.DrawFn, layout: str) -> bytes:
    """Real records below the header of the first sample, with bytes changed, taken out and put in."""
    if layout in BER:
        body = b"".join(draw(st.lists(st.sampled_from(elements(layout)), min_size=1, max_size=8)))
        content = bytearray(
            writer.contained(writer.source_of(read_layout(layout)), body, indefinite=draw(st.booleans()))
        )
    else:
        lines = real_lines(layout)
        head = read_layout(layout).framing.header_lines
        content = bytearray(b"".join([*lines[:head], *draw(st.lists(st.sampled_from(lines), min_size=1, max_size=12))]))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 3))
        put = draw(st.one_of(st.binary(max_size=3), st.sampled_from(SPECIALS).map(lambda b: bytes([b]))))
        content[at : at + length] = put
    if draw(st.booleans()):
        del content[draw(st.integers(1, len(content) or 1)) :]
    return bytes(content) or b"\n"


def bound(layout: Layout, content: bytes) -> Layout:
    """``layout`` as the header of ``content`` has it; a broken header gives way to the sample's, or to none."""
    if layout.name in BER:
        try:
            return bind_header(layout, content, "here")
        except InputError:
            return layout
    if not layout.framing.names_in_header:
        return layout
    for header in (content, real_lines(layout.name)[0]):
        with suppress(InputError):
            return bind_header(layout, header.split(bytes([layout.framing.line_end]))[0], "here")
    raise AssertionError(f"the samples of {layout.name} begin without its header")


def chunk(content: bytes, offset: int = 0, record_no: int = 1) -> Chunk:
    return Chunk("file:here", offset, record_no, np.frombuffer(bytearray(content), np.uint8), last=True)


def rows(batches: Iterable[pa.RecordBatch | pa.Table]) -> list[dict[str, Any]]:
    found = [row for batch in batches for row in batch.to_pylist()]
    return sorted(found, key=lambda row: row["record_no"])


def conserved(rows_in: int, accepted: pa.RecordBatch, rejected: pa.RecordBatch) -> Batches:
    """A stage's result, checked by the contract."""
    assert rows_in == accepted.num_rows + rejected.num_rows
    for batch in (accepted, rejected):
        batch.validate(full=True)
    for row in rejected.select(["stage", "reason", "disposition"]).to_pylist():
        known = BY_CODE[row["reason"]]
        assert (row["stage"], row["disposition"]) == (known.stage, known.disposition.value)
    return accepted, rejected


def through_all(content: bytes, layout: Layout, catalogue: Catalogue) -> None:
    """One stage after the other, each held to the contract."""
    records, unframed = frame(chunk(content), layout)
    fields, undecoded = decode(records, layout)
    assert len(records) == len(fields.records) + undecoded.num_rows
    usage, abnormal = conserved(len(fields.records), *normalise(fields, layout))
    valid, implausible = conserved(usage.num_rows, *validate(usage, layout.limits))
    fresh, repeated = conserved(valid.num_rows, *deduplicate(valid, SeenIds()))
    whole, halves = conserved(fresh.num_rows, *correlate(fresh, layout.pairing))
    guided, unguided = guide(whole, catalogue)
    assert whole.num_rows == guided.usage.num_rows + unguided.num_rows
    priced, unpriced = price(guided, catalogue)
    conserved(guided.usage.num_rows, priced.usage, unpriced)
    ends = (priced.usage, unframed, undecoded, abnormal, implausible, repeated, halves, unguided, unpriced)
    assert laid(ends) == content


def laid(ends: Iterable[pa.RecordBatch | pa.Table]) -> bytes:
    """The raw bytes of all rows, by offset, which must leave neither gap nor overlap."""
    kept = [row for end in ends for row in end.select(["offset_bytes", "raw"]).to_pylist()]
    found = sorted((row["offset_bytes"], row["raw"]) for row in kept)
    at = 0
    for offset, raw in found:
        assert offset == at
        at += len(raw)
    return b"".join(raw for _, raw in found)


def outcome(content: bytes, layout: Layout, catalogue: Catalogue) -> list[list[dict[str, Any]]]:
    rated = rate(mediate(chunk(content), layout), layout, catalogue, SeenIds())
    return [rows([rated.usage]), rated.charges.to_pylist(), rows([rated.rejected])]


def mediated_in(parts: list[bytes], layout: Layout) -> list[list[dict[str, Any]]]:
    """What becomes of ``parts``, chunk after chunk."""
    usage, rejected, offset, record_no = [], [], 0, 1
    for part in parts:
        done = mediate(chunk(part, offset, record_no), layout)
        usage.append(done.usage)
        rejected += done.rejected
        offset, record_no = offset + len(part), record_no + done.records
    return [rows(usage), rows(rejected)]


def cut_at_records(content: bytes, layout: Layout, cuts: set[int]) -> list[bytes]:
    """``content`` in parts that end behind the records numbered ``cuts``; header lines stay together."""
    mark = bytes([layout.framing.line_end])
    lines = [line + mark for line in content.split(mark)]
    lines[-1] = lines[-1].removesuffix(mark)
    parts = [b""]
    for number, line in enumerate(lines, 1):
        parts[-1] += line
        if number in cuts and number >= layout.framing.header_lines:
            parts.append(b"")
    return [part for part in parts if part]


SLOW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", shipped())
def test_every_stage_conserves_whatever_comes(name: str, catalogue: Catalogue) -> None:
    layout = read_layout(name)

    @SLOW
    @given(st.one_of(contents(name), st.binary(min_size=1, max_size=400)))
    def holds(content: bytes) -> None:
        through_all(content, bound(layout, content), catalogue)

    holds()


@pytest.mark.parametrize("name", shipped())
def test_a_second_run_gives_the_same(name: str, catalogue: Catalogue) -> None:
    layout = read_layout(name)

    @settings(SLOW, max_examples=20)
    @given(contents(name))
    def holds(content: bytes) -> None:
        here = bound(layout, content)
        assert outcome(content, here, catalogue) == outcome(content, here, catalogue)

    holds()


@pytest.mark.parametrize("name", LINES)
def test_the_cut_into_chunks_changes_nothing(name: str) -> None:
    layout = read_layout(name)

    @settings(SLOW, max_examples=40)
    @given(contents(name), st.sets(st.integers(1, 14), max_size=4))
    def holds(content: bytes, cuts: set[int]) -> None:
        here = bound(layout, content)
        assert mediated_in(cut_at_records(content, here, cuts), here) == mediated_in([content], here)

    holds()


@pytest.mark.parametrize("name", shipped())
def test_what_was_set_aside_is_read_alike_again(name: str) -> None:
    """A suspended record that goes through the stages again meets the same end, if nothing was mended."""
    layout = read_layout(name)

    @settings(SLOW, max_examples=30)
    @given(contents(name))
    def holds(content: bytes) -> None:
        here = bound(layout, content)
        aside = pa.Table.from_batches(mediate(chunk(content), here).rejected)
        waiting = aside.filter(pa.compute.equal(aside["disposition"].cast(pa.string()), "suspended"))
        if not waiting.num_rows:
            return
        suspended = waiting.combine_chunks().unify_dictionaries()
        again = [batch.drop_columns("value") for batch in mediate_again(suspended, here).rejected]
        assert rows(again) == rows([waiting.drop_columns("value")])

    holds()


def test_the_synthetic_operator_is_priced_and_conserved(operator: Path, catalogue: Catalogue) -> None:
    content = next(operator.glob("*.csv")).read_bytes()
    layout = bound(read_layout("generic_csv"), content)
    assert layout.framing.kind is Kind.DELIMITED
    through_all(content, layout, catalogue)
    usage, charges, rejected = outcome(content, layout, catalogue)
    assert len(usage) > 250
    assert len(charges) >= len(usage)
    assert len(usage) + len(rejected) == content.count(b"\n")
