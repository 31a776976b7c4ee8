"""Partials cost together what their session costs, however it is cut and whatever order they come in."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediation.layout import Partials
from mediation.records import Chunk
from rating.audit import audit
from rating.explain import explain
from rating.job import Job, rate_files
from rating.lake import Lake, MemoryLake
from rating.pipeline import mediate
from rating.recycle import recycle, recycle_waiting
from rating.seen import seen_ids
from rating.stored import tariff_version
from tariffs.catalogue import Catalogue
from tests.rating.sessions import LAYOUT, SUBSCRIPTIONS, TARIFF, Part, cut
from tests.tariff_folder import compiled

TWO, THREE, OTHER = Part("s", 2, 20, 30), Part("s", 3, 5, 50), Part("s", 2, 99, 30, note="other")
ONE = Part("s", 1, 30)
NOBODY = replace(TWO, a_number="+447700900999")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return compiled(tmp_path_factory.mktemp("tariff"), {"t.toml": TARIFF, "subscriptions.csv": SUBSCRIPTIONS})


def job_of(lake: Lake, catalogue: Catalogue, chunk_bytes: int = 1 << 20) -> Job:
    return Job(lake, LAYOUT, catalogue, tariff_version(catalogue), seen_ids(lake), chunk_bytes=chunk_bytes)


def run(job: Job, folder: Path, files: Sequence[Sequence[Part]], *, to_the_end: bool = True) -> None:
    """Rate ``files`` one after the other, as ``toll rate`` does with each."""
    for number, parts in enumerate(files):
        path = folder / f"{number:03}.csv"
        path.write_bytes(b"".join(part.line() for part in parts))
        assert [summary.error for summary in rate_files(job, [str(path)], lambda _: None)] == [""]
        if to_the_end:
            recycle_waiting(job)


def outcome(lake: Lake) -> str:
    """Session and number of each rated partial with what was used before it; the reasons of all others."""
    rated = lake.query("SELECT partial_no, usage_offset FROM usage ORDER BY partial_no, record_no").to_pylist()
    aside = lake.query(
        "SELECT reason FROM suspense UNION ALL SELECT 'duplicate' FROM duplicate ORDER BY reason"
    ).to_pylist()
    told = [f"{row['partial_no']}@{row['usage_offset']}" for row in rated]
    return " ".join([*told, *(row["reason"] for row in aside)])


ARRIVALS = [
    ("in one file", [[ONE, TWO, THREE]], "1@0 2@30 3@50"),
    ("backwards in one file", [[THREE, TWO, ONE]], "1@0 2@30 3@50"),
    ("a file each", [[ONE], [TWO], [THREE]], "1@0 2@30 3@50"),
    ("a file each, backwards", [[THREE], [TWO], [ONE]], "1@0 2@30 3@50"),
    ("the first never comes", [[TWO, THREE]], "awaiting_partial awaiting_partial"),
    ("the second never comes", [[ONE, THREE]], "1@0 awaiting_partial"),
    ("a copy in the file", [[ONE, TWO, TWO]], "1@0 2@30 duplicate"),
    ("a copy in a later file", [[ONE, TWO], [THREE, TWO, ONE]], "1@0 2@30 3@50 duplicate duplicate"),
    ("a copy of one that waits", [[THREE], [THREE, TWO], [ONE]], "1@0 2@30 3@50 duplicate"),
    ("other content with the same identity", [[ONE, TWO], [OTHER, THREE]], "1@0 2@30 3@50 conflicting_duplicate"),
    ("another start with the number", [[ONE, TWO], [replace(OTHER, after=31)]], "1@0 2@30 conflicting_partial"),
    ("the same within a file", [[ONE, TWO, replace(OTHER, after=31), THREE]], "1@0 2@30 3@50 conflicting_partial"),
    ("both of them wait", [[TWO], [replace(OTHER, after=31)], [ONE]], "1@0 2@30 conflicting_partial"),
    ("whole records", [[replace(ONE, number=0), replace(TWO, number=0)]], "0@0 0@0"),
    ("a whole one among them", [[TWO, replace(THREE, number=0), ONE]], "0@0 1@0 2@30"),
    ("two sessions", [[ONE, TWO], [replace(TWO, session="t"), replace(ONE, session="t")]], "1@0 1@0 2@30 2@30"),
    ("the second finds no account", [[ONE, NOBODY, THREE]], "1@0 awaiting_partial no_account"),
    ("in files of their own", [[ONE], [NOBODY], [THREE]], "1@0 awaiting_partial no_account"),
    ("a first of no usage", [[replace(ONE, usage=0), TWO]], "1@0 2@0"),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in ARRIVALS], ids=[row[0] for row in ARRIVALS])
def test_what_becomes_of_partials(
    files: list[list[Part]], expected: str, lake: Lake, catalogue: Catalogue, tmp_path: Path
) -> None:
    run(job_of(lake, catalogue), tmp_path, files)
    assert outcome(lake) == expected
    assert audit(lake).balanced


@pytest.mark.parametrize(
    ("first", "number", "expected"),
    [
        (1, "1", 1),
        (0, "0", 1),
        (0, "7", 8),
        (1, "", 0),
        (1, "0", "bad_integer"),
        (5, "4", "bad_integer"),
        (1, "x", "bad_integer"),
        (0, "2147483647", "bad_integer"),
    ],
)
def test_a_place_in_a_session_counts_from_one(first: int, number: str, expected: int | str) -> None:
    line = ONE.line().replace(b",SW1,1,", b",SW1,%s," % number.encode())
    layout = replace(LAYOUT, partials=Partials(("switch", "call_id"), first))
    mediated = mediate(Chunk("file:x", 0, 1, np.frombuffer(line, np.uint8), last=True), layout)
    found = [(r["partial_no"], r["session_id"] is not None) for r in mediated.usage.to_pylist()]
    reasons = [r["reason"] for batch in mediated.rejected for r in batch.to_pylist()]
    assert (found or reasons) == ([expected] if isinstance(expected, str) else [(expected, expected > 0)])


def test_partials_follow_one_that_is_recycled(catalogue: Catalogue, tmp_path: Path) -> None:
    lake = MemoryLake()
    run(job_of(lake, catalogue), tmp_path, [[ONE, NOBODY], [THREE]])
    (tmp_path / "mended").mkdir()
    both = SUBSCRIPTIONS + "number,+447700900999,alice,p,,\n"
    job = job_of(lake, compiled(tmp_path / "mended", {"t.toml": TARIFF, "subscriptions.csv": both}))
    assert recycle(job).left == 2
    assert outcome(lake) == "1@0 2@30 3@50"
    assert audit(lake).balanced


def test_a_partial_goes_by_the_start_of_its_session(catalogue: Catalogue, tmp_path: Path) -> None:
    lake = MemoryLake()
    run(job_of(lake, catalogue), tmp_path, [[THREE, TWO], [ONE]])
    rows = lake.query("SELECT DISTINCT session_id, session_start_utc FROM usage").to_pylist()
    assert len(rows) == 1
    assert rows[0]["session_start_utc"] == lake.query("SELECT min(start_utc) AS first FROM usage")["first"][0].as_py()


def test_explain_tells_what_came_before(catalogue: Catalogue, tmp_path: Path) -> None:
    lake = MemoryLake()
    run(job_of(lake, catalogue), tmp_path, [[THREE, TWO, ONE]])
    story = explain(lake, lake.query("SELECT event_id::VARCHAR AS id FROM usage WHERE partial_no = 3")["id"][0].as_py())
    assert story.differences == ()
    lines = [line.strip() for line in story.text().splitlines()]
    assert any(line.startswith("session: partial 3 of a session since 2026-03-02T17:58:30") for line in lines), lines
    assert [line.split(",")[0] for line in lines if line.startswith("partial ") and "record" in line] == [
        "partial 1: 30 s after 0",
        "partial 2: 20 s after 30",
    ]


def test_the_audit_finds_a_partial_that_begins_elsewhere(catalogue: Catalogue, tmp_path: Path) -> None:
    lake = MemoryLake()
    run(job_of(lake, catalogue), tmp_path, [[ONE, TWO, THREE]])
    lake.query("UPDATE usage SET usage_offset = 31 WHERE partial_no = 2")
    found = {check.name: check.count for check in audit(lake).checks if check.count}
    assert found == {"partials": 2}


@st.composite
def sessions(draw: st.DrawFn) -> list[list[Part]]:
    """Up to three sessions, each cut into up to six parts."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        service, most = draw(st.sampled_from([("voice", 120), ("data", 9_000)]))
        pieces = draw(st.lists(st.integers(0, most), min_size=1, max_size=6))
        made.append(cut(f"s{number}", pieces, service))
    return made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=sessions(), random=st.randoms(), chunk_bytes=st.sampled_from([120, 300, 1 << 20]), killed=st.booleans())
def test_partials_sum_to_their_session(
    made: list[list[Part]], random: Random, chunk_bytes: int, *, killed: bool, catalogue: Catalogue
) -> None:
    wholes = [replace(s[0], session=f"w{s[0].session[1:]}", number=0, usage=sum(p.usage for p in s)) for s in made]
    arriving = [part for session in made for part in session]
    arriving += random.choices(arriving, k=random.randint(0, 3))
    random.shuffle(arriving)
    cuts = sorted(random.randint(0, len(arriving)) for _ in range(random.randint(0, 3)))
    bounds = [0, *cuts, len(arriving)]
    files = [arriving[a:b] for a, b in pairwise(bounds) if a < b]
    lake = MemoryLake()
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(lake, catalogue, chunk_bytes)
        run(job, Path(folder), files, to_the_end=not killed)
        run(job_of(lake, catalogue), Path(folder), [*files, wholes])  # the same again, and what it must come to
    assert audit(lake).balanced
    reasons = Counter(lake.query("SELECT reason FROM set_aside")["reason"].to_pylist())
    assert set(reasons) <= {"duplicate"}
    sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in lake.query("SELECT call_reference, amount, billed_usage FROM rated_usage").to_pylist():
        sums[row["call_reference"]][0] += row["amount"]
        sums[row["call_reference"]][1] += row["billed_usage"]
    for session in made:
        name = session[0].session
        assert sums[name] == sums[f"w{name[1:]}"], (session, sums)
