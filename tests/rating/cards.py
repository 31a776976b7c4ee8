"""What rate cards share: one charge of one call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rating.quote import quote_lines
from tariffs.catalogue import Catalogue


def quoted(catalogue: Catalogue, event: Mapping[str, object]) -> dict[str, Any]:
    """The only charge of ``event``, or ``{"error": reason code}``."""
    (answer,) = quote_lines(catalogue, [json.dumps(event)])
    if answer["error"]:
        return {"error": str(answer["error"]).partition(":")[0]}
    assert isinstance(answer["charges"], list)
    (charge,) = answer["charges"]
    return dict(charge)
