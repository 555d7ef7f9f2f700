"""The few numbers by which runs of the pipeline are compared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from regmix.core.objective import BITS, NATS
from regmix.evaluation.metrics_summary import rivals_of, summarised


def rival(low: float | None, high: float | None) -> dict[str, Any]:
    middle = None if low is None or high is None else (low + high) / 2
    return {"method": "x", "value": middle, "value_low": low, "value_high": high}


BETTER, EVEN = rival(-0.3, -0.1), rival(-0.1, 0.1)


def test_rivals_aim_at_the_objective_or_at_none():
    kinds = {
        "natural": ("natural", None), "even": ("uniform", None), "one": ("best_single", "reviews"),
        "two": ("best_single", "news"), "shot": ("regmix_one_shot", "news"),
    }  # fmt: skip
    methods: Any = {n: SimpleNamespace(name=n, kind=kind, objective=aim) for n, (kind, aim) in kinds.items()}
    assert rivals_of(methods, "news") == {"natural": "natural", "uniform": "even", "single": "two", "one_shot": "shot"}
    assert rivals_of(methods, "reviews") == {"natural": "natural", "uniform": "even", "single": "one"}


def test_an_objective_without_a_target_has_its_proxies_numbers_alone():
    mixture = {"predicted_gain": 0.3, "realised_gain": 0.2, "realised_gain_low": 0.1, "realised_gain_high": 0.3}
    part: dict[str, Any] = {"unit": NATS, "regression": {"spearman": 0.9}, "mixture": mixture}
    summary = summarised(
        {"a": part, "b": part | {"target": {"rivals": {"natural": BETTER, "single": EVEN}}}}, 48, {"a": 0.01, "b": 0.0}
    )
    assert summary["a"] == {"spearman": 0.9, "gain_predicted": 0.3, "gain_realised": 0.2}
    assert summarised({"a": part | {"unit": BITS}}, 48, {})["a"] == summary["a"] | {"unit": BITS}
    assert (summary["b"]["proxies"], summary["b"]["regret"]) == (48, 0.0)
    assert summary["b"]["minus_natural"] == pytest.approx(-0.2)
    assert summary["b"]["minus_natural_ci"] == pytest.approx(0.1)
    assert summary["b"]["verdict"] == "use it: better than natural, no clear difference from the best single domain"


@pytest.mark.parametrize(
    ("middle", "half", "shown"),
    [(-0.0483, 0.0241, (-0.05, 0.02)), (-0.2704, 0.0363, (-0.27, 0.04)), (-2.0914, 0.19, (-2.1, 0.2)),
     (0.1234, 0.098, (0.12, 0.1)), (0.004, 1.24, (0.0, 1.0))],
)  # fmt: skip
def test_values_are_rounded_to_the_first_digit_of_their_interval(middle, half, shown):
    rival = {"method": "x", "value": middle, "value_low": middle - half, "value_high": middle + half}
    mixture = {"predicted_gain": 0.3049, "realised_gain": None}
    part: dict[str, Any] = {"unit": NATS, "regression": {"spearman": 0.987}, "mixture": mixture}
    summary = summarised({"a": part | {"target": {"rivals": {"natural": rival, "single": rival}}}}, 48, {"a": 0.00731})[
        "a"
    ]
    assert (summary["minus_single"], summary["minus_single_ci"]) == shown
    assert (summary["spearman"], summary["gain_predicted"], summary["gain_realised"]) == (0.99, 0.3, None)
    assert summary["regret"] == 0.007
