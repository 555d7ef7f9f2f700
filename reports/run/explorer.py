"""The explorer: the fitted ensemble in the page, to move a mixture and see what it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.explorer.contents import Question, contents
from regmix.explorer.widget import widget
from regmix.sampling.rules import Rules
from reports.page.formats import fixed, listed
from reports.page.section import Section, Widget

TEXT = "*The explorer, with sliders for the weights, is in report.html, which needs no server and no network.*"


def explorer(
    models: Mapping[str, Any], proxies: Runs, objectives: Mapping[str, Objective], chosen: Mapping[str, Any],
    rules: Rules, fronts: pd.DataFrame, level: float, risk: float,
) -> tuple[Section, ...]:  # fmt: skip
    """``models`` is mixture_explore's file, ``chosen`` the simulations by objective, ``proxies`` all trained proxies.

    No section if no regressor of the ensemble has a portable form.
    """
    mixtures = {
        f"chosen for {name}": np.array([value["weights"][domain] for domain in rules.domains])
        for name, value in chosen.items()
    }
    typical = next(iter(chosen.values()))["support"]["typical"]
    question = Question(models, objectives, rules, mixtures, level, typical, risk)
    if not question.usable:
        return ()
    parts = (_about(models), Widget(widget(contents(question, proxies, fronts)), TEXT))
    return (Section("Explore mixtures", parts),)


def _about(models: Mapping[str, Any]) -> str:
    left_out = {name: weight for name, weight in models["weights"].items() if name not in models["models"]}
    missing = (
        f" {listed(f'{name} (weight {fixed(weight, 2)})' for name, weight in left_out.items())} of the ensemble cannot "
        "be evaluated in a page; the predictions are those of the others."
        if left_out
        else ""
    )
    return (
        "Move a weight, and the regressors that chose the mixtures predict the losses of the new one. They predict the "
        "losses of a *proxy*: for a larger model they say which mixture is better, but not by how much." + missing
    )
