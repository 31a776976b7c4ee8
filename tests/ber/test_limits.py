"""The worst that 1 MiB may hold takes no more than 50 ms of CPU time and 64 MiB, and not a byte of it is lost."""

from __future__ import annotations

from functools import partial

import pytest

from mediation.ber.elements import most_rows
from mediation.jit import enabled
from mediation.layout import Layout
from mediation.layout_file import parse_layout, read_layout
from tests.ber.fuzz import MOST_MIB, MOST_MS, found, frame_and_decode, least_ms, limited, read, streams
from tests.ber.writer import MIB, adversaries, file_of

INFORMATION = "gprsCall.gprsServiceUsed.chargeInformationList.chargeInformation"
WIDE = {
    "name": "wide",
    "framing": {"kind": "ber", "format": "gsma_tap", "list": "transferBatch.callEventDetailList"},
    "columns": {
        "joined": {"path": f"{INFORMATION}.chargedItem", "repeat": "join"},
        "codes": {"path": "gprsCall.locationInformation.networkLocation.recEntityCode", "repeat": "join"},
        "same": {"path": f"{INFORMATION}.exchangeRateCode", "repeat": "same"},
        "sum": {"path": f"{INFORMATION}.chargeDetailList.chargeDetail[chargeType=00].charge", "repeat": "sum"},
        "count": {"path": f"{INFORMATION}.chargeDetailList.chargeDetail", "repeat": "count"},
        "last": {"path": "gprsCall.gprsServiceUsed.dataVolumeIncoming", "repeat": "last"},
    },
    "fields": {
        "start_utc": {"column": "last", "format": "%Y%m%d%H%M%S"},
        "service": {"column": "@record"},
        "b_number": {"column": "joined"},
        "a_number": {"column": "same"},
        "cause": {"column": ["sum", "count", "codes"]},
    },
    "identity": {"columns": ["@record", "joined", "codes", "same", "last"]},
}
"""Joined, summed and counted columns side by side."""
SHIPPED = [read_layout("3gpp_cs"), read_layout("gsma_tap")]
pytestmark = pytest.mark.skipif(not enabled(), reason="the limits are those of compiled kernels")


def cpu_ms(layout: Layout, body: bytes) -> float:
    here, content = file_of(layout, body)
    return least_ms(partial(frame_and_decode, here, content), rounds=2)


@pytest.mark.parametrize("layout", [*SHIPPED, parse_layout(WIDE, "wide")], ids=lambda v: v.name)
@pytest.mark.parametrize("indefinite", [False, True])
def test_the_worst_is_bounded(layout: Layout, indefinite: bool) -> None:
    frame_and_decode(*file_of(layout, b""))
    over = []
    for name, body in adversaries(layout):
        here, content = file_of(layout, body, indefinite=indefinite)
        rows = read(here, content)
        assert rows <= most_rows(len(content)) + 2
        if not indefinite:
            cost = limited(partial(frame_and_decode, here, content))
            over += [(name, cost)] * (cost.cpu_ms > MOST_MS or cost.mib > MOST_MIB)
    assert not over


@pytest.mark.parametrize("layout", SHIPPED, ids=lambda v: v.name)
def test_the_work_is_linear(layout: Layout) -> None:
    """Four times the bytes take about four times the time, whatever they are."""
    frame_and_decode(*file_of(layout, b""))
    for (name, small), (_, large) in zip(adversaries(layout, MIB // 4), adversaries(layout, MIB), strict=True):
        costs = [cpu_ms(layout, body) for body in (small, large)]
        assert costs[1] < 12 * max(costs[0], 2), name


def test_some_damaged_files() -> None:
    some = streams(seed=7)
    for _ in range(400):
        layout, content = next(some)
        assert not found(layout, content), content.hex()
