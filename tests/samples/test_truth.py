"""Rating the synthetic operator's files finds exactly what truth.json says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mediation.dedup import SeenIds
from mediation.layout_file import read_layout
from mediation.pickup import blocks, bound, pick_up
from mediation.records import Chunk
from rating.pipeline import mediate, rate
from rating.seen import remember
from samples.generate import generate
from tariffs.compile import compile_tariff
from tariffs.load import load

if TYPE_CHECKING:
    from pathlib import Path


def test_every_record_is_rated_or_set_aside_as_the_truth_says(tmp_path: Path) -> None:
    truth = generate(tmp_path, records=6_000, files=3, seed=9, subscribers=500, duplicates=0.02, broken=0.02)
    tariff, problems = load(tmp_path / "tariffs")
    catalogue, more = compile_tariff(tariff)
    assert [str(p) for p in (*problems, *more)] == []
    assert catalogue is not None

    seen, reasons, legs, events, seconds = SeenIds(), Counter[str](), Counter[str](), 0, 0
    for told in truth["files"]:
        layout = read_layout("generic_csv")
        file = pick_up(str(tmp_path / told["name"]), layout)
        layout = bound(file, layout)
        (block,) = blocks(file, layout.framing, 0)
        rated = rate(mediate(Chunk(file.source, 0, 1, block.bytes, block.last), layout), layout, catalogue, seen)
        remember(seen, rated)
        events += rated.usage.num_rows
        seconds += sum(rated.usage["duration_s"].to_pylist())
        legs.update(rated.charges["leg"].to_pylist())
        reasons.update(rated.rejected["reason"].to_pylist())

    assert reasons == {"header": 3, "duplicate": truth["duplicates"], **truth["broken_reasons"]}
    assert (events, seconds, dict(sorted(legs.items()))) == (truth["billable"], truth["seconds"], truth["legs"])
