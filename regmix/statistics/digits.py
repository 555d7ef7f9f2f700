"""How many decimals of a value its uncertainty leaves meaningful."""

from __future__ import annotations

import math


def decimals(half: float) -> int:
    """The decimals of a value with half an interval of ``half`` > 0: to one significant digit of it, or to two if they
    are 10 to 35, as the Particle Data Group rounds (Review of Particle Physics, introduction, section 5.3)."""
    power = math.floor(math.log10(half))
    return max(0, int(half < 3.55 * 10.0**power) - power)


def leading(half: float) -> int:
    """The decimals of a value with half an interval of ``half`` > 0, to one significant digit of it: what two runs of
    the pipeline are compared by.
    """
    return max(0, -math.floor(math.log10(half)))
