"""Methods: what they plan on a small corpus with a real swarm, and RegMix-D online from plan to replayed run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regmix.constraints.region import Region
from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind
from regmix.corpus.tokens.tokenized import Corpus
from regmix.engine import results
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.settings import Training
from regmix.methods import (
    best_proxy,
    best_single,
    natural,
    objective_only,
    regmix,
    regmix_d_offline,
    regmix_d_online,
    regmix_one_shot,
    uniform,
)  # fmt: skip
from regmix.sampling.rules import Rules
from regmix.target.interface import Context, Proxies, Scale
from stages.target.plans import read_plan, write_plan
from tests.training import SWARM, train_stack

DOMAINS, VOCAB = ("a", "b", "c"), 32
FIRST = Objective.loss("a")
OPTIONS: dict[str, Any] = {
    "objective": "first", "granularity": 2, "regressor": "trees", "label": "loss", "kinds": ["random", "anchor"],
    "share": 1.0, "candidates": 200, "top_k": 8, "alpha": 1.0, "human": "natural", "mapping": "linear", "seed": 0,
}  # fmt: skip
ONLINE = OPTIONS | {"beta": "fitted", "beta_seeds": 1}


def training(width: int, steps: int, logged: int = 3) -> Training:
    return Training.model_validate(
        {
            "shape": {"layers": 1, "heads": 1, "width": width, "ffn": 2 * width, "context": 16},
            "recipe": {
                "sequences": 2, "steps": steps, "lr": 2e-2, "lr_schedule": "cosine", "lr_final": 0.1, "warmup": 0.1,
                "betas": [0.9, 0.95], "weight_decay": 0.1, "clip": 1.0, "draws": "independent", "precision": "fp32",
            },
            "validation": {"final_tokens": 64, "logged_tokens": 64, "logged": logged},
        }
    )  # fmt: skip


def corpus() -> Corpus:
    """Each domain repeats a few tokens of its own."""
    rng = np.random.default_rng(0)
    text = {name: (rng.integers(0, 6, 3000) + 10 * i).astype(np.uint16) for i, name in enumerate(DOMAINS)}
    valid = {name: tokens[:200] for name, tokens in text.items()}
    return Corpus(text, valid, fingerprint="tokenizer", vocab=VOCAB, eos=31, digest="digest")


def train(kit: Corpus, training: Training, runs: list[Run]) -> list[Result]:
    setup = Setup(training, VOCAB, kit.train, kit.valid)
    return train_stack(setup, [RunState.start(run, setup.shape, len(DOMAINS)) for run in runs])


def swarm(kit: Corpus, proxy: Training) -> Proxies:
    weights = np.vstack([np.random.default_rng(1).dirichlet(np.ones(3), 10), [[0.5, 0.3, 0.2]], [[1 / 3] * 3]])
    names = [*(f"random-0-{i:02d}" for i in range(10)), "anchor-natural", "anchor-uniform"]
    runs = [
        Run(name, Schedule.static(DOMAINS, row), i) for i, (name, row) in enumerate(zip(names, weights, strict=True))
    ]
    kinds = ["random"] * 10 + ["anchor"] * 2
    tables = {name: pd.DataFrame(rows) for name, rows in results.tables(runs, kinds, train(kit, proxy, runs)).items()}
    meta = results.describe(Setup(proxy, VOCAB, kit.train, kit.valid), "tokenizer")
    return Proxies(tables["mixtures"], tables["losses"], tables["schedules"], tables["trajectories"], meta)


@pytest.fixture(scope="module")
def context() -> Context:
    kit, proxy, target = corpus(), training(8, 12), training(16, 18)
    prior = np.array([0.5, 0.3, 0.2])
    region = Region.below(DOMAINS, np.array([1.0, 0.9, 0.25]), prior)
    rules = Rules.within(region, temperature=1.0, strengths=np.ones(1), min_weight=0.0, max_tries=100)
    trees = {"kind": "lightgbm", "trees": 20, "lr": 0.1, "leaves": 4, "min_rows": 2, "bags": 0}
    return Context(
        rules=rules,
        sampling=SWARM,
        objectives={"first": FIRST, "outside": Objective.loss("d")},
        recommended={"first": np.array([0.9, 0.1, 0.0])},
        regressors={"trees": Kind.model_validate(trees)},
        proxy=proxy,
        target=target,
        seeds=[100, 101],
        corpus=kit,
        swarm=swarm(kit, proxy),
        train=lambda training, runs, tokens=None, weights=True: train(kit, training, list(runs)),
        warn=lambda message: None,
    )


def options(module, **values):
    return plugins.options(module, values, "target.methods.x")


def test_static_methods_plan_what_their_names_say(context):
    assert natural.plan(context, options(natural)).schedule.at(0).tolist() == [0.5, 0.3, 0.2]
    even = uniform.plan(context, options(uniform)).schedule.at(0)
    assert even == pytest.approx([0.375, 0.375, 0.25])  # as near to a third as the bound of the third domain allows
    assert objective_only.plan(context, options(objective_only, objective="first")).schedule.at(0).tolist() == [1, 0, 0]
    chosen = regmix.plan(context, options(regmix, objective="first"))
    assert chosen.schedule.at(0).tolist() == [0.9, 0.1, 0.0]
    swarm_tokens = 12 * 12 * 2 * 16
    assert chosen.spent[0].flops()["body"] == swarm_tokens * context.swarm.meta["flops_a_token"]["body"]
    with pytest.raises(InputError, match="objective_only of 'outside', none of whose domains is trained on"):
        objective_only.plan(context, options(objective_only, objective="outside"))


def test_offline_switches_at_the_proxies_logged_steps_within_the_bounds(context):
    plan = regmix_d_offline.plan(context, options(regmix_d_offline, **OPTIONS))
    assert plan.schedule.knots.tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert plan.schedule.mixtures[0].tolist() == [0.5, 0.3, 0.2]
    assert context.rules.region.broken_by(plan.schedule) is None
    assert plan.schedule.mixtures[1, 0] > 0.5  # towards the objective's own domain
    assert len(plan.facts["queries"]) == 2


def test_a_share_of_the_proxies_is_its_first_ones_and_costs_a_share(context):
    half = regmix_d_offline.plan(context, options(regmix_d_offline, **OPTIONS | {"share": 0.5}))
    whole = regmix_d_offline.plan(context, options(regmix_d_offline, **OPTIONS))
    assert half.spent[0].flops()["body"] == pytest.approx(7 / 12 * whole.spent[0].flops()["body"])
    with pytest.raises(InputError, match=r"kinds = \['switched'\]: the swarm has no such proxies"):
        regmix_d_offline.plan(context, options(regmix_d_offline, **OPTIONS | {"kinds": ["switched"]}))


@pytest.fixture(scope="module")
def online(context, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("plan")
    write_plan(folder, regmix_d_online.plan(context, options(regmix_d_online, **ONLINE)))
    return read_plan(folder)


def run_of(context: Context, plan) -> Run:
    policy = regmix_d_online.policy(plan, options(regmix_d_online, **ONLINE), context.target)
    return Run("seed-0", plan.schedule, 100, policy, context.rules.bounds)


def test_beta_is_fitted_to_runs_of_both_sizes(context, online):
    pairs, beta, ratio = online.tables["beta"], online.facts["beta"], online.facts["ratio"]
    assert pairs["run"].unique().tolist() == ["natural+100", "uniform+100"]
    each = np.log(pairs["small"] / pairs["large"]) / np.log(ratio)
    assert beta["value"] == pytest.approx(each.mean())
    assert beta["low"] <= beta["value"] <= beta["high"]
    plan = regmix_d_online.plan(context, options(regmix_d_online, **ONLINE | {"beta": 0.05}))
    assert plan.facts["beta"] == {"value": 0.05}
    assert "beta" not in plan.tables


def test_online_decides_at_its_steps_by_the_corrected_loss_and_a_replay_is_the_same_run(context, online):
    run = run_of(context, online)
    [result] = train(context.corpus, context.target, [run])
    assert result.schedule.knots.tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    for query, (step, losses) in zip(result.state["queries"], result.trajectory, strict=False):
        assert query["raw_loss"] == losses["a"]
        assert query["corrected_loss"] == pytest.approx(
            losses["a"] * online.facts["ratio"] ** online.facts["beta"]["value"]
        )
        assert round(query["fraction"] * 18) == step
    [replay] = train(context.corpus, context.target, [Run("seed-0", result.schedule, 100)])
    assert replay.losses == result.losses
    assert replay.ledger == result.ledger


def test_a_killed_online_run_decides_the_same_again(context, online):
    setup = Setup(context.target, VOCAB, context.corpus.train, context.corpus.valid)
    run = run_of(context, online)
    [whole] = train(context.corpus, context.target, [run])
    state = RunState.start(run, setup.shape, 3)

    def kill() -> None:
        if state.step == 6:  # just after the first decision
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stack(setup, [state], checkpoint=kill)
    again = RunState.from_json(run_of(context, online), state.to_json(), state.tensors)
    [resumed] = train_stack(setup, [again])
    assert resumed.state == whole.state
    assert resumed.losses == whole.losses
    assert np.array_equal(resumed.schedule.mixtures, whole.schedule.mixtures)


def test_an_online_run_is_kept_under_what_decides_it(context, online):
    key = run_of(context, online).policy.key
    assert run_of(context, online).policy.key == key
    other = replace(online, facts=online.facts | {"ratio": online.facts["ratio"] * 2})
    assert run_of(context, other).policy.key != key
    bigger = options(regmix_d_online, **ONLINE | {"candidates": 201})
    assert regmix_d_online.policy(online, bigger, context.target).key != key


def test_a_loss_outside_the_support_is_reported(context, online):
    far = replace(online, facts=online.facts | {"beta": {"value": 3.0}})
    run = run_of(context, far)
    [result] = train(context.corpus, context.target, [run])
    assert all(query["outside"] for query in result.state["queries"])
    assert (
        run.policy.warning(result.state) == "2 of 2 queries lie outside the regressor's support; the report lists them"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"granularity": 3}, r"granularity = 3 needs 4 logged steps and the proxies have 3"),
        ({"regressor": "oracle"}, r"regressor 'oracle' is not one of trees"),
        ({"top_k": 500}, r"top_k = 500: must not exceed candidates \(200\)"),
    ],
)
def test_bad_options_are_one_line(context, changes, message):
    with pytest.raises(InputError, match=message):
        regmix_d_online.plan(context, options(regmix_d_online, **ONLINE | changes))


def test_a_target_that_logs_no_loss_where_it_is_asked_for_is_an_error(context):
    deaf = replace(context, target=training(16, 18, logged=2))
    with pytest.raises(InputError, match=r"target\.validation\.logged = 2: .* at step 6 of 18, .* set it to 3"):
        regmix_d_online.plan(deaf, options(regmix_d_online, **ONLINE))
    alone = replace(context.swarm, mixtures=context.swarm.mixtures[:10], schedules=context.swarm.schedules[:10],
                    trajectories=context.swarm.trajectories[:30])  # fmt: skip
    with pytest.raises(InputError, match="beta: fitted needs the proxy anchor-natural"):
        regmix_d_online.plan(replace(context, swarm=alone), options(regmix_d_online, **ONLINE))


def test_the_cheap_baselines_take_the_best_of_what_was_trained(context):
    losses = context.swarm.losses.assign(d=np.arange(len(context.swarm.losses))[::-1] + 1.0)
    seen = replace(context, swarm=replace(context.swarm, losses=losses))
    best = best_proxy.plan(seen, options(best_proxy, objective="outside"))
    assert best.facts["proxy"] == "anchor-uniform"
    np.testing.assert_allclose(best.schedule.mixtures[0], [0.375, 0.375, 0.25])  # a third each, moved into the bounds
    with pytest.raises(InputError, match="best_single needs proxies of single domains"):
        best_single.plan(seen, options(best_single, objective="outside"))
    mixtures = context.swarm.mixtures.copy()
    mixtures.loc[mixtures["run"] == "anchor-natural", list(DOMAINS)] = [0.375, 0.375, 0.25]
    named = {name: frame.replace("anchor-natural", "anchor-only_c") for name, frame in
             {"mixtures": mixtures, "losses": losses}.items()}  # fmt: skip
    alone = replace(seen, swarm=replace(seen.swarm, **named))
    single = best_single.plan(alone, options(best_single, objective="outside"))
    assert single.facts["domain"] == DOMAINS[2]
    np.testing.assert_allclose(single.schedule.mixtures[0], [0.375, 0.375, 0.25])  # within the bounds


def test_the_best_proxy_keeps_the_objective_s_limits_if_one_does(context):
    losses = context.swarm.losses.assign(d=np.arange(len(context.swarm.losses))[::-1] + 1.0)
    third = float(losses["a"].nsmallest(3).iloc[-1])
    for limit, allowed in ((third, losses["a"] <= third), (0.0, losses["a"] == losses["a"].min())):
        guarded = Objective(("d", "a"), np.array([1.0, 0.0]), limits=np.array([np.inf, limit]))
        seen = replace(context, objectives={"g": guarded}, swarm=replace(context.swarm, losses=losses))
        best = best_proxy.plan(seen, options(best_proxy, objective="g")).facts["proxy"]
        assert best == losses[allowed].nsmallest(1, "d")["run"].iloc[0]


def test_one_shot_regmix_trains_random_mixtures_and_takes_the_mean_of_the_best(context):
    settings = {"objective": "first", "regressor": "trees", "proxies": 8, "candidates": 500, "top_k": 5, "seed": 0}
    loose = replace(
        context, rules=replace(context.rules, region=Region.below(DOMAINS, np.ones(3), context.rules.prior))
    )
    trained: list[Run] = []

    def remember(training, runs, tokens=None, weights=True):
        assert not weights  # the swarm has none
        trained.extend(runs)
        return context.train(training, runs, tokens)

    plan = regmix_one_shot.plan(replace(loose, train=remember), options(regmix_one_shot, **settings))
    assert len(trained) == 8
    assert plan.schedule.mixtures[0].sum() == pytest.approx(1)
    assert plan.spent[0].trained == 8 * context.swarm.meta["train_tokens"]
    assert regmix_one_shot.preparation(options(regmix_one_shot, **settings), Scale(1, 1, None))[0].runs == 8
