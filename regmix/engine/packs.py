"""Divides runs into parts of almost equal size."""

from __future__ import annotations

import math
from itertools import pairwise


def packs(count: int, processes: int, stack: int) -> list[range]:
    """Split ``count`` runs into even stacks of at most ``stack`` runs; their number is a multiple of ``processes`` if
    there are enough runs."""
    number = math.ceil(count / stack)
    return split(count, min(count, math.ceil(number / processes) * processes))


def split(count: int, number: int) -> list[range]:
    """Split ``count`` into ``number`` parts whose sizes differ by at most one."""
    edges = [round(i * count / number) for i in range(number + 1)]
    return [range(a, b) for a, b in pairwise(edges)]
