"""The whole story of an event, from the lake alone.

Enters: an event id (or source:record_no) and a lake. Leaves: where the record came from, its fields as
they came and as they became, and for each charge who pays, why, and every increment. Always holds: the
layout and the tariff are the stored ones that made the rows, and what they give again is compared with
what is stored, field by field and to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from mediation.layout import Layout
from mediation.layout_file import layout_from_text
from mediation.preview import Preview, preview_row
from mediation.reasons import BY_CODE
from rating.answers import json_value
from rating.explain_balances import balance_story
from rating.explain_given import explain_given
from rating.explain_history import history, stored
from rating.explain_partials import session_story
from rating.explain_price import Node, explain_charge
from rating.explain_versions import identity
from rating.given import NOTE
from rating.lake import Lake
from rating.stored import layout_of_source, stored_catalogue, stored_layout
from rating.streaming.coordinates import is_stream, offset_of, position_of

_BY_ID = "event_id = $event"
_BY_PLACE = "source = $source AND record_no = $record_no"
_BATCH = """
SELECT batch_id, l.layout_version FROM batch b JOIN batch l USING (batch_id, source)
WHERE b.source = $source AND b.first_offset <= $at AND b.next_offset > $at AND l.layout = $layout
UNION ALL
SELECT b.batch_id, b.layout_version FROM suspense_action a JOIN batch b USING (batch_id)
WHERE a.source = $source AND a.record_no = $record_no AND a.action = 'recycled' AND b.layout_version <> ''
ORDER BY batch_id DESC LIMIT 1"""
_FILE = "SELECT name FROM source_file WHERE source = $source"


class NoSuchEventError(Exception):
    """The lake has no such event; the text says what was looked for."""


@dataclass(frozen=True, slots=True)
class Story:
    """The tree, and every way in which it differs from what is stored."""

    root: Node
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether what was explained is what is stored."""
        return not self.differences

    def text(self) -> str:
        """The story as indented lines."""
        return "\n".join(self.root.lines())

    def to_json(self) -> dict[str, Any]:
        """The story as JSON-able values."""
        return {"agrees": self.agrees, "differences": list(self.differences), "story": self.root.as_dict()}


def explain(lake: Lake, event: str) -> Story:
    """Explain the event with the UUID ``event``, or the record at ``source:record_no``.

    Raises:
        NoSuchEventError: there is none in the lake.

    """
    where, values = _address(event)
    found = lake.query(f"SELECT * FROM usage WHERE {where}", values).to_pylist()  # noqa: S608 - our own conditions
    if found:
        return _rated(lake, found[0])
    aside = lake.query(f"SELECT * FROM rejected WHERE {where} ORDER BY record_no", values).to_pylist()  # noqa: S608
    if aside:
        return _set_aside(lake, aside[0])
    raise NoSuchEventError(f"{event}: no such event in the lake; `toll sql 'FROM rated_usage LIMIT 5'` shows some")


def _address(event: str) -> tuple[str, dict[str, Any]]:
    try:
        return _BY_ID, {"event": str(UUID(event))}
    except ValueError:
        source, _, number = event.rpartition(":")
        if source and number.isdigit():
            return _BY_PLACE, {"source": source, "record_no": int(number)}
    raise NoSuchEventError(f"{event}: expected an event id (UUID) or source:record_no")


def _rated(lake: Lake, row: dict[str, Any]) -> Story:
    charges = lake.query("FROM charge_now WHERE event_id = $event ORDER BY leg", {"event": str(row["event_id"])})
    layout, origin = _origin(lake, row)
    again = preview_row(row, layout)
    event, versions = identity(lake, row)
    differences = _field_differences(row | {"event_id": event}, again, layout)
    legs = []
    for charge in charges.to_pylist():
        catalogue = stored_catalogue(lake, charge["tariff_version"])
        given = charge["note"] == NOTE
        balances = balance_story(lake, charge, catalogue, row["usage_offset"])
        price = explain_given(row, catalogue) if given else explain_charge(row, catalogue, charge["leg"], balances.free)
        leg = balances.charged(price)
        told = Decimal(leg.value.split()[0]) if leg.children and leg.value.lstrip("-")[0].isdigit() else None
        if told != charge["amount"] or not leg.value.endswith(charge["currency"]):
            differences.append(
                f"{charge['leg']}: stored {charge['amount']} {charge['currency']}, explained {leg.value}"
            )
        legs.append(Node(f"{charge['leg']} charge", stored(charge), (*balances.drawn, leg)))
    session, apart = session_story(lake, row)
    differences += apart
    parts = [origin, *versions, _fields(row, again, layout), *_halves(lake, row, layout)]
    parts += [*session, *legs, *history(lake, row)]
    parts += [Node("DIFFERS", text) for text in differences]
    return Story(Node("event", str(row["event_id"]), tuple(parts)), tuple(differences))


def _set_aside(lake: Lake, row: dict[str, Any]) -> Story:
    reason = BY_CODE[row["reason"]]
    why = Node(
        row["disposition"], f"{reason.code} at {row['stage']}: {reason.meaning} ({row['field']} {row['value']!r})"
    )
    if row["stage"] == "unpack":  # no layout has read the message, nor need the lake have one of its name
        told = [_source(lake, row, Node("layout", row["layout"])), why]
    else:
        layout, origin = _origin(lake, row)
        again = preview_row(row, layout)
        told = [origin, why, *([_fields({}, again, layout)] if again else [])]
    return Story(Node("record", f"{row['source']}:{row['record_no']}", tuple(told)), ())


def _origin(lake: Lake, row: dict[str, Any]) -> tuple[Layout, Node]:
    """The layout that read the record, and where the record came from."""
    at = offset_of(row["record_no"]) if is_stream(row["source"]) else row["offset_bytes"]
    place = {"source": row["source"], "at": at, "record_no": row["record_no"], "layout": row["layout"]}
    batch = lake.query(_BATCH, place).to_pylist()
    layout = layout_from_text(lake.layout(batch[0]["layout_version"])) if batch else stored_layout(lake, row["layout"])
    read = Node("layout", f"{layout.name} {layout.version}"), Node("batch", str(batch[0]["batch_id"]) if batch else "")
    return layout_of_source(lake, layout, row["source"]), _source(lake, row, *read)


def _source(lake: Lake, row: dict[str, Any], *read: Node) -> Node:
    """The place and the bytes of the record; ``read`` says by what it was read."""
    number = row["record_no"]
    if is_stream(row["source"]):
        holder = Node("message", f"offset {offset_of(number)}, record {position_of(number)}")
    else:
        names = lake.query(_FILE, {"source": row["source"]})["name"].to_pylist()
        holder = Node("file", ", ".join(names))
    place = Node("record", f"{number} at byte {row['offset_bytes']}")
    came = Node("as it came", row["raw"].decode("utf-8", "backslashreplace").rstrip("\r\n"))
    return Node("source", row["source"], (holder, place, *read, came))


def _fields(row: dict[str, Any], again: Preview | None, layout: Layout) -> Node:
    shown = []
    for field in again.fields if again else ():
        became = json_value(row[field.name]) if field.name in row else field.became
        parts = [repr(text) for text in (field.came, became) if text != ""]
        shown.append(Node(field.name, " -> ".join(parts), (Node("by", field.rule),)))
    return Node("fields", f"as {layout.name} maps them", tuple(shown))


def _field_differences(row: dict[str, Any], again: Preview | None, layout: Layout) -> list[str]:
    if again is None or again.reason:
        return [f"the stored record is no longer accepted: {again.reason if again else 'control line'}"]
    timed_by_pair = {"duration_s", "usage"} if layout.pairing else set()
    return [
        f"{f.name}: stored {row[f.name]}, explained {f.became}"
        for f in again.fields
        if str(row[f.name]) != f.became and f.name not in timed_by_pair
    ]


def _halves(lake: Lake, row: dict[str, Any], layout: Layout) -> list[Node]:
    """The records that merged into the event, where the layout pairs them."""
    if layout.pairing is None:
        return []
    call_id = row["call_reference"].split(" ")[0]
    found = lake.query(
        "SELECT source, record_no, raw FROM rejected WHERE reason = 'merged' AND layout = $layout "
        "AND starts_with(value, $call_id) ORDER BY source, record_no",
        {"layout": row["layout"], "call_id": f"{call_id} "},
    ).to_pylist()
    return [
        Node("merged", f"{r['source']}:{r['record_no']}", (Node("as it came", json_value(r["raw"]).rstrip()),))
        for r in found
    ]
