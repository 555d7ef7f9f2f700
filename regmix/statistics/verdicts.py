"""The words for what an interval shows: better, worse, holds, or undecided.

Imports nothing slow, for the sake of the command that only prints the headline numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

SAME = "not distinguishable"
UNKNOWN = "undecided (no interval)"
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "cannot be told here"


class Interval(Protocol):
    """A ``Score`` or a ``Spread``."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def apart_from_zero(low: float | None, high: float | None) -> bool:
    """Whether an interval is defined and excludes zero."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return False
    return low > 0 or high < 0


def compared(low: float | None, high: float | None, positive: str, negative: str) -> str:
    """``positive`` or ``negative`` if the interval excludes zero, SAME if it does not, UNKNOWN without an interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return UNKNOWN
    if low > 0:
        return positive
    return negative if high < 0 else SAME


def over_prior(gain: Interval) -> str:
    """What the interval of a mixture's gain over the prior shows."""
    if gain.low > 0:
        return "better than the prior"
    return "worse than the prior" if gain.high < 0 else "not distinguishable from the prior"


# Verdicts on the papers' claims, from intervals of differences; None is a difference that was not measured.


def lower(*differences: Interval | None) -> str:
    """Whether all differences are below zero: FAILS if one is above, UNDECIDED if an interval includes zero."""
    intervals = _defined(differences)
    if not intervals:
        return UNDECIDED
    if all(interval.high < 0 for interval in intervals):
        return HOLDS
    return FAILS if any(interval.low > 0 for interval in intervals) else UNDECIDED


def alike(differences: Sequence[Interval | None], margin: float) -> str:
    """Whether all differences lie within ``margin``: FAILS if one excludes zero and is not within it."""
    intervals = _defined(differences)
    if not intervals or not math.isfinite(margin):
        return UNDECIDED
    beyond = [interval for interval in intervals if not (-margin <= interval.low and interval.high <= margin)]
    if not beyond:
        return HOLDS
    return FAILS if any(interval.low > 0 or interval.high < 0 for interval in beyond) else UNDECIDED


def because(word: str, differences: Sequence[Interval | None], noise: str) -> str:
    """The reason for a verdict of ``lower``."""
    if any(interval is None for interval in differences):
        return "one side of the comparison was not trained"
    if word == HOLDS:
        return "every interval lies below zero"
    if word == FAILS:
        return "an interval lies above zero"
    return f"an interval has zero in it; {noise}"


def _defined(differences: Sequence[Interval | None]) -> list[Interval]:
    """All of them, or none if one is missing or has no interval."""
    present = [interval for interval in differences if interval is not None and math.isfinite(interval.low)]
    return present if len(present) == len(differences) else []


# Verdicts on an objective's headline numbers, which regmix.evaluation.headlines computes.


def ranking(headline: Mapping[str, Any]) -> str | None:
    """How a regressor's ranking compares with that of the baseline without proxies; None if there is no baseline."""
    part = headline["regression"]
    if part["over_no_proxy"] is None:
        return None
    return compared(part["over_no_proxy_low"], part["over_no_proxy_high"], "better", "worse")


def realised_gain(headline: Mapping[str, Any]) -> str:
    """How proxies trained at the recommended mixture compare with proxies trained at the natural one."""
    part = headline["mixture"]
    return compared(part["realised_gain_low"], part["realised_gain_high"], "better", "worse")


def target(headline: Mapping[str, Any]) -> str:
    """How targets of the RegMix method compare with natural's; these are losses, so below zero is better."""
    part = headline["target"]
    return compared(part["difference_low"], part["difference_high"], "worse", "better")


def against(method: Mapping[str, Any], other: str) -> str:
    """How a dynamic method compares with another method, by the paired difference of losses."""
    return compared(method["less"][other]["low"], method["less"][other]["high"], "worse", "better")


def against_best_static(part: Mapping[str, Any]) -> dict[str, str]:
    """``against`` for every dynamic method, compared with the static method of lowest loss."""
    return {name: against(method, part["best_static"]) for name, method in part["methods"].items()}


def dynamic_pays(part: Mapping[str, Any]) -> str:
    """Whether dynamic methods beat the best static one, as the first words of an answer."""
    words = set(against_best_static(part).values())
    if "better" in words:
        return "Yes" if words == {"better"} else "Not all do"
    if words == {"worse"}:
        return "No"
    return "Undecided" if words == {UNKNOWN} else "Not shown"
