"""The kin of TAP checked: NRTRDE (TD.35) and RAP (TD.32) files count what they hold, and some lack their end.

Enters: a file as a tree, and how many events it has. Leaves: findings of :data:`mediation.reasons.FINDINGS`. Always
holds: nothing is raised, whatever the tree holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from mediation.ber.tree import Tree
from mediation.controls import Found
from mediation.tap_header import below, text, whole


def nrtrde_findings(file: Tree, events: int) -> list[Found]:
    """How the count at the end of an NRTRDE file disagrees with its ``events``."""
    return _counted(below(file, "nrtrde"), "callEventsCount", "callEventsCount", events)


def rap_findings(file: Tree, returns: int) -> list[Found]:
    """How the count at the end of a RAP file disagrees with its ``returns``; an acknowledgement has none."""
    return _counted(below(file, "returnBatch"), "rapAuditControlInfo.returnDetailsCount", "returnDetailsCount", returns)


def _counted(roots: Iterable[Tree], path: str, name: str, found: int) -> list[Found]:
    findings = []
    for root in roots:
        declared = text(root, path)
        if not declared:
            findings.append(Found("trailer_missing", name, "none"))
        elif whole(declared) != found:
            findings.append(Found("trailer_mismatch", f"records {declared}", f"records {found}"))
    return findings
