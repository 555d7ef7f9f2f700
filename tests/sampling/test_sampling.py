"""Mixtures keep their rules, and a larger swarm or simulation extends a smaller one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regmix.constraints.build import by_tokens
from regmix.constraints.epochs import token_shares, weight_bounds
from regmix.constraints.region import Region, project
from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.sampling import draws, shards
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm

LOGGED = (0.25, 0.5, 0.75, 1.0)
TOKENS = {"news": 4_000_000, "law": 900_000, "drama": 90_000, "code": 10_000}


def swarm(**changes: Any) -> Swarm:
    values = {
        "seed": 0,
        "run_seeds": "own",
        "repetition": "free",
        "rounds": {},
        "learn_from": "data/swarm_collect",
        "shards": ["random-0"],
        "per_shard": 8,
        "switches": 2,
        "heldout": 4,
        "repeats": {"mixtures": 2, "seeds": 3},
        "temperature": 0.5,
        "strength": {"low": 0.1, "high": 5.0, "points": 15},
        "min_weight": 2e-4,
        "max_tries": 1000,
    }
    return Swarm.model_validate(values | changes)


def rules(train_tokens: int = 1_000_000, **changes: Any) -> Rules:
    return Rules.of(by_tokens(Constraints(), TOKENS, train_tokens), swarm(**changes), 0.0)


def weights(runs: list[shards.Planned]) -> np.ndarray:
    return np.stack([run.mixture for run in runs])


def test_a_shard_does_not_depend_on_how_many_there_are():
    both = shards.shard_runs(rules(), swarm(per_shard=16), "random-0", LOGGED)
    halves = [run for shard in ("random-0", "random-1") for run in shards.shard_runs(rules(), swarm(), shard, LOGGED)]
    assert np.array_equal(weights(both), weights(halves))
    assert [run.seed for run in both] == [run.seed for run in halves]
    assert [run.name for run in halves][7:9] == ["random-0-07", "random-1-00"]


def test_another_seed_gives_other_mixtures():
    assert not np.allclose(draws.draw(rules(), 0, 0), draws.draw(rules(seed=1), 0, 0))


def test_bounds_are_passes_over_a_domain():
    bounds = weight_bounds(TOKENS, 4, 1_000_000, "max_epochs")
    assert bounds == {"news": 16.0, "law": 3.6, "drama": 0.36, "code": 0.04}
    assert rules().bounds.tolist() == [1.0, 1.0, 0.36, 0.04]


@pytest.mark.parametrize("min_weight", [0.0, 2e-4, 0.05])
def test_draws_and_candidates_keep_simplex_bounds_and_floor(min_weight):
    limits = rules(min_weight=min_weight)
    drawn = np.stack([draws.draw(limits, draws.RANDOM, i) for i in range(50)])
    for rows in (drawn, draws.candidate_block(limits, 0, 0, 0)):
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
        assert np.all(rows <= limits.bounds)
        assert np.all((rows == 0) | (rows >= min_weight))


def test_candidates_average_to_the_tempered_prior_where_no_bound_binds():
    free = rules(train_tokens=10_000, min_weight=0.0)
    assert np.all(free.bounds == 1)
    tempered = np.sqrt(free.prior) / np.sqrt(free.prior).sum()
    np.testing.assert_allclose(draws.candidate_block(free, 0, 0, 0).mean(axis=0), tempered, atol=0.01)


def test_candidates_vary_as_a_dirichlet_of_that_strength():
    """Variance of a Dirichlet: q (1 - q) / (1 + strength); small strengths are where gammas underflow."""
    for strength in (0.1, 5.0):
        free = rules(10_000, min_weight=0.0, strength={"low": strength, "high": strength, "points": 1})
        expected = free.tempered * (1 - free.tempered) / (1 + strength)
        np.testing.assert_allclose(draws.candidate_block(free, 0, 0, 0).var(axis=0), expected, rtol=0.08)


def test_candidates_follow_the_law_of_the_swarm():
    limits = rules()
    drawn = np.stack([draws.draw(limits, draws.RANDOM, i) for i in range(1000)])
    block = draws.candidate_block(limits, 0, 0, 0)
    error = 4 * np.sqrt(block.var(axis=0) / len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - block.mean(axis=0)) < error)


def test_candidate_blocks_are_independent_of_each_other():
    limits = rules()
    alone = draws.candidate_block(limits, 0, 0, 1)
    assert len(alone) == draws.BLOCK
    draws.candidate_block(limits, 0, 0, 0)
    assert np.array_equal(draws.candidate_block(limits, 0, 0, 1), alone)
    for other in (draws.candidate_block(limits, 0, 0, 0), draws.candidate_block(limits, 0, 1, 1)):
        assert not np.allclose(other, alone)


def test_anchors_are_the_prior_uniform_and_each_domain_as_far_as_it_may_stand_alone():
    limits = rules()
    anchors = {run.name: run.mixture for run in shards.shard_runs(limits, swarm(), "anchors", LOGGED)}
    names = ["anchor-natural", "anchor-uniform", "anchor-only_news", "anchor-only_law", "anchor-only_drama"]
    assert list(anchors) == names  # the nearest to code alone is uniform
    assert np.array_equal(anchors["anchor-natural"], limits.prior)
    np.testing.assert_allclose(anchors["anchor-uniform"], [0.32, 0.32, 0.32, 0.04], atol=1e-12)
    assert np.array_equal(anchors["anchor-only_law"], [0, 1, 0, 0])
    assert anchors["anchor-only_drama"][2] == limits.bounds[2]


def test_projection_is_the_nearest_point():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mixture, bounds = rng.dirichlet(np.ones(5)), rng.uniform(0.15, 0.6, 5)
        nearest = project(mixture, np.zeros(5), bounds)
        np.testing.assert_allclose(nearest.sum(), 1, atol=1e-9)
        assert np.all((nearest >= 0) & (nearest <= bounds))
        others = rng.dirichlet(np.ones(5), 2000)
        others = others[np.all(others <= bounds, axis=1)]
        assert np.all(np.linalg.norm(others - mixture, axis=1) >= np.linalg.norm(nearest - mixture) - 1e-9)


def test_repeats_are_the_held_out_mixtures_under_other_seeds():
    heldout = shards.shard_runs(rules(), swarm(), "heldout", LOGGED)
    repeats = shards.shard_runs(rules(), swarm(), "repeats", LOGGED)
    assert [run.name for run in repeats[:4]] == ["heldout-00+1", "heldout-00+2", "heldout-00+3", "heldout-01+1"]
    assert np.array_equal(weights(repeats), np.repeat(weights(heldout[:2]), 3, axis=0))


def test_every_run_of_a_swarm_has_a_seed_of_its_own():
    names = ("random-0", "random-1", "anchors", "heldout", "repeats")
    seeds = [run.seed for shard in names for run in shards.shard_runs(rules(), swarm(), shard, LOGGED)]
    assert len(set(seeds)) == len(seeds) == 2 * 8 + 5 + 4 + 6
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_with_a_shared_seed_runs_differ_by_their_mixture_and_repeats_by_their_repetition():
    shared = swarm(run_seeds="shared")
    runs = [
        run for shard in ("random-0", "anchors", "heldout") for run in shards.shard_runs(rules(), shared, shard, LOGGED)
    ]
    runs += shards.proposed(rules(), shared, "second", np.eye(4)[:2])
    assert len({run.seed for run in runs}) == 1
    repeats = [run.seed for run in shards.shard_runs(rules(), shared, "repeats", LOGGED)]
    assert repeats[:3] == repeats[3:]
    assert len({*repeats, runs[0].seed}) == 4


def test_the_first_random_runs_are_those_of_the_shards_and_a_round_has_seeds_of_its_own():
    first = shards.random_runs(rules(), swarm(), 12)
    listed = [run for shard in ("random-0", "random-1") for run in shards.shard_runs(rules(), swarm(), shard, LOGGED)]
    assert np.array_equal(weights(first), weights(listed)[:12])
    assert [run.seed for run in first] == [run.seed for run in listed[:12]]
    proposed = shards.proposed(rules(), swarm(), "second", np.eye(4)[:2])
    assert [run.name for run in proposed] == ["second-00", "second-01"]
    assert len({run.seed for run in proposed} | {run.seed for run in first}) == 14


ROUND = {"proposals": 2, "acquisition": "bootstrap", "objectives": ["news"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"learn_from": "data/swarm_round/second"},
            "learn_from: unknown round 'data/swarm_round/second'; use one of data/",
        ),
        (
            {"rounds": {"a": {"follows": "a", **ROUND}}},
            r"rounds\.a\.follows: unknown round 'a'; use one of",
        ),
        (
            {"rounds": {"a": {"follows": "data/swarm_round/a", **ROUND}}},
            r"rounds\.a\.follows = data/swarm_round/a: it follows itself; use data/swarm_collect",
        ),
        (
            {"rounds": {n: {"follows": f"data/swarm_round/{m}", **ROUND} for n, m in (("a", "b"), ("b", "a"))}},
            r"rounds\.b\.follows = data/swarm_round/a: it follows itself; use data/swarm_collect",
        ),
        (
            {
                "rounds": {
                    "a": {
                        "follows": "data/swarm_collect",
                        "proposals": 0,
                        "acquisition": "bootstrap",
                        "objectives": ["news"],
                    }
                }
            },
            "proposals",
        ),
    ],
)
def test_a_round_that_follows_none_or_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        swarm(**changes)


def test_a_shard_reads_back_as_schedules():
    runs = shards.shard_runs(rules(), swarm(), "heldout", LOGGED)
    shard = shards.shard_json(rules(), runs)
    assert shard["domains"] == list(TOKENS)
    for run, entry in zip(runs, shard["runs"], strict=True):
        assert np.array_equal(Schedule.from_json(entry["schedule"]).at(0.5), run.mixture)


def test_bounds_that_no_mixture_keeps_are_refused():
    with pytest.raises(InputError, match=r"max_epochs = 0.1: .* code at 0.001\); raise it above 0.2 "):
        weight_bounds(TOKENS, 0.1, 1_000_000, "max_epochs")
    with pytest.raises(InputError, match=r"max_epochs = 0.2: .* sum to 1, so only one mixture keeps them \(tight"):
        weight_bounds(TOKENS, 0.2, 1_000_000, "max_epochs")
    assert sum(weight_bounds(TOKENS, 0.2000001, 1_000_000, "max_epochs").values()) >= 1


def test_bounds_that_no_draw_keeps_name_the_domain():
    tight = rules(train_tokens=19_900_000, max_tries=20)
    with pytest.raises(InputError, match=r"swarm.max_tries = 20: .* news is above its bound of 0.804 in \d+% of"):
        _ = [draws.draw(tight, draws.RANDOM, i) for i in range(20)]
    with pytest.raises(InputError, match=r"swarm.max_tries = 20: .*raise constraints.max_epochs"):
        draws.candidate_block(tight, 0, 0, 0)


def test_a_floor_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match=r"swarm.min_weight = 1: .*lower it below 1 / 4"):
        draws.draw(rules(min_weight=1.0, strength={"low": 50, "high": 50, "points": 1}), 0, 0)


def test_a_domain_without_tokens_is_refused():
    with pytest.raises(InputError, match=r"corpus.domains.law: 0 training tokens"):
        token_shares(TOKENS | {"law": 0})


def test_switched_proxies_change_to_fresh_mixtures_at_logged_steps():
    runs = shards.shard_runs(rules(), swarm(), "switched-1", LOGGED)
    assert {run.kind for run in runs} == {"switched"}
    for run in runs:
        assert len(run.schedule.knots) == 3
        assert set(run.schedule.knots) <= {0, 0.25, 0.5, 0.75}
        assert len(np.unique(run.schedule.mixtures, axis=0)) == 3
        assert (run.schedule.mixtures <= rules().bounds + 1e-12).all()
    assert len({tuple(run.schedule.knots) for run in runs}) > 1
    more = shards.shard_runs(rules(), swarm(per_shard=16), "switched-0", LOGGED)[8:]
    assert np.array_equal(weights(runs), weights(more))
    with pytest.raises(InputError, match=r"swarm\.switches = 4: the proxies have 3 logged steps before their last"):
        shards.shard_runs(rules(), swarm(switches=4), "switched-0", LOGGED)


@pytest.mark.parametrize("shards_", [["random-0", "anchors"], ["random-0"]])
def test_a_random_mixture_that_repeats_an_anchor_is_drawn_again_if_there_are_anchors(shards_):
    few = Rules.within(Region.below(("a", "b"), np.ones(2), np.full(2, 0.5)))
    settings = swarm(per_shard=200, shards=shards_)
    drawn = weights(shards.shard_runs(few, settings, "random-0", LOGGED))
    anchors = weights(shards.shard_runs(few, settings, "anchors", LOGGED))
    nearest = np.abs(drawn[:, None] - anchors).sum(axis=2).min(axis=1)
    if "anchors" in shards_:
        assert nearest.min() >= draws.APART
    else:
        assert (nearest < draws.APART).mean() > 0.2
    plain = np.stack([draws.draw(few, draws.RANDOM, i) for i in range(200)])
    assert (np.abs(plain - drawn).sum(axis=1) < 1e-12).mean() > 0.5  # the others are as they were


def test_where_every_draw_repeats_an_anchor_one_of_them_is_taken():
    few = Rules.within(Region.below(("a", "b"), np.ones(2), np.full(2, 0.5)), max_tries=50)
    everywhere = np.linspace([0, 1], [1, 0], 60)
    assert draws.draw(few, draws.RANDOM, 0, apart=everywhere).sum() == pytest.approx(1)
