"""What the regressors that choose would have said: of held-out mixtures, and before each round."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture.hindsight import before_rounds, heldout_scores
from regmix.mixture.optima import Evidence
from regmix.mixture.search import Search
from regmix.regression.ensemble import Ensemble, by_part
from regmix.regression.interface import bind
from regmix.regression.settings import Regression
from regmix.sampling.rules import Rules
from tests.mixture.test_stopping import BEST, LAW, RIDGE

GP = Kind(kind="gp", features="sqrt", target="loss", length_scale={"low": 0.1, "high": 10.0}, starts=1)
AIM = {"bowl": Objective.loss("bowl")}
SMALL = Search(candidates=200, top_k=5, local_steps=1, local_candidates=50, refits=2, refit_candidates=50)


def runs(names: list[str], seed: int) -> Runs:
    """Random mixtures, whose loss is lowest at BEST."""
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(3), size=len(names))
    losses = 3 + 2 * ((mixtures - BEST) ** 2).sum(axis=1) + rng.normal(scale=0.01, size=len(names))
    kinds = np.array(["random"] * len(names), object)
    return Runs(("a", "b", "c"), np.array(names, object), kinds, mixtures, pd.DataFrame({"bowl": losses}))


@pytest.fixture
def rules() -> Rules:
    prior, bounds = {"a": 0.2, "b": 0.3, "c": 0.5}, dict.fromkeys("abc", 1.0)
    return Rules.around(prior, bounds, strengths=np.geomspace(0.5, 5.0, 5))


@pytest.fixture
def settings() -> Regression:
    curve = {"proxies": [4], "subsets": 1}
    return Regression(folds=2, bootstrap=50, interval=0.95, top_k=2, curve=curve, seed=0)


def together(*entries: Kind) -> Ensemble:
    seen = runs([str(i) for i in range(40)], 0)
    fits = [by_part(bind("one", entry).fit, AIM["bowl"]) for entry in entries]
    models = [fit(seen.mixtures, seen.losses.to_numpy(), 0) for fit in fits]
    return Ensemble(models, np.full(len(entries), 1 / len(entries)))


def test_the_regressors_that_choose_are_scored_together_on_heldout_mixtures_and_their_better_half(settings):
    heldout = runs([str(i) for i in range(20)], 1)
    table = heldout_scores({"bowl": together(LAW, RIDGE)}, heldout, AIM, settings)
    assert set(table["regressor"]) == {"ensemble"}
    assert table.groupby("split")["n"].first().to_dict() == {"heldout": 20, "better": 10}
    rank = table[(table["split"] == "heldout") & (table["metric"] == "spearman")].iloc[0]
    assert rank["low"] <= rank["value"] <= rank["high"]
    assert rank["value"] > 0.7
    assert heldout_scores({"bowl": together(LAW)}, heldout, AIM, settings).empty  # a row of its own already


def test_each_round_is_judged_by_the_runs_before_it(rules):
    """The rounds' runs are left out of what the outlook before them is fitted to."""
    learnt = runs([*(f"random-{i}" for i in range(12)), "two-0", "two-1", "three-0"], 0)
    proposals = pd.DataFrame({"run": ["two-0", "two-1", "three-0"], "objective": "bowl", "predicted": 0.0})
    seen = []

    def fitted(part: Runs) -> Evidence:
        seen.append(list(part.names))
        return Evidence(part.mixtures, {"bowl": part.parts(AIM["bowl"])}, [bind("gp", GP)], rules, SMALL)

    table = before_rounds(learnt, proposals, fitted)
    assert table["after"].tolist() == ["first design", "two"]
    assert table[["proxies", "next"]].to_numpy().tolist() == [[12, 2], [14, 1]]
    assert seen == [list(learnt.names[:12]), list(learnt.names[:14])]
    assert (table["expected_gain"] >= 0).all()
    assert before_rounds(learnt, proposals.iloc[:0], partial(pytest.fail, "no round, no fit")).empty
