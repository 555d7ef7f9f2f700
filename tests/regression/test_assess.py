"""Cross-validation sees no run twice; curves, contrasts and the baseline without proxies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.regression import assess
from regmix.regression.interface import Prediction, TooFewRuns, bind
from regmix.regression.settings import Regression
from regmix.statistics.intervals import Score

SETTINGS = Regression.model_validate(
    {
        "folds": 4,
        "bootstrap": 100,
        "interval": 0.95,
        "top_k": 3,
        "curve": {"proxies": [8, 16, 32, 64], "subsets": 3},
        "seed": 0,
    }
)
RIDGE = bind("ridge", Kind(kind="ridge", alphas={"low": 1e-6, "high": 1.0, "points": 7}, folds=4))  # type: ignore[call-arg]
SLOPE = np.array([-1.0, 0.5, 2.0])


class Memory:
    """Knows the losses of the mixtures it saw and nothing else."""

    def __init__(self, mixtures: np.ndarray, losses: np.ndarray, seed: int) -> None:
        if len(losses) < 16:
            raise TooFewRuns("too few")
        self.losses = {row.tobytes(): loss for row, loss in zip(mixtures, losses, strict=True)}

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return np.array([self.losses.get(row.tobytes(), -1.0) for row in mixtures])

    def predict(self, mixtures: np.ndarray) -> Prediction:
        return Prediction(self.mean(mixtures), np.zeros(len(mixtures)))


def synthetic(count: int, seed: int) -> Runs:
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(3), count)
    losses = pd.DataFrame({"news": 5 + mixtures @ SLOPE + rng.normal(scale=0.02, size=count), "reviews": 1.0})
    return Runs(
        ("news", "law", "code"), np.array([f"r{i}" for i in range(count)]), np.full(count, "random"), mixtures, losses
    )


def test_out_of_fold_predictions_never_saw_the_mixture():
    runs = synthetic(40, 0)
    mixtures, losses = np.vstack([runs.mixtures] * 2), np.tile(runs.losses["news"], 2)
    assert np.all(assess.out_of_fold(Memory, mixtures, losses, 4, 0).mean == -1)
    assert np.array_equal(Memory(mixtures, losses, 0).mean(mixtures), losses)


def test_curve_subsets_grow_and_leave_out_what_cannot_be_fitted():
    runs = synthetic(40, 0)
    data = (runs.mixtures, runs.losses["news"].to_numpy())
    seen: dict[tuple[int, int], set[bytes]] = {}

    def fit(mixtures: np.ndarray, losses: np.ndarray, seed: int) -> Memory:
        seen[len(seen) // 3, len(losses)] = {row.tobytes() for row in mixtures}
        return Memory(mixtures, losses, seed)

    curve = assess.learning_curve(fit, data, {"heldout": data}, [8, 16, 32, 64], 3, 0)
    assert curve["proxies"].tolist() == [8] * 3 + [16] * 3 + [32] * 3
    assert curve["spearman"].isna().tolist() == [True] * 3 + [False] * 6
    assert all(seen[s, 8] < seen[s, 16] < seen[s, 32] for s in range(3))
    assert seen[0, 8] != seen[1, 8]


def test_a_linear_regressor_is_assessed_on_a_line():
    train, test = synthetic(40, 0), synthetic(20, 1)
    assessed = assess.assess(RIDGE, train, {"heldout": test}, Objective.loss("news"), SETTINGS)
    assert assessed.predictions.groupby("split").size().to_dict() == {"cv": 40, "heldout": 20}
    assert assessed.metrics["heldout"]["spearman"].value > 0.99
    assert assessed.metrics["cv"]["rmse"].value == pytest.approx(0.02, rel=0.3)
    assert assessed.curve["proxies"].max() == 32
    center = train.mixtures.mean(axis=0)
    truth = SLOPE - center @ SLOPE
    table = assessed.coefficients
    assert table["domain"].tolist() == ["news", "law", "code"]
    np.testing.assert_allclose(table["contrast"], truth, atol=0.03)
    assert np.all((table["low"] < table["contrast"]) & (table["contrast"] < table["high"]))
    assert np.all(table["high"] - table["low"] < 0.06)
    rho = assessed.metrics["cv"]["spearman"]
    assert rho.low <= rho.value <= rho.high


def test_without_held_out_runs_there_is_cross_validation_alone():
    assessed = assess.assess(RIDGE, synthetic(40, 0), {}, Objective.loss("news"), SETTINGS)
    assert list(assessed.metrics) == ["cv"]
    assert len(assessed.curve) == 0


def test_no_proxy_sorts_by_the_objectives_own_weight():
    runs = synthetic(30, 0)
    scores = assess.no_proxy_scores({"cv": runs}, Objective.loss("news"), SETTINGS)["cv"]
    own = -pd.Series(runs.mixtures[:, 0]).corr(runs.losses["news"], method="spearman")
    assert scores["spearman"].value == pytest.approx(own)
    assert set(scores) == {"spearman", "regret", "top_k"}


@pytest.mark.parametrize("weights", [{"reviews": 1.0}, {"news": 1 / 3, "law": 1 / 3, "code": 1 / 3}])
def test_no_proxy_has_nothing_to_sort_by(weights):
    assert assess.no_proxy(synthetic(5, 0), Objective.mean(weights)) is None


def test_the_better_half_is_that_with_the_lower_objective():
    runs = synthetic(21, 0)
    splits = ["cv", *["heldout"] * 21]
    predictions = pd.DataFrame({"split": splits, "true": [0.0, *runs.losses["news"]], "predicted": 5.0})
    predictions.loc[predictions["true"] > predictions["true"].median(), "predicted"] += 100.0  # must not count
    half = assess.better_runs({"heldout": runs}, Objective.loss("news"))[assess.BETTER]
    assert len(half.names) == 10
    scores = assess.better_scores(predictions, SETTINGS)[assess.BETTER]
    assert scores["mae"].value == pytest.approx(np.abs(half.losses["news"] - 5).mean())
    assert assess.better_scores(predictions[predictions["split"] == "cv"], SETTINGS) == {}
    assert assess.better_runs({"cv": runs}, Objective.loss("news")) == {}


def test_a_token_law_says_what_tokens_are_worth_and_what_more_of_a_domain_does():
    law = bind("law", Kind(kind="effective_tokens", starts=4, shrinkage=0.001))  # type: ignore[call-arg]
    runs = synthetic(60, 0)
    worth = np.array([0.7, 0.2, 0.1])
    losses = pd.DataFrame({"news": 3 + (np.maximum(runs.mixtures, 1e-6) ** 0.6 @ worth) ** -0.5, "reviews": 1.0})
    runs = Runs(runs.domains, runs.names, runs.kinds, runs.mixtures, losses)
    table = assess.token_laws(law, runs, SETTINGS)
    assert table["loss"].tolist() == ["news"] * 3 + ["reviews"] * 3
    news = table[table["loss"] == "news"]
    np.testing.assert_allclose(news["worth"], worth, rtol=0.1)
    assert np.all((news["low"] < news["worth"]) & (news["worth"] < news["high"]))
    model = law.fit(runs.mixtures, losses["news"].to_numpy(), 0)
    even, step = np.full(3, 1 / 3), 1e-5
    for k, slope in enumerate(news["slope"]):
        way = np.eye(3)[k] - 1 / 3
        ahead, behind = model.mean(np.stack([even + step * way, even - step * way]))
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-4)


def test_other_regressors_and_too_few_runs_have_no_token_law():
    law = bind("law", Kind(kind="effective_tokens", starts=4, shrinkage=0.01))  # type: ignore[call-arg]
    assert len(assess.token_laws(RIDGE, synthetic(40, 0), SETTINGS)) == 0
    assert len(assess.token_laws(law, synthetic(3, 0), SETTINGS)) == 0


def test_metrics_read_back_with_null_as_nan():
    metrics = {"cv": {"spearman": {"value": 0.5, "low": None, "high": None}}}
    score = assess.parsed(metrics, ["cv"])["cv"]["spearman"]
    assert score.value == 0.5
    assert score.to_json() == Score(0.5, np.nan, np.nan).to_json()
    with pytest.raises(InputError, match="no split 'heldout'"):
        assess.parsed(metrics, ["cv", "heldout"])


def test_a_regressor_that_needs_more_runs_predicts_nan_where_it_cannot_be_fitted():
    trees = bind("trees", Kind(kind="lightgbm", trees=5, lr=0.1, leaves=4, min_rows=20, bags=0))  # type: ignore[call-arg]
    for count, fitted in ((48, True), (30, False)):  # of 48 runs a fold leaves 36, of which no tree has a split
        result = assess.assess(
            trees, synthetic(count, 0), {"heldout": synthetic(10, 1)}, Objective.loss("news"), SETTINGS
        )
        finite = result.predictions.groupby("split")["predicted"].apply(lambda part: np.isfinite(part).all())
        assert finite.to_dict() == {"cv": False, "heldout": fitted}
        assert np.isfinite(result.metrics["heldout"]["spearman"].value) == fitted
