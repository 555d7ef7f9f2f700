"""Online Data Mixing: the formula, what rewards do to the mixture, and that a run replays."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from regmix.constraints.region import Region
from regmix.core.schedule import Schedule
from regmix.engine.policy import Seen
from regmix.engine.run import Run
from regmix.methods import odm
from regmix.target.interface import Plan
from tests.engine.test_engine import DOMAINS, resumed, same, setup, train, training

OPTIONS = {"every": 1, "smoothing": 0.9, "warmup": 0.02}


def bandit(prior, bounds=None, **options) -> tuple[odm.Bandit, Schedule]:
    names = tuple("abcdefgh"[: len(prior)])
    region = Region.below(names, np.ones(len(prior)) if bounds is None else np.array(bounds), np.array(prior))
    plan = Plan(Schedule.static(names, np.array(prior)), facts={"region": region.to_json()})
    return odm.Bandit(plan, odm.Options(**OPTIONS | options)), plan.schedule


def drive(policy: odm.Bandit, schedule: Schedule, losses, steps: int, sequences: int) -> list[np.ndarray]:
    """The mixtures of a run whose domains lose what ``losses`` says, in sequences drawn by the mixture in force."""
    rng, state, seen = np.random.default_rng(0), policy.start(schedule), []
    for step in range(1, steps + 1):
        drawn = rng.choice(len(losses), sequences, p=schedule.mixtures[-1] / schedule.mixtures[-1].sum())
        nats = np.repeat(np.array(losses)[drawn][:, None], 4, axis=1).astype(np.float32)
        state = policy.observe(state, Seen(step - 1, np.zeros((sequences, 5), np.int32), drawn, nats))
        state, mixture = policy.decide(state, step / (steps + 1), None, schedule)
        if mixture is not None:
            schedule = schedule.switched(step / (steps + 1), mixture)
        seen.append(schedule.mixtures[-1])
    return seen


def test_a_turn_is_algorithm_1():
    policy, schedule = bandit([0.5, 0.3, 0.2])
    state = policy.start(schedule) | {"rewards": [6.0, 0.0, 30.0], "turns": 9}
    losses = np.array([[0.5, 1.5], [2, 4], [4, 4]], np.float32)
    state = policy.observe(state, Seen(9, np.zeros((3, 3), np.int32), np.array([0, 0, 2]), losses))
    state, mixture = policy.decide(state, 0.5, None, schedule)
    # Sequences of a lose 1 and 3 nats per token, that of c 4; b was not drawn.
    rewards = [0.9 * 6 + 0.1 * 2 / 0.5, 0, 0.9 * 30 + 0.1 * 4 / 0.2]
    assert state["rewards"] == pytest.approx(rewards)
    before, now = (math.sqrt(math.log(3) / (3 * t)) for t in (10, 11))
    powers = [math.exp(before * reward) for reward in rewards]
    assert mixture == pytest.approx([(1 - 3 * now) * power / sum(powers) + now for power in powers])


def test_the_one_domain_with_rewards_gets_most_of_the_weight():
    mixtures = drive(*bandit([0.25] * 4), losses=[0.5, 0.5, 30, 0.5], steps=80, sequences=8)
    late = np.mean(mixtures[40:], axis=0)
    assert late[2] > 0.6
    assert np.delete(late, 2).max() < 0.2


def test_equal_losses_end_near_uniform_whatever_the_prior():
    mixtures = drive(*bandit([0.7, 0.1, 0.1, 0.1]), losses=[3, 3, 3, 3], steps=200, sequences=8)
    assert np.mean(mixtures[100:], axis=0) == pytest.approx(np.full(4, 0.25), abs=0.02)


@pytest.mark.parametrize("bounds", [None, [0.3, 1, 0.4, 1]])
def test_every_mixture_is_on_the_simplex_above_the_exploration_rate_and_within_the_bounds(bounds):
    policy, schedule = bandit([0.25] * 4, bounds)
    mixtures = drive(policy, schedule, losses=[0.5, 2, 30, 0.5], steps=80, sequences=8)
    for turn, mixture in enumerate(mixtures, start=1):
        assert mixture.sum() == pytest.approx(1, abs=1e-9)
        assert np.all(mixture >= odm.exploration(turn + 1, 4) - 1e-9)
        assert np.all(mixture <= policy.region.high + 1e-9)
    if bounds:
        assert max(mixture[2] for mixture in mixtures) == pytest.approx(0.4)


def test_the_prior_holds_through_the_warm_up_and_a_mixture_through_a_turn():
    policy, schedule = bandit([0.7, 0.2, 0.1], every=5, warmup=0.25)
    mixtures = drive(policy, schedule, losses=[1, 9, 1], steps=59, sequences=4)
    changes = [step for step in range(2, 60) if not np.array_equal(mixtures[step - 1], mixtures[step - 2])]
    assert np.array_equal(mixtures[13], [0.7, 0.2, 0.1])
    assert changes[0] == 15  # a quarter of 60
    assert {step % 5 for step in changes} == {0}


def steered(**options) -> Run:
    prior = Schedule.static(DOMAINS, np.array([0.2, 0.5, 0.3]))
    bounds = np.array([0.5, 1, 0.4])
    plan = Plan(prior, facts={"region": Region.below(DOMAINS, bounds, prior.at(0)).to_json()})
    policy = odm.policy(plan, odm.Options(**OPTIONS | options), training())
    return Run("r", prior, seed=3, policy=policy, most=bounds)


def test_a_run_resumed_in_mid_turn_ends_in_the_same_bits():
    kit, run = setup(), steered(every=2, warmup=0.2)
    whole = train(kit, [run])["r"]
    again = resumed(kit, run, 7)
    assert same(again, whole)
    assert np.array_equal(again.schedule.mixtures, whole.schedule.mixtures)
    assert whole.state["turns"] == 5  # of 12 steps; after the last there is nothing to decide


def test_the_realised_schedule_without_the_policy_is_the_same_run():
    kit, run = setup(), steered()
    result = train(kit, [run])["r"]
    assert len(np.unique(result.schedule.mixtures, axis=0)) > 5
    replay = train(kit, [Run("r", result.schedule, run.seed)])["r"]
    assert same(dataclasses.replace(replay, state=result.state), result)


def test_the_key_covers_options_and_bounds():
    keys = {
        bandit([0.5, 0.5], bounds, **options)[0].key
        for bounds in (None, [0.7, 0.9])
        for options in ({}, {"every": 2}, {"smoothing": 0.5}, {"warmup": 0.1})
    }
    assert len(keys) == 8
    assert bandit([0.5, 0.5])[0].key in keys
