"""The generated pages: docs/data-dictionary.md and docs/reason-codes.md.

Enters: the field table and the reason codes. Leaves: Markdown. Always holds: the pages in docs/ are
exactly this output (a test compares them); ``python -m mediation.dictionary`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mediation.fields import TABLES, Field
from mediation.reasons import FINDINGS, REASONS

_INTRO = {
    "usage": "One row per usage event: who, with whom, when, how much, and the bytes it came from.",
    "charge": "One row per event and leg. A later rating run appends; it never overwrites.",
    "rejected": "Every record that is no usage event (yet), with its bytes, and why.",
    "balance_movement": "Every movement of every lot of an allowance; what is left of a lot is their sum.",
    "balance_snapshot": "Sums of movements in a file beside the lake: restoring balances reads later ones alone.",
    "source_file": "One row per file that was picked up.",
    "input_offset": "How far each input partition is committed.",
    "batch": "One row per commit.",
    "intake": "What a batch of a stream took from its partition. One row per such batch.",
    "control_total": "Where records went, per batch, source, hour, stage and reason; part of the batch's transaction.",
    "charge_total": "The money of a batch, per source, hour, leg and currency; part of the batch's transaction.",
    "alert": "One row per threshold that an alert's subject reached in a window, see docs/alerts.md.",
    "suspense_action": "What was done about suspended records.",
    "finding": "What is odd about a file as a whole.",
    "tariff_version": "Every tariff that priced anything.",
    "layout_version": "Every layout that read anything.",
    "tap_file": "Every TAP file that was written for a roaming partner.",
    "tap_charge": "Which event's roaming_out charge went in which TAP file: none in two.",
    "rating_run": "Every run of re-rating and every close; how far each is tells the view `rating_runs`.",
    "correction": "Every event that a corrected record has replaced, and by what; both stay in `usage`.",
    "bill_run": "One row per bill run: what it bills. Never changed; how far it is tells `bill_step`.",
    "bill_step": "What was done with a bill run, by whom and when.",
    "bill": "One row per bill, of trial and final runs alike; `bill_document` has its number and state.",
    "bill_line": "The lines of bills. Every retail charge is in one line of final runs, or unbilled.",
    "bill_number": "The numbers of final bills: none twice, none left out in a series.",
    "bill_payment": "The payments that a bill takes account of: none on two.",
    "bill_finding": "What the checks of a bill run found.",
}


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _sql_type(field: Field) -> str:
    return f"{field.sql} null" if field.nullable else field.sql


def data_dictionary() -> str:
    """docs/data-dictionary.md: every table and column of the lake."""
    intro = (
        "# Data dictionary\n\nGenerated from `mediation/fields.py` by `make docs`. Instants are UTC, microseconds. "
        "Amounts are DECIMAL(18,9) of the currency's major unit. An absent text is empty, an absent number 0; only "
        "columns marked null can be null. Classes tell how far a column identifies a person.\n"
    )
    parts = [intro]
    for table, fields in TABLES.items():
        parts.append(f"\n## {table}\n\n{_INTRO[table]}\n\n")
        parts.append(_row(["column", "SQL type", "unit", "class", "meaning"]) + _row(["---"] * 5))
        parts += [_row([f"`{f.name}`", _sql_type(f), f.unit, f.pii, f.meaning]) for f in fields]
    return "".join(parts)


def reason_codes() -> str:
    """docs/reason-codes.md: why records are set aside, and what is found about files."""
    intro = (
        "# Reason codes\n\nGenerated from `mediation/reasons.py` by `make docs`. A suspended record waits with one "
        "of these codes, its stage, the field and the value at fault, and its bytes.\n\n"
    )
    parts = [intro]
    parts.append(_row(["code", "stage", "goes to", "meaning"]) + _row(["---"] * 4))
    parts += [_row([f"`{r.code}`", r.stage, r.disposition, r.meaning]) for r in REASONS]
    parts.append("\n## Findings about files\n\nA finding never stops a file; it is stored in the table `finding`.\n\n")
    parts.append(_row(["code", "meaning"]) + _row(["---"] * 2))
    parts += [_row([f"`{f.code}`", f.meaning]) for f in FINDINGS]
    return "".join(parts)


PAGES = {"data-dictionary.md": data_dictionary, "reason-codes.md": reason_codes}
"""The generated pages, by their name below docs/."""


def main() -> None:
    """Write the pages into the docs/ folder beside the package."""
    docs = Path(__file__).resolve().parent.parent / "docs"
    for name, page in PAGES.items():
        (docs / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
