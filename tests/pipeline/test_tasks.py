"""An objective of tasks from the proxies to a chosen mixture and its targets, by the stages, at the smallest size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regmix.core.files import read_json
from regmix.core.model_shape import ModelShape
from regmix.engine.store.runs import RunStore
from regmix.evaluation import answers
from regmix.evaluation.answers import Answers, bits_per_byte
from regmix.params import Params
from stages.common.run import call
from stages.mixture.mixture_choose import mixture_choose
from stages.mixture.mixture_confirm import mixture_confirm
from stages.mixture.mixture_simulate import mixture_simulate
from stages.swarm.swarm_ahead import swarm_ahead
from stages.swarm.swarm_collect import swarm_collect
from stages.swarm.swarm_round import swarm_round
from stages.swarm.swarm_sample import swarm_sample
from stages.swarm.swarm_train import swarm_train
from stages.target.target_schedule import target_schedule
from stages.target.target_train import target_train
from tests.pipeline.test_sharing import corpus, small

TASKS = ("heldout_last_word_news", "heldout_continuation_news")
SETTINGS = {
    "objectives": {"qa": {"tasks": dict.fromkeys(TASKS, 1)}, "reviews": {"reviews": 1}},
    "evaluation.shots": [7],  # so that items fit a context of 16
    "swarm.rounds": {"second": {"follows": "data/swarm_collect", "proposals": 2, "acquisition": "bootstrap",
                                "objectives": ["qa"]}},
    "swarm.learn_from": "data/swarm_round/second",
    "mixture.fronts": {"pairs": [], "points": 3},
    "mixture.candidates": 50,
    "mixture.top_k": 5,
    "mixture.local": {"steps": 1, "candidates": 20},
    "mixture.refits": {"count": 2, "candidates": 50},
    "mixture.confirm": {"seeds": 2},
    "mixture.ensemble": ["gp"],
    "target.recipe.sequences": 2,
    "target.seeds": 2,
    "target.methods": {
        "natural": {"kind": "natural"},
        "regmix_qa": {"kind": "regmix", "objective": "qa"},
        "best_proxy_qa": {"kind": "best_proxy", "objective": "qa"},
        "one_shot_qa": {"kind": "regmix_one_shot", "objective": "qa", "regressor": "gp", "proxies": 8,
                        "candidates": 50, "top_k": 5, "seed": 0},
    },
}  # fmt: skip


def tasks() -> dict[str, Answers]:
    rng = np.random.default_rng(0)

    def drawn(length: int) -> list[list[int]]:
        return rng.integers(0, 64, (6, length)).tolist()

    return {name: Answers(drawn(8), drawn(3), bytes=50) for name in TASKS}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params]:
    folder = tmp_path_factory.mktemp("run")
    params, _ = small(**SETTINGS)
    inputs = {"corpus": corpus(folder / "corpus", params), "store": folder / "store"}
    inputs["answers"] = folder / "answers.json"
    answers.write(inputs["answers"], tasks())
    sample, swarm = folder / "sample", folder / "swarm"
    call(swarm_sample, params, tokenizer=inputs["corpus"], corpus=inputs["corpus"], out=sample)
    for shard in params.swarm.shards:
        call(swarm_train, params, shard=sample / f"shards/{shard}.json", **inputs, out=folder / f"trained/{shard}")
    call(swarm_collect, params, trained=folder / "trained", out=folder / "first")
    call(swarm_round, params, name="second", swarm=folder / "first", sample=sample, **inputs, out=swarm)
    call(mixture_simulate, params, swarm=swarm, sample=sample, out=folder / "simulated")
    call(mixture_confirm, params, simulated=folder / "simulated", sample=sample, **inputs, out=folder / "confirmed")
    call(
        mixture_choose, params, simulated=folder / "simulated", confirmed=folder / "confirmed", swarm=swarm,
        sample=sample, metrics=folder / "mixture.json", out=folder / "chosen",
    )  # fmt: skip
    plans = {"sample": sample, "swarm": swarm, "chosen": folder / "chosen"}
    call(target_schedule, params, **plans, **inputs, out=folder / "plans")
    call(target_train, params, plans=folder / "plans", **inputs, out=folder / "targets")
    return folder, params


def test_every_proxy_and_target_is_scored_on_its_final_weights(run):
    folder, params = run
    parts = ["swarm", "confirmed", *(f"targets/{method}" for method in params.target.methods)]
    for part in parts:
        losses = pd.read_csv(folder / part / "losses.csv")
        assert list(losses.columns) == ["run", *params.corpus.domains, *TASKS]
        assert np.isfinite(losses[list(TASKS)]).all(axis=None)
        assert losses["run"].is_unique
    assert not set(TASKS) & set(pd.read_csv(folder / "swarm/trajectories.csv").columns)
    stored = [RunStore(folder / "store").result(path.parent.name, weights=True)
              for path in (folder / "store").glob("*/weights.safetensors")]  # fmt: skip
    shape = ModelShape(**read_json(folder / "swarm/meta.json")["shape"])
    scores = {result.losses["news"]: bits_per_byte(shape, result.weights, tasks()) for result in stored if result}
    for row in pd.read_csv(folder / "swarm/losses.csv").to_dict("records"):
        assert {task: row[task] for task in TASKS} == scores[row["news"]]


def test_the_mixture_is_chosen_and_confirmed_by_what_answers_cost(run):
    folder, params = run
    summary = read_json(folder / "chosen/confirmed-gains.json")["qa"]
    confirmed = pd.read_csv(folder / "confirmed/losses.csv").set_index("run")
    for name, value in (("regmix_qa", summary["realised"]["loss"]), ("natural", summary["realised"]["natural_loss"])):
        own = confirmed.loc[[f"{name}-{seed}" for seed in range(params.mixture.confirm.seeds)], list(TASKS)]
        assert value == pytest.approx(own.to_numpy().mean())
    weights = read_json(folder / "chosen/qa.json")["weights"]
    assert sum(weights.values()) == pytest.approx(1)
    plan = read_json(folder / "plans/regmix_qa/plan.json")["schedule"]
    assert plan["mixtures"][0] == pytest.approx(weights)
    swarm = pd.read_csv(folder / "swarm/losses.csv").merge(pd.read_csv(folder / "swarm/mixtures.csv"), on="run")
    learnt = swarm[swarm["kind"].isin(["random", "anchor", "proposal"])]
    best = learnt.loc[learnt[list(TASKS)].mean(axis=1).idxmin()]
    mixture = read_json(folder / "plans/best_proxy_qa/plan.json")["schedule"]["mixtures"][0]
    assert mixture == pytest.approx({domain: best[f"{domain}_y"] for domain in params.corpus.trained})


def test_scoring_changes_no_loss_and_retrains_no_run(run, capsys):
    folder, params = run
    answers.write(folder / "none.json", {})
    inputs = {"corpus": folder / "corpus", "store": folder / "store"}
    shard = folder / "sample/shards/anchors.json"
    call(swarm_ahead, params, shards=folder / "sample/shards", **inputs)
    call(swarm_train, params, shard=shard, **inputs, answers=folder / "none.json", out=folder / "plain")
    assert "runs," not in capsys.readouterr().out
    plain, scored = (pd.read_csv(folder / part / "losses.csv") for part in ("plain", "trained/anchors"))
    pd.testing.assert_frame_equal(plain, scored[list(plain.columns)], check_exact=True)
