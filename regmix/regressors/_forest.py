"""Boosted trees evaluated on many rows at once, eight rows per byte.

Scoring a million mixtures with a thousand trees takes most of a simulation's time, and LightGBM walks every tree for
every row. Here each comparison is made once for all rows and stored as one bit per row. The rows that reach a node
are a set of such bits, so a tree costs a few dozen ANDs of short arrays. Per row and tree, only the lookup of the
leaf's value remains; the sets spell the leaf's number in binary. The sums equal LightGBM's to the bit.

M rows, K columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

CHUNK = 1 << 17  # rows per pass: their bits take 16 KiB, enough to make the interpreter's overhead small
PART = 1 << 14  # rows per lookup of leaves: few enough to stay in the cache

Split = tuple[int, float]  # column, threshold: goes left if not above it


class Node(NamedTuple):
    """A comparison; a negative child is leaf number ``-1 - child``."""

    split: int
    left: int
    right: int


class Tree(NamedTuple):
    """Its nodes, root first, and the values of its leaves."""

    nodes: list[Node]
    leaves: np.ndarray


class Forest:
    """The trees of a LightGBM model's ``dump_model()``."""

    def __init__(self, dump: dict[str, Any]) -> None:
        places: dict[Split, int] = {}
        self.trees = [_tree(info["tree_structure"], places) for info in dump["tree_info"]]
        self.splits = list(places)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Sum of the trees (M,) for rows (M, K)."""
        chunks = [self._predict(rows[first : first + CHUNK]) for first in range(0, len(rows), CHUNK)]
        return np.concatenate(chunks) if chunks else np.empty(0)

    def _predict(self, rows: np.ndarray) -> np.ndarray:
        columns = np.ascontiguousarray(rows.T)
        goes_left = [np.packbits(columns[column] <= threshold) for column, threshold in self.splits]
        total = np.zeros(len(rows))
        index, leaf = np.empty(PART, np.intp), np.empty(PART)
        for tree in self.trees:
            if not tree.nodes:
                total += tree.leaves[0]
                continue
            numbers = _numbers(tree, goes_left)[: len(rows)]
            for first in range(0, len(rows), PART):
                part = numbers[first : first + PART]
                index[: len(part)] = part
                np.take(tree.leaves, index[: len(part)], out=leaf[: len(part)], mode="clip")  # clip saves a check
                total[first : first + PART] += leaf[: len(part)]
        return total


def _numbers(tree: Tree, goes_left: list[np.ndarray]) -> np.ndarray:
    """The leaf number of each row, padded to whole bytes."""
    width = (len(tree.leaves) - 1).bit_length()
    digits: list[np.ndarray | None] = [None] * width
    open_: list[tuple[int, np.ndarray | None]] = [(0, None)]  # node and the rows that reach it; None is all
    while open_:
        place, reached = open_.pop()
        if place < 0:
            number = -1 - place
            for digit in range(width):
                if number >> digit & 1:
                    earlier = digits[digit]
                    digits[digit] = reached if earlier is None else earlier | reached
            continue
        node = tree.nodes[place]
        condition = goes_left[node.split]
        left = condition if reached is None else reached & condition
        open_.append((node.left, left))
        open_.append((node.right, ~condition if reached is None else reached ^ left))
    code = np.zeros(8 * len(goes_left[0]), np.uint8 if width <= 8 else np.uint32)
    for digit in reversed(digits):
        np.left_shift(code, 1, out=code)
        if digit is not None:
            np.bitwise_or(code, np.unpackbits(digit), out=code)
    return code


def _tree(root: dict[str, Any], places: dict[Split, int]) -> Tree:
    """A tree that refers to splits by number; new splits are added to ``places``."""
    nodes: list[Node] = []
    leaves: list[float] = []

    def add(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(node["leaf_value"])
            return -len(leaves)
        split = places.setdefault((node["split_feature"], node["threshold"]), len(places))
        place = len(nodes)
        nodes.append(Node(split, 0, 0))
        nodes[place] = Node(split, add(node["left_child"]), add(node["right_child"]))
        return place

    add(root)
    return Tree(nodes, np.array(leaves))
