"""Faults that end a command with a message.

Enters: exceptions. Leaves: the ones whose text is meant for the user. Always holds: anything else is a
defect of ours and shows its traceback.
"""

from __future__ import annotations

import sys


class CommandError(Exception):
    """Ends the command with ``code``: 1 the data were refused, 2 wrong use."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


_FAULTS = (
    ("rating.billing.shown", "NoSuchBillError"),
    ("rating.billing.steps", "BillRunError"),
    ("rating.billing.customers", "CustomerError"),
    ("mediation.layout_file", "LayoutError"),
    ("mediation.pickup", "InputError"),
    ("rating.alerts.alert_file", "AlertError"),
    ("rating.lake.errors", "LakeError"),
    ("rating.suspense", "SuspenseError"),
    ("rating.streaming.source", "StreamError"),
    ("rating.streaming.source", "PublishError"),
    ("rating.answers", "ExportError"),
    ("rating.explain", "NoSuchEventError"),
    ("rating.rerating.runs", "RerateError"),
    ("rating.api.settings", "ServeError"),
    ("rating.api.tokens", "TokenError"),
)


def known_faults() -> tuple[type[Exception], ...]:
    """The exceptions of the parts that are loaded whose text is a message to the user."""
    loaded = ((sys.modules.get(module), name) for module, name in _FAULTS)
    return tuple(getattr(module, name) for module, name in loaded if module is not None)
