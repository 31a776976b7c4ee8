"""Digit tries: sets of prefixes as rows of one flat array.

Enters: prefixes as bare digits. Leaves: nodes, one row of 16 int32 (a cache line) each: the children of
digits 0..9, then the first and the end of the node's items. Always holds: a child of 0 means none; items
of one node are neighbours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

WIDTH: Final = 16
FIRST: Final = 10
END: Final = 11

Nodes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]


def trie(prefixes: npt.NDArray[np.bytes_], node_base: int, item_base: int) -> Nodes:
    """The nodes of ``prefixes``, the root first; prefix ``i`` (sorted, repeats allowed) stands for one item.

    Nodes are numbered from ``node_base`` and items from ``item_base``, as they will stand among others.
    """
    digits = _digits(prefixes)
    here = np.zeros(len(prefixes), np.int64)
    ends = np.zeros(len(prefixes), np.int64)
    links: list[tuple[Ints, Ints, Ints]] = []
    count = 1
    for depth in range(digits.shape[1]):
        going = np.flatnonzero(digits[:, depth] >= 0)
        paths = here[going] * 10 + digits[going, depth]
        # sorted prefixes give sorted paths, so equal ones are neighbours
        new = np.r_[True, paths[1:] != paths[:-1]] if len(paths) else np.zeros(0, bool)
        here[going] = count + np.cumsum(new) - 1
        links.append((paths[new] // 10, paths[new] % 10, here[going][new]))
        ends[going] = here[going]
        count += int(new.sum())
    nodes = np.zeros((count, WIDTH), np.int32)
    for parents, branch, children in links:
        nodes[parents, branch] = children + node_base
    _hang(nodes, ends, item_base)
    return nodes


def _hang(nodes: Nodes, ends: Ints, item_base: int) -> None:
    """Give each node its run of items; equal prefixes are neighbours, so the run is whole."""
    if len(ends):
        first = np.flatnonzero(np.r_[True, ends[1:] != ends[:-1]])
        nodes[ends[first], FIRST] = first + item_base
        nodes[ends[first], END] = np.r_[first[1:], len(ends)] + item_base


def _digits(prefixes: npt.NDArray[np.bytes_]) -> Ints:
    """A row per prefix, a column per position; negative beyond its end."""
    if not len(prefixes) or prefixes.dtype.itemsize == 0:
        return np.zeros((len(prefixes), 0), np.int64)
    letters = np.frombuffer(np.ascontiguousarray(prefixes).tobytes(), np.uint8)
    return letters.reshape(len(prefixes), prefixes.dtype.itemsize).astype(np.int64) - ord("0")
