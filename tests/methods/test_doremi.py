"""DoReMi: alpha by hand, no excess against oneself, and the domain that a proxy learns slowest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regmix.constraints.region import Region
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind
from regmix.corpus.tokens.tokenized import Corpus, digest_of
from regmix.engine.machine import Machine
from regmix.engine.policy import Seen
from regmix.engine.run import Run, RunState, Setup, initial_weights
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs
from regmix.methods import doremi
from regmix.sampling.rules import Rules
from regmix.target.interface import Context, Proxies
from tests.engine.test_engine import DOMAINS, VOCAB, resumed, same, setup, train, training
from tests.training import SWARM, train_stack

PAPER = {"reference": "prior", "step_size": 1.0, "smoothing": 1e-3, "rounds": 1, "plans": 1, "seed": 0}
UNIFORM = Schedule.static(DOMAINS, np.full(3, 1 / 3))


def context(
    tokens, warned: list[str], store: Path | None = None, bounds=(1.0, 1.0, 1.0), max_epochs=None, **recipe
) -> Context:
    """What doremi.plan wants to know, with real training: in this process, or through ``store`` in others."""
    sizes = np.array([len(array) for array in tokens.values()])
    names = tuple(tokens)
    corpus = Corpus(tokens, tokens, "f" * 64, VOCAB, 0, "data")
    proxy = training(**recipe)

    def run(training: Training, runs, own=None):
        kit = Setup(training, VOCAB, own or tokens, tokens)
        if store is None:
            return [train_stack(kit, [RunState.start(r, kit.shape, len(names))])[0] for r in runs]
        machine = Machine(
            processes=1, stack=1, checkpoint_seconds=100, sharded=0, device="cpu", launcher=Kind(kind="local")
        )
        return train_runs(kit, runs, store, digest_of(corpus, own), machine, weights=True, label=runs[0].name)

    most = np.array(bounds) if max_epochs is None else max_epochs * sizes / proxy.train_tokens
    region = Region.below(names, most, sizes / sizes.sum())
    rules = Rules.within(region, temperature=1.0, strengths=np.ones(1), min_weight=0.0)
    swarm = Proxies(*[pd.DataFrame()] * 4, {"train_tokens": 1, "flops_a_token": {"full": 3.0}})
    return Context(rules, SWARM, {}, {}, {}, proxy, proxy, [1], corpus, swarm, run, warned.append)


def corpus() -> dict[str, np.ndarray]:
    """noise: nothing to learn beside 8 tokens. chain: each of 40 tokens has one successor. flat: one token."""
    rng = np.random.default_rng(0)
    successor, chain = rng.permutation(40), [0]
    for _ in range(3999):
        chain.append(int(successor[chain[-1]]) if rng.random() < 0.9 else int(rng.integers(40)))
    arrays = {"noise": rng.integers(56, 64, 4000), "chain": np.array(chain), "flat": np.full(4000, 50)}
    return {name: array.astype(np.uint16) for name, array in arrays.items()}


def dro(step_size=1.0, smoothing=1e-3, seed=100) -> doremi.GroupDRO:
    kit = setup()
    return doremi.GroupDRO(kit.shape, initial_weights(kit.shape, seed), doremi.Rates(step_size, smoothing, 2))


def test_alpha_is_algorithm_1_and_a_domain_that_is_not_drawn_keeps_its_excess():
    policy, tokens = dro(step_size=0.5, smoothing=0.1), np.random.default_rng(0).integers(0, VOCAB, (3, 17))
    state = policy.start(UNIFORM)
    reference = policy.reference_losses(tokens)
    over = np.zeros((3, 16), np.float32)
    over[0], over[1], over[2, :4], over[2, 4:] = 2.0, 1.0, 4.0, -9.0  # below the reference counts as 0
    alpha = np.full(3, 1 / 3)
    for domains, excess in (([0, 0, 1], [1.5, 1, 0]), ([2, 2, 2], [1.5, 1, 4 / 3]), ([0, 1, 1], [2, 1, 4 / 3])):
        state = policy.observe(state, Seen(0, tokens, np.array(domains), reference + over))
        alpha = alpha * np.exp(0.5 * np.array(excess))
        alpha = 0.9 * alpha / alpha.sum() + 0.1 / 3
        assert state["excess"] == pytest.approx(excess, abs=1e-5)
        assert state["alpha"] == pytest.approx(alpha, abs=1e-5)
    assert state["steps"] == 3
    assert [row[0] for row in state["noted"]] == [2]
    assert policy.loss_weights(state) == pytest.approx(3 * alpha, abs=1e-4)


def test_the_average_is_over_all_steps_and_a_larger_excess_weighs_more():
    policy, tokens = dro(), np.random.default_rng(0).integers(0, VOCAB, (3, 17))
    state, alphas = policy.start(UNIFORM), []
    for _ in range(4):
        over = np.array([0, 0.5, 1])[:, None].astype(np.float32)
        state = policy.observe(state, Seen(0, tokens, np.arange(3), policy.reference_losses(tokens) + over))
        alphas.append(state["alpha"])
    assert np.array(state["total"]) / state["steps"] == pytest.approx(np.mean(alphas, axis=0))
    assert np.all(np.diff(state["alpha"]) > 0)


def test_a_proxy_that_stays_its_reference_has_no_excess_and_uniform_weights():
    kit = setup(lr=1e-12)
    run = Run("r", UNIFORM, seed=100, policy=dro(seed=100))
    state = train(kit, [run])["r"].state
    assert state["excess"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert state["alpha"] == pytest.approx([1 / 3] * 3, abs=1e-6)
    other = train(kit, [dataclasses.replace(run, policy=dro(seed=7))])["r"].state
    assert max(other["excess"]) > 1e-3


def test_a_run_resumed_on_the_way_ends_in_the_same_bits():
    kit, run = setup(), Run("r", UNIFORM, seed=3, policy=dro(seed=5))
    whole = train(kit, [run])["r"]
    assert same(resumed(kit, run, 7), whole)


def test_the_domain_that_is_learned_slowest_gets_the_most_weight():
    warned: list[str] = []
    setup = context(corpus(), warned, steps=120, sequences=6)
    plan = doremi.plan(setup, doremi.Options(**PAPER))
    weights = dict(zip(plan.schedule.domains, plan.schedule.mixtures[0], strict=True))
    assert weights["chain"] > 0.5
    assert list(plan.facts["average"].values()) == pytest.approx(list(weights.values()), abs=1e-9)
    assert plan.facts["plans"][0]["rounds"] == 1
    assert not warned
    table = plan.tables["alpha"]
    assert table.columns.tolist() == ["plan", "round", "step", "noise", "chain", "flat"]
    assert table["step"].tolist() == list(range(2, 121, 2))
    tokens = 120 * 6 * 16
    assert (plan.spent[0].trained, plan.spent[0].scored) == (2 * tokens, tokens)
    assert plan.spent[0].flops() == {"full": pytest.approx(3 * (2 + 1 / 3) * tokens)}


def test_several_plans_are_averaged():
    setup = context(corpus(), [], steps=120, sequences=6)
    alone = [doremi.plan(setup, doremi.Options(**PAPER | {"seed": seed})) for seed in (0, 1)]
    both = doremi.plan(setup, doremi.Options(**PAPER | {"plans": 2}))
    assert both.schedule.mixtures[0] == pytest.approx(np.mean([plan.schedule.mixtures[0] for plan in alone], axis=0))
    assert not np.allclose(*(plan.schedule.mixtures[0] for plan in alone))
    assert both.tables["alpha"]["plan"].unique().tolist() == [1, 2]
    assert both.spent[0].trained == 2 * alone[0].spent[0].trained


def test_the_weights_are_projected_into_the_bounds():
    setup = context(corpus(), [], bounds=(1, 0.3, 0.6), steps=120, sequences=6)
    plan = doremi.plan(setup, doremi.Options(**PAPER))
    assert plan.facts["average"]["chain"] > 0.5
    assert plan.schedule.mixtures[0][1] == pytest.approx(0.3)
    assert np.all(plan.schedule.mixtures[0] <= setup.rules.bounds + 1e-9)


def test_a_warning_of_a_collapse_names_its_domain_and_the_fix():
    warned: list[str] = []
    setup = context(corpus(), warned)
    doremi._warn_of_collapse(setup, np.array([0.4, 0.6, 0.0]), 1)
    assert not warned
    doremi._warn_of_collapse(setup, np.array([0.1, 0.9, 0.0]), 2)
    doremi._warn_of_collapse(setup, np.array([0.995, 0.005, 0.0]), 3)
    assert warned[0] == (
        "method doremi: round 2: chain has 0.9 of the weight (1.38 effective domains); "
        "lower step_size or raise smoothing"
    )
    assert "round 3: noise has 0.995" in warned[1]


@pytest.mark.parametrize(("reference", "rounds"), [("uniform", 1), ("prior", 2)])
def test_rounds_end_when_the_weights_are_those_of_the_reference(reference, rounds):
    """With smoothing 1 alpha is uniform, whatever the losses."""
    tokens = {name: array[: 4000 - 1000 * i] for i, (name, array) in enumerate(corpus().items())}
    options = doremi.Options(**PAPER | {"reference": reference, "smoothing": 1.0, "rounds": 5})
    plan = doremi.plan(context(tokens, []), options)
    (facts,) = plan.facts["plans"]
    assert (facts["rounds"], facts["converged"]) == (rounds, True)
    assert plan.schedule.mixtures[0] == pytest.approx([1 / 3] * 3)
    assert plan.tables["alpha"]["round"].unique().tolist() == list(range(1, rounds + 1))


def test_training_processes_and_a_store_change_nothing(tmp_path):
    options = doremi.Options(**PAPER)
    here, there, again = (doremi.plan(context(corpus(), [], store), options) for store in (None, tmp_path, tmp_path))
    for other in (there, again):
        assert np.array_equal(here.schedule.mixtures, other.schedule.mixtures)
        pd.testing.assert_frame_equal(here.tables["alpha"], other.tables["alpha"])


def test_the_key_covers_the_reference_and_the_rates():
    assert dro().key == dro().key
    assert len({dro().key, dro(seed=1).key, dro(step_size=2.0).key, dro(smoothing=0.1).key}) == 4
