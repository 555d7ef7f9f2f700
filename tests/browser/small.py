"""A small question for the explorer: four domains, constraints of every kind, an objective of every kind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regmix.constraints import build
from regmix.constraints.settings import Constraints
from regmix.core.objective import BITS, Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.explorer.contents import Question
from regmix.mixture.optima import Evidence
from regmix.mixture.portable import ensemble
from regmix.mixture.search import Search
from regmix.regression.interface import bind
from regmix.sampling.rules import Rules

DOMAINS = ("news", "law", "code", "deutsch & mehr")
GP = {"kind": "gp", "features": "sqrt", "length_scale": {"low": 0.1, "high": 10.0}, "starts": 2}
ENTRIES = {
    "law": {"kind": "effective_tokens", "starts": 4, "shrinkage": 0.01},
    "plain": GP | {"target": "loss"},
    "log": GP | {"features": "log", "target": {"log_excess": 0.5}},
    "both": {"kind": "gp_on_law", "law": {"starts": 4, "shrinkage": 0.01}}
    | {k: v for k, v in GP.items() if k != "kind"},
    "trees": {"kind": "lightgbm", "trees": 5, "lr": 0.3, "leaves": 4, "min_rows": 3, "bags": 0},
}
OBJECTIVES = {
    "code": Objective.loss("code"),
    "mean": Objective.mean({"news": 2.0, "law": 1.0}),
    "worst": Objective(("news", "code"), np.full(2, 0.5), references=np.array([4.5, 4.0])),
    "guarded": Objective(("news", "law"), np.array([1.0, 0.0]), limits=np.array([np.inf, 5.2])),
    "quiz": Objective.mean({"quiz": 1.0}, BITS),
}
CONSTRAINTS = {
    "floors": {"law": 0.02},
    "ceilings": {"news": 0.7},
    "groups": {"technical": {"domains": ["law", "code"], "at_least": 0.1, "at_most": 0.9}},
    "ratios": [{"of": "code", "to": "law", "at_least": 0.5}],
    "max_kl": 2.5,
}


def regressors(names):
    return [bind(name, Kind.model_validate(ENTRIES[name])) for name in names]


def runs(count: int = 28) -> Runs:
    """Runs whose losses fall with their own weight and a little with the others'."""
    rng = np.random.default_rng(0)
    mixtures = np.vstack([np.eye(4), rng.dirichlet(np.full(4, 0.7), count - 4)])
    worth = mixtures @ (0.9 * np.eye(4) + 0.1)
    losses = 4 + 2 * np.exp(-3 * worth) + 0.02 * rng.normal(size=worth.shape)
    frame = pd.DataFrame(losses, columns=list(DOMAINS)).assign(quiz=losses[:, 0] / 3)
    names = [f"random-{i}" for i in range(count)]
    return Runs(DOMAINS, np.array(names, object), np.array(["random"] * count, object), mixtures, frame)


def rules(constraints=None) -> Rules:
    prior = dict(zip(DOMAINS, (0.4, 0.3, 0.2, 0.1), strict=True))
    settings = Constraints.model_validate(CONSTRAINTS if constraints is None else constraints)
    return Rules.within(build.region(settings, prior, {"law": 0.8}, "constraints"))


def models(names, learnt: Runs, workers: int = 1):
    known = Evidence(
        learnt.mixtures, {name: learnt.parts(objective) for name, objective in OBJECTIVES.items()},
        regressors(names), rules(), Search(), workers,
    )  # fmt: skip
    losses = {name: column.to_numpy() for name, column in learnt.losses.items()}
    return ensemble(known, losses, {name: ENTRIES[name]["kind"] for name in names})


def fronts() -> pd.DataFrame:
    table = pd.DataFrame({"first": ["code"] * 3, "second": "mean", "share": [0.0, 0.5, 1.0]})
    for place, losses in (("first", [4.5, 4.8, 5.2]), ("second", [5.4, 5.0, 4.9])):
        for end, far in (("", 0), ("_low", -0.1), ("_high", 0.1)):
            table[f"{place}_loss{end}"] = np.array(losses) + far
    return table.assign(
        **dict(zip(DOMAINS, ([0.1, 0.3, 0.6], [0.1, 0.2, 0.2], [0.7, 0.4, 0.1], [0.1, 0.1, 0.1]), strict=True))
    )


def question(names=("law", "plain", "log", "both")) -> Question:
    chosen = {f"chosen for {name}": np.array([0.25, 0.25, 0.4, 0.1]) for name in OBJECTIVES}
    return Question(models(names, runs()), OBJECTIVES, rules(), chosen, level=0.9, typical=0.3, risk=1.0)
