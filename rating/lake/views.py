"""The lake's views, read from views.sql.

Enters: views.sql. Leaves: the CREATE statement of each view, and of each macro, by name. Always holds: a view stands
after the views that it reads, so that creating them in order works; macros stand after all views.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

_STATEMENT: Final = re.compile(r"^CREATE (VIEW|MACRO) (\w+)(?:\(.*?\))? AS(?: TABLE)?\n.*?;$", re.MULTILINE | re.DOTALL)
_TEXT: Final = files("rating.lake").joinpath("views.sql").read_text("utf-8")


def _statements(kind: str) -> dict[str, str]:
    return {m.group(2): m.group(0) for m in _STATEMENT.finditer(_TEXT) if m.group(1) == kind}


VIEWS: Final = _statements("VIEW")
"""Name and CREATE statement of each view."""
MACROS: Final = _statements("MACRO")
"""Name and CREATE statement of each table macro: a view that asks for something."""
