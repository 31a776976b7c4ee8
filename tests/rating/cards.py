"""What rate cards share: a tariff from its text, and one charge of one call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rating.quote import quote_lines
from tariffs.catalogue import Catalogue
from tariffs.compile import compile_tariff
from tariffs.load import load


def compiled(folder: Path, files: Mapping[str, str]) -> Catalogue:
    """The catalogue of ``files``, which have no problem but lint."""
    for name, text in files.items():
        (folder / name).write_text(text)
    tariff, problems = load(folder)
    assert [str(problem) for problem in problems] == []
    catalogue, found = compile_tariff(tariff)
    assert [str(problem) for problem in found if problem.fatal] == []
    assert catalogue is not None
    return catalogue


def quoted(catalogue: Catalogue, event: Mapping[str, object]) -> dict[str, Any]:
    """The only charge of ``event``, or ``{"error": reason code}``."""
    (answer,) = quote_lines(catalogue, [json.dumps(event)])
    if answer["error"]:
        return {"error": str(answer["error"]).partition(":")[0]}
    assert isinstance(answer["charges"], list)
    (charge,) = answer["charges"]
    return dict(charge)
