"""Roaming partners: from ``partners.csv`` to the tables that guide roaming legs.

Enters: the CSV file; a tariff's partners. Leaves: a polars table; the catalogue's partner arrays, and from these the
agreements again. Always holds: one TADIG code, and one network, is of one partner at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa

from tariffs import catalogue as layout
from tariffs import sheets
from tariffs.catalogue import KEY_COLUMNS, NONE, Catalogue, Codes, Ints, names, places
from tariffs.keys import imsi_prefix_key, key_table
from tariffs.model import Problem
from tariffs.pricelist import instant_text

FILE: Final = "partners.csv"
COLUMNS: Final = ("partner", "tadig", "networks", "plan_in", "plan_out", "valid_from", "valid_to", "line")

_TADIG: Final = re.compile(r"[A-Z0-9]{5}")
_NETWORK: Final = re.compile(r"\d{3}-\d{2,3}", re.ASCII)


def partners(path: Path, zone: ZoneInfo, plans: tuple[str, ...], problems: list[Problem]) -> pl.DataFrame:
    """``partners.csv``: partner, tadig, networks (parted by single blanks), plan_in, plan_out, valid_from, valid_to."""
    sheet = sheets.read(path, problems, COLUMNS[:5]) if path.exists() else None
    if sheet is None:
        return sheets.empty(COLUMNS)
    sheet.convert("partner", "partner", pl.String, _partner)
    sheet.convert("tadig", "tadig", pl.String, _tadig)
    sheet.convert("networks", "networks", pl.String, _networks)
    for column in ("plan_in", "plan_out"):
        sheet.convert(column, column, pl.String, sheets.one_of(("", *plans)))
    sheet.period("valid_from", "valid_to", zone)
    for line in sheet.frame.filter((pl.col("plan_out") != "") & (pl.col("networks") == ""))["line"].to_list():
        sheet.problem(line, "networks", "plan_out needs the networks whose subscribers it prices")
    sheet.refuse_overlaps(["tadig"], "tadig")
    by_network = _by_network(sheet.frame).rename({"network": "each"})
    sheets.Sheet(by_network, sheet.file, problems).refuse_overlaps(["each"], "networks")
    return sheet.frame.select(COLUMNS)


def _partner(text: str) -> str:
    if not text:
        raise ValueError("expected the partner's account")
    return text


def _tadig(text: str) -> str:
    if not _TADIG.fullmatch(text):
        raise ValueError(f"expected a TADIG code of 5 capitals or digits, not {text!r}")
    return text


def _networks(text: str) -> str:
    """The networks in order, each once."""
    found = text.split()
    for each in found:
        if not _NETWORK.fullmatch(each):
            raise ValueError(f"expected networks like 262-01, parted by blanks, not {each!r}")
    return " ".join(sorted(set(found)))


def _by_network(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each network, in the column ``network``."""
    return (
        rows.filter(pl.col("networks") != "")
        .with_columns(pl.col("networks").str.split(" ").alias("network"))
        .explode("network")
    )


class PartnerTable(TypedDict):
    """The partner fields of a catalogue."""

    partners: Ints
    partner_starts: Codes
    partner_shift: Ints
    partner_names: pa.StringArray


def partner_table(rows: pl.DataFrame, accounts: pa.StringArray, plans: list[str]) -> PartnerTable:
    """Two kinds of subscription in one table: networks by name, with plan_in; prefixes of IMSIs, with plan_out."""
    ordered = rows.sort("tadig", "valid_from")
    named = list(dict.fromkeys([*ordered["tadig"], *_by_network(ordered)["network"]]))
    plan = {name: code for code, name in enumerate(plans)}
    account = dict(zip(ordered["partner"], places(ordered["partner"].to_arrow(), accounts).tolist(), strict=True))
    code = {name: number for number, name in enumerate(named)}
    lines: list[list[int]] = []
    for row in ordered.iter_rows(named=True):
        period, payer, tadig = [row["valid_from"], row["valid_to"]], account[row["partner"]], code[row["tadig"]]
        networks = row["networks"].split()
        sides = [(-1 - code[name], row["plan_in"]) for name in (row["tadig"], *networks)]
        sides += [(imsi_prefix_key(name.replace("-", "")), row["plan_out"]) for name in networks if row["plan_out"]]
        lines += [[key, *period, payer, plan.get(name, NONE), tadig] for key, name in sides]
    table = np.array(lines, np.int64).reshape(-1, KEY_COLUMNS)
    found = key_table(table[:, layout.KEY])
    return {
        "partners": table[found.order],
        "partner_starts": found.starts,
        "partner_shift": np.array([found.shift]),
        "partner_names": names(named),
    }


@dataclass(frozen=True, slots=True)
class Agreement:
    """That a partner's ``network`` (TADIG, MCC-MNC, or the digits of an IMSI prefix) is priced by ``plan``.

    ``inward``: by its plan_in, what it may bill us; else by its plan_out. Periods are UTC microseconds.
    """

    partner: str
    tadig: str
    network: str
    inward: bool
    plan: str
    valid_from: int
    valid_to: int


def agreements(catalogue: Catalogue) -> Iterator[Agreement]:
    """What the partner arrays of ``catalogue`` hold, in the order of the arrays."""
    for key, since, until, account, plan, tadig in catalogue.partners.tolist():
        yield Agreement(
            catalogue.name("account", account),
            catalogue.name("partner", tadig),
            catalogue.name("partner", -1 - key) if key < 0 else str(key >> 2)[1:],
            key < 0,
            catalogue.name("plan", plan),
            since,
            until,
        )


def shown_partners(catalogue: Catalogue) -> pl.DataFrame:
    """Every roaming agreement: partner, TADIG, leg, network, plan, period."""
    rows = [
        {
            "partner": each.partner,
            "tadig": each.tadig,
            "leg": "roaming_in" if each.inward else "roaming_out",
            "network": each.network,
            "plan": each.plan,
            "valid_from": instant_text(each.valid_from),
            "valid_to": instant_text(each.valid_to),
        }
        for each in agreements(catalogue)
        if each.plan
    ]
    return pl.DataFrame(rows).sort("partner", "tadig", "leg", "network", "valid_from") if rows else pl.DataFrame()
