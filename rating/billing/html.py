"""An invoice as one HTML page.

Enters: an :class:`Invoice`. Leaves: HTML. Always holds: every text is escaped; the page refers to nothing outside.
"""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from rating.billing.invoice import Invoice


def html(made: Invoice) -> str:
    """The page of ``made``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = files("rating.billing").joinpath("invoice.html").read_text("utf-8")
    return environment.from_string(text).render(made=made) + "\n"
