"""The line that says what to do with a mixture."""

from __future__ import annotations

from typing import Any

import pytest

from regmix.core.objective import BITS, NATS
from regmix.evaluation.decision import ALIKE, BETTER, MATTERS, OPEN, WORSE, compared, decision

GAIN = {"value": 0.1, "low": 0.05, "high": 0.15}
NEAR, FAR = {"distance": 0.1, "typical": 0.2}, {"distance": 0.3, "typical": 0.2}


def proxies(value: float, low: float | None, high: float | None, predicted: float = 0.1) -> dict[str, Any]:
    gains = {"predicted_gain": predicted, "realised_gain": value, "realised_gain_low": low, "realised_gain_high": high}
    return {"unit": NATS, "mixture": gains}


def line(headline: dict[str, Any], gain: dict[str, float | None] = GAIN, support: dict[str, float] = NEAR) -> str:
    return str(decision(headline, {"gain": gain, "support": support}))


def targets(**rivals: tuple[float, float | None, float | None]) -> dict[str, Any]:
    rows = {name: dict(zip(("value", "value_low", "value_high"), row, strict=True)) for name, row in rivals.items()}
    return proxies(0.1, 0.05, 0.15) | {"target": {"rivals": rows}}


BELOW, EVEN, ABOVE = (-0.27, -0.29, -0.25), (0.01, -0.05, 0.07), (0.05, 0.03, 0.07)


@pytest.mark.parametrize(
    ("value", "half", "word"),
    [(-0.1, 0.05, BETTER), (0.1, 0.05, WORSE), (-0.01, 0.1, OPEN), (0.015, 0.004, ALIKE), (-0.015, 0.01, ALIKE),
     (0.013, 0.0125, OPEN),
     (-0.03, 0.04, ALIKE), (0.0, 0.01, ALIKE), (0.019, 0.02, OPEN)],
)  # fmt: skip
def test_a_difference_counts_if_it_is_certain_and_matters(value, half, word):
    assert compared(value, value - half, value + half, NATS) == word


def test_what_matters_depends_on_the_unit_and_needs_an_interval():
    assert MATTERS[BITS] < 0.015 < MATTERS[NATS]
    assert [compared(0.015, 0.011, 0.019, unit) for unit in (BITS, NATS)] == [WORSE, ALIKE]
    assert compared(-0.3, None, None, NATS) == OPEN


def test_targets_decide():
    end = "0.27 ± 0.02 nats per token below natural"
    assert line(targets(natural=BELOW, uniform=BELOW)) == f"use it: better than all 2 rivals; {end}"
    assert line(targets(natural=BELOW, best_proxy=EVEN)) == (
        f"use it: better than natural, no clear difference from the best proxy; {end}"
    )
    assert line(targets(natural=BELOW, uniform=BELOW, single=(0.0, -0.01, 0.01), best_proxy=ABOVE)) == (
        f"do not use it: better than 2 of 4 rivals, as good as the best single domain, worse than the best proxy; {end}"
    )
    assert line(targets(natural=EVEN, uniform=BELOW)) == (
        "cannot be told: better than uniform, no clear difference from natural; 0.01 ± 0.06 nats per token above "
        "natural"
    )
    assert line(targets(natural=(-0.3, None, None))) == (
        "cannot be told: no clear difference from natural; 0.30 (no interval) nats per token below natural"
    )


def test_without_targets_proxies_decide_and_the_reason_says_whether_the_prediction_extrapolates():
    over, end = "nats per token over natural", "no target was trained"
    far = f"{over}, where the prediction alone extrapolates; {end}"
    assert line(proxies(0.08, 0.02, 0.14), support=FAR) == f"use it: proxies trained on it gain 0.08 ± 0.06 {far}"
    assert (
        line(proxies(0.08, -0.02, 0.18), support=FAR) == f"cannot be told: proxies trained on it gain 0.1 ± 0.1 {far}"
    )
    assert line(proxies(0.08, 0.02, 0.14)) == f"use it: proxies trained on it gain 0.08 ± 0.06 {over}; {end}"
    assert line(proxies(-0.08, -0.12, -0.04)) == f"do not use it: proxies trained on it gain -0.08 ± 0.04 {over}; {end}"


@pytest.mark.parametrize("headline", [proxies(0.3, None, None), proxies(0.3, 0.2, 0.4, predicted=0.2)])
def test_without_proxies_at_the_mixture_a_prediction_far_from_the_runs_extrapolates(headline):
    start = "predicted gain over natural 0.10 ± 0.05 nats per token"
    assert line(headline) == f"use it: {start}"
    assert line(headline, support=FAR) == f"extrapolates: {start}, but no run is near; train one there first"
    unclear = GAIN | {"low": -0.1, "high": 0.3}
    assert line(headline, unclear, FAR) == "cannot be told: predicted gain over natural 0.1 ± 0.2 nats per token"
    unknown = dict.fromkeys(("low", "high")) | {"value": 0.1}
    assert line(headline, unknown).startswith("cannot be told: predicted gain over natural 0.10 (no interval)")
