"""What intervals of differences allow to say of a claim: it holds, it does not, or it cannot be told here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regmix.evaluation.summary import Spread

HOLDS, FAILS, UNTOLD = "holds", "does not hold", "cannot be told here"


def lower(*found: Spread | None) -> str:
    """Whether all differences are below zero: FAILS if one is above, UNTOLD if an interval has zero in it."""
    if not found or any(one is None or not math.isfinite(one.low) for one in found):
        return UNTOLD
    sound = [one for one in found if one is not None]
    if all(one.high < 0 for one in sound):
        return HOLDS
    return FAILS if any(one.low > 0 for one in sound) else UNTOLD


def alike(found: Sequence[Spread | None], margin: float) -> str:
    """Whether all differences lie within ``margin``: FAILS if one leaves out zero and is not within."""
    if not found or any(one is None or not math.isfinite(one.low) for one in found) or not math.isfinite(margin):
        return UNTOLD
    sound = [one for one in found if one is not None]
    beyond = [one for one in sound if not (-margin <= one.low and one.high <= margin)]
    if not beyond:
        return HOLDS
    return FAILS if any(one.low > 0 or one.high < 0 for one in beyond) else UNTOLD


def because(word: str, found: Sequence[Spread | None], noise: str) -> str:
    """Why a verdict of ``lower`` is what it is."""
    if any(one is None for one in found):
        return "one side of the comparison was not trained"
    if word == HOLDS:
        return "every interval lies below zero"
    if word == FAILS:
        return "an interval lies above zero"
    return f"an interval has zero in it; {noise}"
