"""The ensemble as JSON: the same bytes for the same runs, and honest about members that have no portable form."""

import json

import pytest

from regmix.explorer.contents import Question, contents
from tests.browser import small


def test_the_same_runs_give_the_same_bytes_whatever_the_threads():
    texts = {json.dumps(small.models(("law", "log"), small.runs(), workers), allow_nan=False) for workers in (1, 1, 2)}
    assert len(texts) == 1


def test_a_regressor_without_a_portable_form_keeps_its_weight_and_has_no_models():
    found = small.models(("plain", "trees"), small.runs())
    assert list(found["weights"]) == ["plain", "trees"]
    assert sum(found["weights"].values()) == pytest.approx(1)
    assert list(found["models"]) == ["plain"]
    assert list(found["models"]["plain"]["losses"]) == [*small.DOMAINS, "quiz"]


def test_an_ensemble_without_a_portable_form_has_no_page():
    alone = small.models(("trees",), small.runs())
    assert not Question(alone, small.OBJECTIVES, small.rules(), {}, level=0.9, typical=0.3, risk=1.0).usable
    assert small.question().usable


def test_runs_of_one_mixture_share_a_row_with_the_mean_of_their_losses():
    runs = small.runs()
    both = runs.joined(runs.of("random"))
    rows = contents(small.question(), both)["runs"]
    assert [row["count"] for row in rows] == [2] * len(runs.names)
    assert rows[0]["losses"] == pytest.approx(runs.losses.iloc[0].tolist(), abs=1e-5)
