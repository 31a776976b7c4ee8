"""The lake's views, read from views.sql.

Enters: views.sql. Leaves: each view's CREATE statement by name. Always holds: a view stands after the views
that it reads, so that creating them in order works.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

_STATEMENT: Final = re.compile(r"^CREATE VIEW (\w+) AS\n.*?;$", re.MULTILINE | re.DOTALL)

VIEWS: Final[dict[str, str]] = {
    m.group(1): m.group(0) for m in _STATEMENT.finditer(files("rating.lake").joinpath("views.sql").read_text("utf-8"))
}
"""Name and CREATE statement of each view."""
