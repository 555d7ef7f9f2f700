"""The engine: a run's bits depend on nothing but the run; its numbers are those of transformers."""

from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from regmix.ablations.bench import unlogged
from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.core.schedule import Schedule
from regmix.engine import train as loop
from regmix.engine.compute import adamw
from regmix.engine.compute.compiled import Kernels, score
from regmix.engine.compute.pytorch import autograd
from regmix.engine.compute.pytorch.autograd import Autograd
from regmix.engine.compute.threads import one_thread
from regmix.engine.policy import Policy
from regmix.engine.run import Result, Run, RunState, Setup, initial_weights
from regmix.engine.settings import Training
from tests.paths import ROOT
from tests.training import train_stack

DOMAINS = ("a", "b", "c")
VOCAB = 64


def training(**recipe) -> Training:
    values = {
        "sequences": 2, "steps": 12, "lr": 1e-2, "lr_schedule": "cosine", "lr_final": 0.1, "warmup": 0.25,
        "betas": [0.9, 0.95], "weight_decay": 0.1, "clip": 1.0, "draws": "independent", "precision": "fp32",
    }  # fmt: skip
    return Training.model_validate(
        {
            "shape": {"layers": 2, "heads": 2, "width": 12, "ffn": 20, "context": 16},
            "recipe": values | recipe,
            "validation": {"final_tokens": 64, "logged_tokens": 32, "logged": 3},
        }
    )


def setup(chosen: Training | None = None, **recipe) -> Setup:
    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(0, 20 * (i + 1), 2000).astype(np.uint16) for i, name in enumerate(DOMAINS)}
    valid = {
        name: rng.integers(0, min(20 * (i + 1), VOCAB), 300).astype(np.uint16) for i, name in enumerate((*DOMAINS, "d"))
    }
    return Setup(chosen or training(**recipe), VOCAB, tokens, valid)


def runs(count: int) -> list[Run]:
    mixtures = np.random.default_rng(1).dirichlet(np.ones(3), count)
    return [Run(f"r{i}", Schedule.static(DOMAINS, mixtures[i]), seed=100 + i) for i in range(count)]


def train(kit: Setup, chosen: list[Run]) -> dict[str, Result]:
    states = [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen]
    return {run.name: result for run, result in zip(chosen, train_stack(kit, states), strict=True)}


def resumed(kit: Setup, run: Run, stop: int) -> Result:
    """The run taken up again from its checkpoint after ``stop`` steps."""
    state, saved = RunState.start(run, kit.shape, len(DOMAINS)), []

    def checkpoint() -> None:
        if state.step == stop:
            saved.append(copy.deepcopy((state.to_json(), state.tensors)))

    train_stack(kit, [state], checkpoint=checkpoint)
    return train_stack(kit, [RunState.from_json(run, *saved[0])])[0]


def same(first: Result, second: Result) -> bool:
    assert first.weights is not None
    assert second.weights is not None
    equal = all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    return equal and dataclasses.replace(first, weights=None, schedule=None) == dataclasses.replace(
        second, weights=None, schedule=None
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_has_the_same_bits_alone_in_company_and_permuted(precision):
    kit, all_runs = setup(precision=precision), runs(16)
    assert kit.shape.parameters % 8, "loops over the parameters end with less than a vector"
    alone = train(kit, all_runs[2:3])["r2"]
    for company in (all_runs[:3], all_runs[:8], all_runs, all_runs[::-1]):
        assert same(train(kit, company)["r2"], alone)


def test_another_seed_or_mixture_is_another_run():
    kit, (first, second, *_) = setup(), runs(3)
    results = train(kit, [first, dataclasses.replace(first, name="seed", seed=7), second])
    assert not same(results["r0"], results["seed"])
    assert not same(results["r0"], results["r1"])


def test_losses_along_the_way_change_nothing_at_the_end():
    logged, only_at_the_end = (train(setup(each), runs(2)) for each in (training(), unlogged(training())))
    for name, result in logged.items():
        assert [step for step, _ in only_at_the_end[name].trajectory] == [12]
        assert same(dataclasses.replace(only_at_the_end[name], trajectory=result.trajectory), result)


def test_large_steps_are_gathered_fewer_at_a_time_and_a_checkpoint_comes_as_soon(monkeypatch):
    kit, chosen = setup(), runs(3)
    whole = train(kit, chosen)
    step = len(chosen) * kit.recipe.sequences * kit.shape.context
    monkeypatch.setattr(loop, "TOKENS", 2 * step)
    assert [loop.ahead(tokens) for tokens in (1, step, step + 1, 9 * step)] == [loop.AHEAD, 2, 1, 1]
    states, seen = [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen], [0]
    results = train_stack(kit, states, checkpoint=lambda: seen.append(states[0].step))
    assert max(b - a for a, b in pairwise(seen)) == 2
    assert all(same(result, whole[run.name]) for run, result in zip(chosen, results, strict=True))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_ends_in_the_same_bits(precision):
    kit, chosen = setup(precision=precision), runs(3)
    whole = train(kit, chosen)
    states = [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen]
    saved = []

    def stop_at_8() -> None:
        if states[0].step == 8:
            saved.extend(copy.deepcopy((state.to_json(), state.tensors)) for state in states)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stack(kit, states, checkpoint=stop_at_8)
    # Resumed in another company and order.
    resumed = [RunState.from_json(run, *value) for run, value in zip(chosen[::-1], saved[::-1], strict=True)]
    for result, run in zip(train_stack(kit, resumed[:2]), chosen[::-1], strict=False):
        assert same(result, whole[run.name])


def test_a_stack_trains_as_transformers_does_alone():
    """Same init, batches, AdamW and clipping, in transformers' model and torch's loop.

    The tolerance is rounding: float32 sums in another order, over 12 steps.
    """
    transformers = pytest.importorskip("transformers")
    from regmix.evaluation.to_transformers import to_transformers

    kit, chosen = setup(), runs(3)
    result = train(kit, chosen)["r1"]
    run = chosen[1]
    start = RunState.start(run, kit.shape, len(DOMAINS))
    model = to_transformers(kit.shape, start.tensors["weights"])
    assert isinstance(model, transformers.LlamaForCausalLM)
    recipe = kit.recipe
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=0.1)
    tokens, *_ = kit.loader.batches(run.seed, run.schedule, np.zeros(3, np.int64), 0, recipe.steps)
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = kit.learning_rate(step)
        batch = torch.from_numpy(tokens[step]).long()
        logits = model(batch[:, :-1]).logits
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
    for name, windows in kit.windows.items():
        valid = torch.from_numpy(windows)
        with torch.no_grad():
            logits = model(valid[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), valid[:, 1:].flatten())
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
    kit = setup(lr=1e15, clip=1e15, warmup=0.0)
    with pytest.raises(InputError, match=r"run r0: loss is not finite at step \d+ under mixture a 0\.\d+, b"):
        train(kit, runs(1))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("name", "columns"), [("embed", slice(None)), ("0.qkv", slice(1)), ("1.qkv", slice(12, 13))])
def test_weights_that_are_not_numbers_show_in_the_loss(precision, name, columns):
    """In queries and keys as well, which reach the loss through the softmax of their scores alone."""
    kit, (run, *_) = setup(precision=precision), runs(1)
    state = RunState.start(run, kit.shape, len(DOMAINS))
    state.tensors["weights"][name][:, columns] = np.nan
    with pytest.raises(InputError, match=r"run r0: loss is not finite at step 0 under mixture a 0\.\d+, b"):
        train_stack(kit, [state])


class SwitchAt(Policy):
    """A policy for the tests: at a fraction, go over to the domain whose loss is highest."""

    key = "switch"

    def __init__(self, fraction: float) -> None:
        self.fraction = fraction

    def decide(self, state, fraction, losses, schedule):
        if losses is None or abs(fraction - self.fraction) > 1e-9:
            return state, None
        return state, np.eye(3)[int(np.argmax([losses[name] for name in DOMAINS]))]


class Chaser(Policy):
    """A policy for the tests: at every step, mostly the domain whose windows have lost least so far."""

    key = "chase"
    stepwise = True

    def start(self, schedule):
        return {"lost": [0.0, 0.0, 0.0], "asked": 0}

    def observe(self, state, seen):
        lost = list(state["lost"])
        for domain, losses in zip(seen.domains.tolist(), seen.losses, strict=True):
            lost[domain] += float(losses.sum())
        return state | {"lost": lost}

    def decide(self, state, fraction, losses, schedule):
        chosen = 0.8 * np.eye(3)[int(np.argmin(state["lost"]))] + 0.2 / 3
        return state | {"asked": state["asked"] + 1}, chosen


class Counting(Policy):
    """A policy for the tests: the first domain counts for ``weight``, the others for nothing."""

    key = "count"

    def __init__(self, weight: float) -> None:
        self.weights = np.array([weight, 0, 0])

    def loss_weights(self, state):
        return self.weights


def test_a_policy_is_asked_at_logged_steps_and_its_answer_is_realised():
    kit = setup()
    run = dataclasses.replace(runs(1)[0], policy=SwitchAt(8 / 12))
    result = train(kit, [run])["r0"]
    assert result.schedule.knots.tolist() == [0, 8 / 12]
    assert sorted(result.schedule.mixtures[1]) == [0, 0, 1]
    # Replaying the realised schedule without the policy is the same run.
    replay = train(kit, [Run("r0", result.schedule, run.seed)])["r0"]
    assert same(replay, result)


def test_a_policy_that_sees_every_step_is_replayed_by_its_schedule_and_leaves_its_company_alone():
    kit, (first, second, third) = setup(), runs(3)
    steered = dataclasses.replace(first, policy=Chaser())
    together = train(kit, [second, steered, third])
    result = together["r0"]
    assert same(train(kit, [steered])["r0"], result)
    assert same(together["r1"], train(kit, [second])["r1"])
    assert result.state["asked"] == 11  # after every step but the last
    assert len(result.schedule.knots) == 12
    replay = train(kit, [Run("r0", result.schedule, first.seed)])["r0"]
    assert same(dataclasses.replace(replay, state=result.state), result)
    *_, ledger = kit.loader.batches(first.seed, result.schedule, np.zeros(3, np.int64), 0, 12)
    assert (ledger * 16).tolist() == list(result.ledger.values())


def test_a_killed_online_run_ends_in_the_same_bits():
    kit, run = setup(), dataclasses.replace(runs(1)[0], policy=Chaser())
    whole = train(kit, [run])["r0"]
    for stop in (3, 8):
        again = resumed(kit, run, stop)
        assert same(again, whole)
        assert np.array_equal(again.schedule.mixtures, whole.schedule.mixtures)


def test_a_sequence_counts_in_the_loss_as_the_policy_says():
    """All on the first domain and weights of 1 is a run without weights; weights of 0 leave the model as it was."""
    kit = setup(weight_decay=0.0)
    plain = Run("r", Schedule.static(DOMAINS, np.array([1.0, 0, 0])), seed=3)
    counting = dataclasses.replace(plain, policy=Counting(1.0))
    assert same(train(kit, [counting])["r"], train(kit, [plain])["r"])
    ignored = Run("r", Schedule.static(DOMAINS, np.array([0, 1.0, 0])), seed=3, policy=Counting(1.0))
    weights = train(kit, [ignored])["r"].weights
    start = RunState.start(ignored, kit.shape, 3).tensors["weights"]
    assert weights is not None
    assert all(np.array_equal(weights[name], start[name]) for name in weights)


@pytest.mark.parametrize(
    ("shape", "sequences"),
    [
        (ModelShape(2, 2, 32, 96, 64, 512), 6),  # more than a block of tokens
        (ModelShape(1, 3, 12, 20, 7, 33), 5),  # nothing a whole number of vectors
        (ModelShape(1, 2, 64, 192, 300, 4099), 2),  # sequences longer than a block, logits and products in parts
    ],
)
def test_the_compiled_kernels_agree_with_autograd(shape, sequences, monkeypatch):
    rng = np.random.default_rng(0)
    start = initial_weights(shape, 5)
    tokens, counts = rng.integers(0, shape.vocab, (sequences, shape.context + 1)), rng.exponential(size=sequences)
    flat, counts = shape.flat(start), counts.astype(np.float32)
    grad, reference = np.empty((2, len(flat)), np.float32)
    monkeypatch.setattr(autograd, "PASS_TOKENS", 2 * shape.context)
    with one_thread():
        each = Autograd(shape, torch.float32).losses(flat, tokens, counts, reference)
        losses = Kernels(shape).losses(flat, tokens, counts, grad)
        assert np.array_equal(Kernels(shape).losses(flat, tokens), losses)
    assert losses == pytest.approx(each, abs=1e-5)
    for (name, value), expected in zip(shape.parts(grad).items(), shape.parts(reference).values(), strict=True):
        assert np.linalg.norm(value - expected) <= 2e-6 * np.linalg.norm(expected) + 1e-9, name


@pytest.mark.parametrize("clip", [1.0, 1e9])
def test_the_compiled_update_is_torch_s_clipping_and_adamw(clip):
    rng = np.random.default_rng(0)
    weights, first, second = rng.standard_normal(1003, np.float32), *np.zeros((2, 1003), np.float32)
    theirs = torch.nn.Parameter(torch.from_numpy(weights.copy()))
    optimizer = torch.optim.AdamW([theirs], betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(1, 31):
        grad = rng.standard_normal(1003, np.float32) * np.float32(0.1)
        optimizer.param_groups[0]["lr"] = lr = 1e-2 / step
        theirs.grad = torch.from_numpy(grad)
        torch.nn.utils.clip_grad_norm_(theirs, clip)
        optimizer.step()
        adamw.update(weights, grad, first, second, step, lr, 0.9, 0.95, 0.1, clip)
    assert weights == pytest.approx(theirs.detach().numpy(), abs=4e-6)  # rounding of weights up to 4, 30 times


def test_a_gradient_that_is_not_finite_is_not_clipped_away():
    weights, grad, first, second = np.zeros((4, 8), np.float32)
    grad[3] = np.nan
    adamw.update(weights, grad, first, second, 1, 1e-2, 0.9, 0.95, 0.1, 1.0)
    assert np.isnan(weights[3])


BITS = """
from tests.engine.test_engine import runs, setup, train
print([result.losses for result in train(setup(), runs(2)).values()])
"""


@pytest.mark.slow
def test_a_process_that_compiles_the_kernels_and_one_that_loads_them_compute_the_same_bits(tmp_path):
    root = ROOT
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    outputs = []
    for _ in range(2):
        completed = subprocess.run([sys.executable, "-c", BITS], capture_output=True, text=True, check=True, env=env)
        outputs.append(completed.stdout)
        assert list(tmp_path.glob("*/kernels.losses_of*.nbc"))
    assert outputs[0] == outputs[1]


def test_kernels_refuse_arrays_of_other_types_than_they_were_compiled_for():
    arrays = np.zeros((4, 8), np.float32)
    arrays.flags.writeable = False
    with pytest.raises(TypeError, match="No matching definition"):
        adamw.update(*arrays, 1, 1e-2, 0.9, 0.95, 0.1, 1.0)


def test_a_token_outside_the_vocabulary_is_an_error():
    shape = ModelShape(1, 1, 8, 8, 4, 10)
    with pytest.raises(InputError, match="token 10 is outside the vocabulary of 10; a token file is damaged"):
        score(shape, initial_weights(shape, 0), np.full((1, 5), 10))


@pytest.mark.parametrize("compute", [Kernels, lambda shape: Autograd(shape, torch.float32)])
def test_a_weighted_loss_has_the_gradients_of_its_definition(compute):
    shape = ModelShape(1, 2, 16, 24, 16, VOCAB)
    losses_of, rng = compute(shape).losses, np.random.default_rng(0)
    flat = rng.standard_normal(shape.parameters, np.float32) * np.float32(0.2)
    tokens, counts = rng.integers(0, VOCAB, (3, 17)), np.array([1.0, 0.5, 2.5], np.float32)
    grad, *alone = np.full((4, shape.parameters), np.nan, np.float32)
    with one_thread():
        losses_of(flat, tokens, counts, grad)
        for b, row in enumerate(alone):
            losses_of(flat, tokens[b : b + 1], None, row)
    # By definition: the mean over sequences, each the plain loss of a run on it alone.
    assert np.allclose(grad, np.mean(counts[:, None] * alone, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ([0.5, 0.6, 0], r"run r0: the policy's mixture at step 4: mixture is off the simplex \(sum 1\.1"),
        ([1.5, -0.5, 0], "lowest weight -0.5 of b"),
        ([0.0, 0.0, 1.0], r"c has 0\.\d+ of training, above 0\.4, beyond which its text is repeated"),
    ],
)
def test_a_policy_off_the_simplex_or_beyond_a_bound_is_an_error(mixture, message):
    class Wrong(Policy):
        def decide(self, state, fraction, losses, schedule):
            return state, np.array(mixture)

    run = dataclasses.replace(runs(1)[0], policy=Wrong(), most=np.array([1, 1, 0.4]))
    with pytest.raises(InputError, match=message):
        train(setup(), [run])
