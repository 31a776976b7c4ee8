"""A catalogue as a tariff folder again: the text that it was compiled from, in its canonical form.

Enters: a ``Catalogue``. Leaves: a folder. Always holds: the folder compiles to the same catalogue, by the same name.
"""

from __future__ import annotations

from pathlib import Path

from tariffs.catalogue import Catalogue


def export_tariff(catalogue: Catalogue, folder: Path) -> list[str]:
    """Write ``folder`` (it must be new or empty) and return the names of its files.

    Raises :class:`OSError` if it cannot be written, :class:`FileExistsError` if it holds anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; export into another folder")
    files = catalogue.folder_text()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(files)
