"""Why a visited network's charge is what it is: what its record says, and what our own plan would make of it.

Enters: a usage row whose record names an amount, and the catalogue that rated it. Leaves: a ``Node`` that ends with
the amount. Always holds: amount, tax and rate are read from usage, which the record gives again; our own price is told
by the code that tells every other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from rating.explain_guide import whose_network
from rating.explain_price import event_of, explain_event
from rating.given import LEG, converted
from rating.story import Node
from tariffs.catalogue import Catalogue


def explain_given(row: Mapping[str, Any], catalogue: Catalogue) -> Node:
    """The story of the given charge of a usage event."""
    charged = f"{row['given_amount']:f} {row['given_currency']}"
    event = event_of(row)
    partner, plan = whose_network(str(row["network"] or ""), event.start_us, catalogue)
    parts = [partner, Node("given", "by the record of the visited network", tuple(_facts(row)))]
    if plan:
        ours = explain_event(replace(event, plan=plan, leg=LEG), catalogue, LEG)
        parts.append(Node(f"our own price by {plan}", ours.value, ours.children))
    return Node(f"{LEG} charge", charged, tuple(parts))


def _facts(row: Mapping[str, Any]) -> Iterator[Node]:
    amount, tax, rate = row["given_amount"], row["given_tax"], row["given_rate"]
    yield Node("amount", f"{amount:f} {row['given_currency']}")
    yield Node("tax", f"{tax or Decimal(0):f} {row['given_currency']}, beside the amount")
    if rate is None:
        yield Node("exchange rate", "none")
        return
    local = f"{converted(amount, rate):f} {row['given_local_currency']}"
    yield Node("exchange rate", f"{rate:f}: {local}", (Node("rounding", "half_up to 0.000000001"),))
