"""The few numbers by which runs of the pipeline are compared."""

from __future__ import annotations

import math

from regmix.evaluation.metrics_summary import verdict
from regmix.evaluation.summary import Spread


def spread(low: float, high: float) -> Spread:
    return Spread((low + high) / 2, 0.1, 4, low, high)


def test_a_verdict_names_what_is_not_beaten():
    better, same, worse = spread(-0.3, -0.1), spread(-0.1, 0.1), spread(0.1, 0.2)
    assert verdict({"natural": better, "single": better}) == "better than all 2"
    assert verdict({"natural": better, "single": same}) == "not distinguishable from single"
    assert verdict({"natural": worse, "single": same}) == "worse than natural; not distinguishable from single"
    assert verdict({"natural": spread(math.nan, math.nan)}) == "not distinguishable from natural"
