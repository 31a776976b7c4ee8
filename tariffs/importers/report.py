"""What an import found: what it decided, and what it lost.

Enters: findings, as an importer meets them. Leaves: them, in order of file and line. Always holds: a finding
names the source's file and line (0: the file as a whole); ``lost`` means that money could come out otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tariffs.model import Place


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One decision, or one loss: something with a price that the tariff folder does not say."""

    place: Place
    message: str
    lost: bool = False

    @property
    def kind(self) -> str:
        """``lost`` or ``decided``."""
        return "lost" if self.lost else "decided"

    def __str__(self) -> str:
        """One line for people: file:line: kind: message."""
        return f"{self.place.file}:{self.place.line}: {self.kind}: {self.message}"


@dataclass
class Report:
    """The findings of one import, each once, and how much was written."""

    findings: set[Finding] = field(default_factory=set)
    written: dict[str, int] = field(default_factory=dict)

    def decided(self, place: Place, message: str) -> None:
        """Note a choice that the source leaves open or that the folder says in another way."""
        self.findings.add(Finding(place, message))

    def lost(self, place: Place, message: str) -> None:
        """Note something priced that the folder does not say."""
        self.findings.add(Finding(place, message, lost=True))

    @property
    def sorted(self) -> list[Finding]:
        """All findings, by file and line."""
        return sorted(self.findings)

    @property
    def complete(self) -> bool:
        """Whether nothing priced was lost."""
        return not any(finding.lost for finding in self.findings)
