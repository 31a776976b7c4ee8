"""Destinations of balances as classes of calls.

Enters: the prefixes of destinations, and those that balances name. Leaves: ``[class]`` tables, and the classes of each
destination. Always holds: a number is of the class of all destinations that hold a prefix of it, however these overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tariffs.importers.cgrates.offers import Prefix

Table = dict[str, object]


def classes(
    holders: Mapping[Prefix, Sequence[str]], named: Iterable[str]
) -> tuple[dict[str, Table], dict[str, list[str]]]:
    """The classes in the order in which they are tried, and those that make up each destination of ``named``."""
    wanted = list(dict.fromkeys(named))
    alike: dict[tuple[str, ...], list[Prefix]] = defaultdict(list)
    for prefix in holders:
        starts = (Prefix(prefix.digits[:length], prefix.local) for length in range(1, len(prefix.digits) + 1))
        inside = {name for start in starts for name in holders.get(start, ())}
        if any(name in wanted for name in holders[prefix]):
            alike[tuple(name for name in wanted if name in inside)].append(prefix)
    # what a longer prefix is in holds what a shorter one is in: the larger set is tried first
    ordered = sorted(alike, key=len, reverse=True)
    tables: dict[str, Table] = {
        "+".join(names): {
            "prefixes": sorted("+" + each.digits for each in alike[names] if not each.local),
            "local": sorted(each.digits for each in alike[names] if each.local),
        }
        for names in ordered
    }
    return tables, {name: ["+".join(names) for names in ordered if name in names] for name in wanted}
