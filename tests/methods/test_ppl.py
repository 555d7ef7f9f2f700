"""Perplexity filtering: documents, scores, and what the band's two edges take out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from regmix.core.errors import InputError
from regmix.engine.compute.pytorch.autograd import Autograd
from regmix.engine.run import initial_weights
from regmix.engine.settings import Training
from regmix.methods import ppl
from tests.engine.test_engine import VOCAB, setup
from tests.methods.test_doremi import context

EOS = 0
HALF = {"low": 0.25, "high": 0.75, "tokens": None, "score_tokens": 16, "seed": 0}


def joined(documents: list[list[int]]) -> np.ndarray:
    return np.array([token for document in documents for token in (*document, EOS)], np.uint16)


def text(documents: ppl.Documents) -> list[list[int]]:
    return [documents.tokens[a : a + n].tolist() for a, n in zip(documents.starts, documents.lengths, strict=True)]


def scorer(limit: int = 16) -> ppl.Scorer:
    shape = setup().shape
    return ppl.Scorer(shape, initial_weights(shape, 3), limit)


def pattern(rng: np.random.Generator, count: int, shift: int) -> list[list[int]]:
    """Documents of 24 tokens that count up by ``shift`` among 20, from any start: learnable, not trivial."""
    return [[int(40 + (start + shift * i) % 20) for i in range(24)] for start in rng.integers(0, 20, count)]


def planted(kind: str) -> tuple[dict[str, np.ndarray], dict[str, set[tuple[int, ...]]]]:
    """Two domains of learnable documents, a fifth of those in the first replaced by ``kind``; and the planted ones."""
    rng = np.random.default_rng(0)
    first, second = pattern(rng, 100, 3), pattern(rng, 100, 7)
    strange = {
        "noise": [rng.integers(1, 40, 24).tolist() for _ in range(25)],
        "trivial": [[5] * 24 for _ in range(25)],
    }[kind]
    first[::4] = strange
    return {"a": joined(first), "b": joined(second)}, {kind: {tuple(document) for document in strange}}


def test_documents_lie_between_ends_and_their_text_is_joined_by_them():
    tokens = np.array([4, 5, 0, 0, 6, 0, 7, 8, 9], np.uint16)
    documents = ppl.Documents.of(tokens, EOS)
    assert text(documents) == [[4, 5], [], [6], [7, 8, 9]]
    assert documents.size == 10  # with the end that the last one lacks
    assert documents[np.array([0, 3])].text(EOS).tolist() == [4, 5, 0, 7, 8, 9, 0]
    assert ppl.Documents.of(tokens[:6], EOS).text(EOS).tolist() == tokens[:6].tolist()
    assert documents[np.array([], int)].text(EOS).dtype == np.uint16


def test_documents_are_picked_whole_at_even_spacing_within_the_budget():
    documents = ppl.Documents.of(joined([[i + 1] * 4 for i in range(20)]), EOS)
    assert [document[0] for document in text(documents.spread(50))] == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
    assert documents.spread(documents.size) is documents
    assert len(documents.spread(4)) == 0
    uneven = ppl.Documents.of(joined([[1] * n for n in (50, 1, 1, 1, 40, 1, 1, 1)]), EOS)
    assert 0 < uneven.spread(60).size <= 60


def test_a_score_is_the_mean_loss_of_a_documents_first_tokens_after_the_first():
    rng = np.random.default_rng(0)
    documents = [rng.integers(1, VOCAB, n).tolist() for n in (2, 9, 13, 40)]
    split = ppl.Documents.of(joined(documents), EOS)
    reference = scorer(limit=12)
    alone, flat = Autograd(reference.shape, torch.float32), reference.shape.flat(reference.weights)
    for document, score in zip(documents, reference.score(split), strict=True):
        assert score == pytest.approx(float(alone.losses(flat, np.array([document[:13]])).mean()), abs=1e-5)


def test_a_score_has_the_same_bits_whatever_the_neighbours_and_their_number(monkeypatch):
    monkeypatch.setattr(ppl, "BATCH_TOKENS", 64)
    monkeypatch.setattr(ppl, "STEP", 4)
    rng = np.random.default_rng(0)
    documents = ppl.Documents.of(joined([rng.integers(1, VOCAB, n).tolist() for n in rng.integers(2, 30, 60)]), EOS)
    scores = scorer().score(documents)
    order = rng.permutation(60)
    assert np.array_equal(scorer().score(documents[order]), scores[order])
    for i in range(0, 60, 7):
        assert np.array_equal(scorer().score(documents[i : i + 1]), scores[i : i + 1])
        assert np.array_equal(scorer().score(documents[i:]), scores[i:])


@pytest.mark.parametrize(
    ("kind", "band"), [("noise", {"low": 0.0, "high": 0.8}), ("trivial", {"low": 0.2, "high": 1.0})]
)
def test_planted_noise_goes_by_the_upper_edge_and_planted_trivia_by_the_lower(kind, band):
    tokens, strange = planted(kind)
    setup = context(tokens, [], max_epochs=20, steps=150, sequences=8)
    plan = ppl.plan(setup, ppl.Options(**HALF | band))
    assert plan.tokens is not None
    remaining = {tuple(document) for document in text(ppl.Documents.of(plan.tokens["a"], EOS))}
    assert not remaining & strange[kind]
    table = plan.tables["documents"].set_index("domain")
    assert table["documents"].tolist() == [100, 100]
    # A fifth of all 200 goes, the planted 25 and 15 more, but for copies of the document at the edge, which stay.
    assert 160 <= table["kept"].sum() <= 170
    assert plan.schedule.mixtures[0] == pytest.approx(table["kept_tokens"] / table["kept_tokens"].sum(), abs=1e-9)
    assert all(len(plan.tokens[name]) == table["kept_tokens"][name] for name in "ab")
    assert (plan.spent[0].trained, plan.spent[0].scored) == (150 * 8 * 16, 200 * 16)
    edge = plan.facts["band"]["high" if kind == "noise" else "low"]
    assert (edge < np.log(40)) if kind == "noise" else (edge > 0)


def test_a_domain_that_the_band_empties_keeps_its_text_and_gets_no_weight_but_a_warning():
    rng, warned = np.random.default_rng(0), []
    tokens = {
        "noise": joined([rng.integers(1, 40, 24).tolist() for _ in range(20)]),
        "a": joined(pattern(rng, 80, 3)),
        "b": joined([*pattern(rng, 80, 7), [1], [2]]),
    }
    setup = context(tokens, warned, steps=100, sequences=8)
    setup = dataclasses.replace(setup, target=target(20))
    plan = ppl.plan(setup, ppl.Options(**HALF | {"low": 0.0, "high": 0.85}))
    assert plan.tokens is not None
    assert plan.schedule.mixtures[0][0] == 0
    assert np.array_equal(plan.tokens["noise"], tokens["noise"])
    assert warned == [
        "method ppl: noise: 0 tokens in the band are fewer than one window of 16; it gets weight 0; "
        "raise tokens or widen the band to have it in the mixture"
    ]
    assert plan.facts["too_short"] == {"noise": 0, "a": 0, "b": 2}
    assert plan.facts["kept"]["noise"] == 0


def target(steps: int) -> Training:
    """Twice ``steps`` windows of 16 tokens."""
    value = context({"a": np.zeros(100, np.uint16)}, [], bounds=(1,)).target.model_dump()
    value["recipe"]["steps"] = steps
    return Training.model_validate(value)


def test_the_budget_bounds_what_is_considered():
    tokens, _ = planted("noise")
    setup = context(tokens, [], max_epochs=4)
    plan = ppl.plan(setup, ppl.Options(**HALF | {"tokens": 2000}))
    assert plan.tables["documents"]["tokens"].tolist() == [1000, 1000]
    assert plan.tables["documents"]["documents"].tolist() == [40, 40]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score_tokens": 17}, r"ppl: score_tokens = 17 exceeds the proxy's context of 16; lower it"),
        ({"tokens": 600}, r"tokens = 600 and the band 0\.25 to 0\.75 leave \d+ tokens, too few for a target of 384 wi"),
        ({"tokens": 10}, r"tokens = 10: no document is scored; raise tokens"),
    ],
)
def test_what_cannot_be_is_one_line(change, message):
    tokens, _ = planted("noise")
    with pytest.raises(InputError, match=message) as error:
        ppl.plan(context(tokens, [], max_epochs=1), ppl.Options(**HALF | change))
    assert "\n" not in str(error.value)


def test_an_empty_band_is_refused():
    with pytest.raises(ValidationError, match=r"low = 0\.5: must be below high \(0\.5\)"):
        ppl.Options(**HALF | {"low": 0.5, "high": 0.5})
