"""The engine: a run's bits depend on nothing but the run; its numbers are those of transformers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.train import train_stack
from regmix.errors import InputError
from regmix.params import Training
from regmix.schedule import Schedule

DOMAINS = ("a", "b", "c")
VOCAB = 64


def training(**recipe) -> Training:
    values = {
        "sequences": 2, "steps": 12, "lr": 1e-2, "lr_schedule": "cosine", "lr_final": 0.1, "warmup": 0.25,
        "betas": [0.9, 0.95], "weight_decay": 0.1, "clip": 1.0, "precision": "fp32",
    }  # fmt: skip
    return Training.model_validate(
        {
            "shape": {"layers": 2, "heads": 2, "width": 16, "ffn": 24, "context": 16},
            "recipe": values | recipe,
            "validation": {"final_tokens": 64, "logged_tokens": 32, "logged": 3},
        }
    )


def setup(**recipe) -> Setup:
    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(0, 20 * (i + 1), 2000).astype(np.uint16) for i, name in enumerate(DOMAINS)}
    valid = {
        name: rng.integers(0, min(20 * (i + 1), VOCAB), 300).astype(np.uint16) for i, name in enumerate((*DOMAINS, "d"))
    }
    return Setup(training(**recipe), VOCAB, tokens, valid)


def runs(count: int) -> list[Run]:
    mixtures = np.random.default_rng(1).dirichlet(np.ones(3), count)
    return [Run(f"r{i}", Schedule.static(DOMAINS, mixtures[i]), seed=100 + i) for i in range(count)]


def train(kit: Setup, chosen: list[Run]) -> dict[str, Result]:
    states = [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen]
    return {run.name: result for run, result in zip(chosen, train_stack(kit, states), strict=True)}


def same(one: Result, other: Result) -> bool:
    assert one.weights is not None
    assert other.weights is not None
    equal = all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    return equal and dataclasses.replace(one, weights=None, schedule=None) == dataclasses.replace(
        other, weights=None, schedule=None
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_has_the_same_bits_alone_in_company_and_permuted(precision):
    kit, all_runs = setup(precision=precision), runs(16)
    alone = train(kit, all_runs[2:3])["r2"]
    for company in (all_runs[:3], all_runs[:8], all_runs, all_runs[::-1]):
        assert same(train(kit, company)["r2"], alone)


def test_another_seed_or_mixture_is_another_run():
    kit, (first, second, *_) = setup(), runs(3)
    results = train(kit, [first, dataclasses.replace(first, name="seed", seed=7), second])
    assert not same(results["r0"], results["seed"])
    assert not same(results["r0"], results["r1"])


def test_a_resumed_run_ends_in_the_same_bits():
    kit, chosen = setup(), runs(3)
    whole = train(kit, chosen)
    states = [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen]
    saved = []

    def stop_at_8() -> None:
        if states[0].step == 8:
            for state in states:
                value = state.to_checkpoint()
                value["tensors"] = {
                    kind: {name: tensor.clone() for name, tensor in group.items()}
                    for kind, group in state.tensors.items()
                }
                saved.append(value)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stack(kit, states, checkpoint=stop_at_8)
    # Resumed in another company and order.
    resumed = [RunState.from_checkpoint(run, value) for run, value in zip(chosen[::-1], saved[::-1], strict=True)]
    for result, run in zip(train_stack(kit, resumed[:2]), chosen[::-1], strict=False):
        assert same(result, whole[run.name])


def test_a_stack_trains_as_transformers_does_alone():
    """Same init, batches, AdamW and clipping, in transformers' model and torch's loop.

    The tolerance is rounding: float32 sums in another order, over 12 steps.
    """
    transformers = pytest.importorskip("transformers")
    from regmix.export import to_transformers

    kit, chosen = setup(), runs(3)
    result = train(kit, chosen)["r1"]
    run = chosen[1]
    start = RunState.start(run, kit.shape, len(DOMAINS))
    weights = {name: tensor.numpy() for name, tensor in start.tensors["weights"].items()}
    model = to_transformers(kit.shape, weights)
    assert isinstance(model, transformers.LlamaForCausalLM)
    recipe = kit.recipe
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=0.1)
    tokens, _ = kit.loader.batches(run.seed, run.schedule, np.zeros(3, np.int64), 0, recipe.steps)
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = kit.learning_rate(step)
        batch = torch.from_numpy(tokens[step]).long()
        logits = model(batch[:, :-1]).logits
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
    for name, windows in kit.windows.items():
        with torch.no_grad():
            logits = model(windows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        assert result.losses[name] == pytest.approx(float(loss), abs=2e-5)


def test_bf16_products_stay_near_fp32():
    """bfloat16 keeps 8 bits of a product's factors; over 12 steps the loss moves in the third digit."""
    fp32, bf16 = (train(setup(precision=precision), runs(2)) for precision in ("fp32", "bf16"))
    assert fp32["r0"].losses != bf16["r0"].losses
    for name, loss in fp32["r0"].losses.items():
        assert bf16["r0"].losses[name] == pytest.approx(loss, rel=5e-3)


def test_training_lowers_the_loss_of_what_it_trains_on():
    kit = setup(steps=60, lr=2e-2)
    only_a = Run("a", Schedule.static(DOMAINS, np.array([1.0, 0, 0])), seed=1)
    result = train(kit, [only_a])["a"]
    # Domain a has 20 equally likely tokens: log 20, but for chance in the validation text.
    assert result.losses["a"] == pytest.approx(np.log(20), abs=0.2)
    assert result.losses["c"] > np.log(VOCAB)
    assert result.ledger == {"a": 60 * 2 * 16, "b": 0, "c": 0}


def test_a_loss_that_is_not_finite_names_run_step_and_mixture():
    kit = setup(lr=1e30, clip=1e30, warmup=0.0)
    with pytest.raises(InputError, match=r"run r0: loss is not finite at step \d+ under mixture a 0\.\d+, b"):
        train(kit, runs(1))


class SwitchAt:
    """A policy for the tests: at a fraction, go over to the domain whose loss is highest."""

    def __init__(self, fraction: float) -> None:
        self.fraction = fraction

    def decide(self, fraction: float, losses: Mapping[str, float], schedule: Schedule) -> np.ndarray | None:
        if abs(fraction - self.fraction) > 1e-9:
            return None
        return np.eye(3)[int(np.argmax([losses[name] for name in DOMAINS]))]


def test_a_policy_is_asked_at_logged_steps_and_its_answer_is_realised():
    kit = setup()
    run = dataclasses.replace(runs(1)[0], policy=SwitchAt(8 / 12))
    result = train(kit, [run])["r0"]
    assert result.schedule.knots.tolist() == [0, 8 / 12]
    assert sorted(result.schedule.mixtures[1]) == [0, 0, 1]
    # Replaying the realised schedule without the policy is the same run.
    replay = train(kit, [Run("r0", result.schedule, run.seed)])["r0"]
    assert same(replay, result)
