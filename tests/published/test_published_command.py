"""`regmix` reads the published pair as `make paper` does, and comes to the same figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from regmix import api
from regmix.core.objective import Objective
from regmix.core.settings import Kind
from regmix.exchange.tables import read_runs
from regmix.mixture.search import Search
from regmix.mixture.settings import Refits
from regmix.published import replay
from regmix.published.settings import Draws
from regmix.published.tables import DOMAINS, join
from regmix.regression import interface
from regmix.regression.assess import assess
from regmix.regression.settings import Regression
from tests.paths import ROOT
from tests.published.test_published import made_up

ENTRIES = yaml.safe_load((ROOT / "tests/fixtures/published.yaml").read_text())["regressors"]
LIGHTGBM = interface.bind("lightgbm", Kind(kind="lightgbm", trees=60, lr=0.1, leaves=6, min_rows=5, bags=0))
RIDGE = interface.bind("ridge", Kind.model_validate(ENTRIES["ridge"]))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The runs of the published training set as the two readers have them; the loss has a known shape."""
    mixtures, losses = made_up("train_1m")
    weights = mixtures.to_numpy()[:, 1:]
    rng = np.random.default_rng(0)
    column = "metric/the_pile_pile_cc_val_loss"
    losses[column] = 3 + ((weights - 0.1) ** 2).sum(axis=1) * 5 + rng.normal(scale=0.002, size=len(losses))
    folder = tmp_path_factory.mktemp("pair")
    mixtures.to_csv(folder / "train_mixture_1m.csv", index=False)
    losses.to_csv(folder / "train_pile_loss_1m.csv", index=False)
    runs, _ = join(pd.read_csv(folder / "train_mixture_1m.csv"), pd.read_csv(folder / "train_pile_loss_1m.csv"),
                    "train_1m")  # fmt: skip
    return runs, read_runs(folder / "train_mixture_1m.csv", folder / "train_pile_loss_1m.csv")


def test_the_runs_are_the_same(both):
    runs, read = both
    named = read.mixtures[[f"the_pile_{domain}" for domain in DOMAINS]]
    np.testing.assert_allclose(named.to_numpy(), runs.mixtures, atol=1e-12)
    assert np.array_equal(read.metrics["the_pile_pile_cc"].to_numpy(), runs.losses["pile_cc"].to_numpy())


def test_regressors_are_compared_with_the_same_figures(both):
    runs, read = both
    settings = Regression.model_validate(
        {"folds": 5, "bootstrap": 200, "interval": 0.95, "top_k": 1, "seed": 0, "curve": {"proxies": [], "subsets": 1}}
    )
    table = api.compare(read.mixtures, read.metrics, [RIDGE, LIGHTGBM], objective="the_pile_pile_cc", resamples=200)
    for regressor in (RIDGE, LIGHTGBM):
        scores = assess(regressor, runs, {}, Objective.loss("pile_cc"), settings, deviations=False).metrics["cv"]
        for name in ("spearman", "mae"):
            assert table.loc[regressor.name, name] == pytest.approx(scores[name].value, abs=1e-9)
            assert table.loc[regressor.name, f"{name}_low"] == pytest.approx(scores[name].low, abs=1e-9)


def test_the_papers_search_ends_at_the_same_mixture(both):
    runs, read = both
    draws = Draws.model_validate({
        "temperature": 0.5, "strength": {"low": 0.1, "high": 5.0, "points": 15}, "most": None, "candidates": 4000,
        "top_k": 50,
    })  # fmt: skip
    prior = runs.mixtures.mean(axis=0)
    refits = Refits(count=2, candidates=500)
    best = replay.optimum(runs, runs.parts(Objective.loss("pile_cc")), LIGHTGBM, draws, prior, refits, 3, 0.95, 1)
    search = Search(candidates=4000, top_k=50, risk=0.0, local_steps=0, refits=2, refit_candidates=500, seed=3)
    ordered = [f"the_pile_{domain}" for domain in DOMAINS]
    result = api.recommend(
        read.mixtures[ordered], read.metrics, dict(zip(ordered, prior, strict=True)), objective="the_pile_pile_cc",
        regressors=[LIGHTGBM], search=search,
    )  # fmt: skip
    np.testing.assert_allclose(result.weights.to_numpy(), best.weights, atol=1e-9)
    assert result.gain.value == pytest.approx(best.gain.value, abs=1e-9)
