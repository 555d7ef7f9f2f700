"""Runs are joined by name, and an objective is the weighted mean of its domains' losses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import objective_losses, runs

MIXTURES = pd.DataFrame(
    {
        "run": ["a", "b", "c"],
        "kind": ["random", "heldout", "repeat"],
        "seed": 1,
        "news": [1, 0.5, 0.5],
        "law": [0, 0.5, 0.5],
    }
)
LOSSES = pd.DataFrame({"run": ["c", "b", "a"], "law": [3.0, 2.0, 1.0], "reviews": [30.0, 20.0, 10.0], "news": 5.0})
DOMAINS = ["news", "law"]


def test_losses_follow_their_runs():
    table = runs(MIXTURES, LOSSES, DOMAINS)
    assert table.objective(Objective.mean({"law": 1})).tolist() == [1, 2, 3]
    assert table.of("heldout", "repeat").objective(Objective.mean({"law": 1})).tolist() == [2, 3]
    assert table.mixture_ids()[1] == table.mixture_ids()[2] != table.mixture_ids()[0]


def test_weights_are_normalised_and_may_name_a_domain_that_is_not_trained():
    losses = runs(MIXTURES, LOSSES, DOMAINS).objective(Objective.mean({"law": 1, "reviews": 3}))
    np.testing.assert_allclose(losses, [7.75, 15.5, 23.25])


def test_joined_runs_keep_rows_parallel():
    table = runs(MIXTURES, LOSSES, DOMAINS)
    both = table.of("heldout").joined(table.of("random"))
    assert both.names.tolist() == ["b", "a"]
    assert both.objective(Objective.mean({"law": 1})).tolist() == [2, 1]


def test_a_run_without_a_loss_is_named():
    broken = LOSSES.assign(law=[3.0, np.nan, 1.0])
    with pytest.raises(InputError, match=r"losses.csv: run 'b' has loss nan on law"):
        objective_losses(broken, Objective.mean({"news": 1, "law": 1}))


def test_an_unknown_domain_is_named():
    with pytest.raises(InputError, match=r"no column 'lav'; use one of law, reviews, news"):
        objective_losses(LOSSES, Objective.mean({"lav": 1}))


@pytest.mark.parametrize(
    ("mixtures", "losses", "message"),
    [
        (MIXTURES.drop(columns="law"), LOSSES, "mixtures.csv: no column 'law'"),
        (MIXTURES, LOSSES.rename(columns={"run": "name"}), "losses.csv: no column 'run'"),
        (MIXTURES.assign(run=["a", "b", "b"]), LOSSES, "mixtures.csv: run 'b' occurs twice"),
        (MIXTURES, LOSSES[:2], "mixtures.csv: run 'a' is only in this file"),
        (MIXTURES[:2], LOSSES, "losses.csv: run 'c' is only in this file"),
        (MIXTURES.assign(law=0.4), LOSSES, "run 'a': mixture is off the simplex"),
    ],
)
def test_tables_that_do_not_fit_are_refused(mixtures, losses, message):
    with pytest.raises(InputError, match=message):
        runs(mixtures, losses, DOMAINS)
