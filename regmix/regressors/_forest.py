"""Boosted trees with few leaves, evaluated on many rows at once.

Scoring a million mixtures with 900 trees is most of a simulation's time. LightGBM walks every tree for every
row; trees with a handful of leaves are about four times faster the other way round: every comparison once for
all rows, one bit each, and the bits of a tree look its leaf up in a table. The sums are LightGBM's to the bit.

M rows, K columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SPLITS = 8  # most splits of a tree: its comparisons must fit a byte
CHUNK = 1 << 15  # rows at once: enough to make the interpreter's share small, few enough to stay in the cache

Split = tuple[int, float]  # column, threshold: goes left if not above it


class Forest:
    """The trees of a LightGBM model's ``dump_model()``, none with more than SPLITS splits."""

    def __init__(self, dump: dict[str, Any]) -> None:
        self.trees = [_table(info["tree_structure"]) for info in dump["tree_info"]]
        self.splits = list(dict.fromkeys(split for splits, _ in self.trees for split in splits))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Sum of the trees (M,) for rows (M, K)."""
        chunks = [self._predict(rows[first : first + CHUNK]) for first in range(0, len(rows), CHUNK)]
        return np.concatenate(chunks) if chunks else np.empty(0)

    def _predict(self, rows: np.ndarray) -> np.ndarray:
        columns = np.ascontiguousarray(rows.T)
        bits = {(c, t): (columns[c] <= t).view(np.uint8) for c, t in self.splits}
        total = np.zeros(len(rows))
        code = np.empty(len(rows), np.uint8)
        index, leaf = np.empty(len(rows), np.intp), np.empty(len(rows))
        for splits, table in self.trees:
            code.fill(0)
            for split in splits:
                np.left_shift(code, 1, out=code)
                np.bitwise_or(code, bits[split], out=code)
            index[:] = code
            np.take(table, index, out=leaf, mode="clip")  # clip only spares the check of the index
            total += leaf
        return total


def _table(tree: dict[str, Any]) -> tuple[list[Split], np.ndarray]:
    """A tree's splits, and the leaf's value for each of their outcomes read as a binary number."""
    splits = list(dict.fromkeys(_splits(tree)))
    place = {split: len(splits) - 1 - i for i, split in enumerate(splits)}
    table = np.empty(2 ** len(splits))
    for code in range(len(table)):
        node = tree
        while "leaf_value" not in node:
            left = code >> place[node["split_feature"], node["threshold"]] & 1
            node = node["left_child"] if left else node["right_child"]
        table[code] = node["leaf_value"]
    return splits, table


def _splits(node: dict[str, Any]) -> list[Split]:
    if "leaf_value" in node:
        return []
    here = (node["split_feature"], node["threshold"])
    return [here, *_splits(node["left_child"]), *_splits(node["right_child"])]
