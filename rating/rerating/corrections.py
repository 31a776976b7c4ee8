"""Corrected events: new versions of events that were rated, which take the place of what they replace.

Enters: usage under ids of its own, the events that it replaces, tariffs. Leaves: a value that plans take. Always
holds: one version replaces one event; none is replaced twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, eq=False)
class Corrections:
    """The events ``usage``, and what they are versions ``of``: ``original``, ``replaces``, ``start_utc``, tariff.

    ``start_utc`` is that of what is replaced, ``tariff_version`` what the new version is priced by.
    """

    usage: pa.RecordBatch
    of: pa.RecordBatch

    @property
    def replaces(self) -> pa.Array:
        """The ids of what is replaced."""
        return self.of["replaces"]

    @property
    def versions(self) -> list[str]:
        """The tariff by which each is priced."""
        versions: list[str] = self.of["tariff_version"].to_pylist()
        return versions

    def by_tariff(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """(Version, the events that it prices) for each version, under the ids of what they replace."""
        usage = self.usage.set_column(0, self.usage.schema.field("event_id"), self.replaces)
        for version in sorted(set(self.versions)):
            yield version, usage.filter(pc.equal(self.of["tariff_version"], version))

    def filter(self, kept: pa.Array) -> Corrections:
        """Those that are ``kept``."""
        return Corrections(self.usage.filter(kept), self.of.filter(kept))
