"""A simulation as a picture: what changes by plan, zone and segment, one row of panels a currency.

Enters: a ``Simulation`` and a path. Leaves: a PNG, SVG or PDF file. Always holds: bars are drawn from exact
decimals, the largest rise on top, each with its amount and percent; what does not change is counted, not drawn;
costs have a colour of their own.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rating.simulate import COST, Simulation

BARS: Final = 12
"""Bars of a panel."""

_ROWS_LEAST: Final = 5
"""A panel of fewer bars leaves the rest empty, so that its bars do not grow fat."""

_PANELS: Final = ("plan", "zone", "segment")
_MORE, _LESS = "#2a6f97", "#c1666b"
_COST = "#d4a24c"
_LABEL_CHARACTERS: Final = 28
_ROOM: Final = Decimal("0.45")
"""Room beside the longest bar for its label, as a part of the panel's width."""

Row = dict[str, Any]


def draw(found: Simulation, path: Path) -> None:
    """Draw ``found`` to ``path``; its suffix names the format.

    Raises :class:`ValueError` for a format that cannot be drawn, :class:`OSError` where the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    currencies = sorted(set(found.changes["leg"]["currency"].to_pylist())) or [""]
    figure = Figure(figsize=(19, 1 + 6 * len(currencies)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_headline(found), fontsize=14)
    panels = figure.subplots(len(currencies), len(_PANELS), squeeze=False)
    for currency, row in zip(currencies, panels, strict=True):
        for by, axes in zip(_PANELS, row, strict=True):
            rows = [each for each in found.changes[by].to_pylist() if each["currency"] == currency]
            _panel(axes, by, rows, currency)
    figure.savefig(path)


def _panel(axes: Any, by: str, rows: list[Row], currency: str) -> None:  # noqa: ANN401 - its stubs know no Decimal
    """One panel: bars to the right earn or cost more, bars to the left less."""
    changed = [row for row in rows if row["delta"]]
    shown = sorted(changed[:BARS], key=lambda row: -row["delta"])
    deltas = [row["delta"] for row in shown]
    bars = axes.barh(range(len(shown)), deltas, color=[_color(row) for row in shown])
    axes.bar_label(bars, [_amount(row) for row in shown], padding=4, fontsize=9)
    axes.set_yticks(range(len(shown)), [_name(row, by) for row in shown], fontsize=10)
    axes.set_ylim(max(len(shown), _ROWS_LEAST), -1)
    axes.axvline(0, color="black", linewidth=1)
    low, high = min(deltas, default=0), max(deltas, default=0)
    room = (max(high, 0) - min(low, 0)) * _ROOM or 1
    axes.set_xlim(min(low, 0) - room * (low < 0), max(high, 0) + room)
    axes.set_title(_title(by, rows, changed), fontsize=11, loc="left")
    axes.set_xlabel(f"change in {currency} (before tax)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not shown:
        axes.text(0, 1, "  no change", va="center", fontsize=12)


def _title(by: str, rows: list[Row], changed: list[Row]) -> str:
    rest = len(changed) - BARS
    more = f"; the {BARS} largest of {len(changed):,}" if rest > 0 else ""
    return f"By {by}: {len(changed):,} change, {len(rows) - len(changed):,} do not{more}"


def _color(row: Row) -> str:
    if row["leg"] in COST:
        return _COST
    return _MORE if row["delta"] > 0 else _LESS


def _headline(found: Simulation) -> str:
    told = [f"{row['what']} {_amount(row).strip()} {row['currency']}" for row in found.margins().to_pylist()]
    tariff = f"Tariff {found.tariff_version}" if found.tariff_version else "Each leg by the tariff that it has"
    facts = [tariff, *([str(found.period)] if found.period else []), f"{found.events:,} events"]
    return f"{', '.join(facts)}\n{', '.join(told) or 'no charges'}"


def _name(row: Row, by: str) -> str:
    name = row[by] or "(none)"
    short = name if len(name) <= _LABEL_CHARACTERS else f"{name[: _LABEL_CHARACTERS - 1]}…"
    return f"{short} (cost)" if row["leg"] in COST else short


def _amount(row: Row) -> str:
    percent = f"  ({Decimal(row['percent']):+.1f}%)" if row["percent"] else "  (new)"
    return f"{row['delta']:+,.2f}{percent}"
