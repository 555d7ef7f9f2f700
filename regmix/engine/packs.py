"""How many runs are divided into parts of almost equal size."""

from __future__ import annotations

import math
from itertools import pairwise


def packs(count: int, processes: int, stack: int) -> list[range]:
    """Split ``count`` runs into equal stacks of at most ``stack``; a multiple of ``processes`` if that works."""
    number = math.ceil(count / stack)
    return split(count, min(count, math.ceil(number / processes) * processes))


def split(count: int, number: int) -> list[range]:
    """``count`` in ``number`` parts that differ by one at most."""
    edges = [round(i * count / number) for i in range(number + 1)]
    return [range(a, b) for a, b in pairwise(edges)]
