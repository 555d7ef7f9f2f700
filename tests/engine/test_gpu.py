"""A stack on a device computes what the compiled kernels do; here on a processor, and on a GPU where there is one."""

from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from regmix.core.errors import InputError
from regmix.core.settings import Kind
from regmix.engine import train_pack as packing
from regmix.engine.compute.compiled import compiled_stack
from regmix.engine.compute.pytorch import fused
from regmix.engine.compute.pytorch import gpu as of_device
from regmix.engine.compute.pytorch.gpu import DeviceStack
from regmix.engine.compute.threads import one_thread
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_many import placed, train_runs
from regmix.engine.train_pack import Assignment, train_pack
from stages.params_check import gpu
from tests.engine.test_engine import DOMAINS, VOCAB, Chaser, runs, same, setup
from tests.engine.test_engine import train as train_plain
from tests.paths import ROOT
from tests.training import train_stack

MACHINE = Machine(processes=1, stack=1, checkpoint_seconds=1e-6, sharded=0, device="cpu", launcher=Kind(kind="local"))
COMPILING = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's compiler
LOSS, WEIGHT = 5e-6, 5e-5  # float32 sums in another order, over a dozen steps; 1e-6 and 1e-5 as measured


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
)
def device(request) -> torch.device:
    return torch.device(request.param)


def states(kit: Setup, chosen: list[Run]) -> list[RunState]:
    return [RunState.start(run, kit.shape, len(DOMAINS)) for run in chosen]


def train(kit: Setup, begun: list[RunState], device: torch.device, stop: int | None = None) -> dict[str, Result]:
    """The results; with ``stop``, the states are those after ``stop`` steps."""
    compute, copies = DeviceStack(kit, begun, device), []

    def checkpoint() -> None:
        if begun[0].step == stop:
            compute.gather()
            copies.extend(copy.deepcopy(begun))

    results = train_stack(kit, begun, checkpoint=checkpoint, compute=compute)
    begun[:] = copies or begun
    return {state.run.name: result for state, result in zip(begun, results, strict=True)}


def near(first: Result, second: Result) -> None:
    assert first.weights is not None
    assert second.weights is not None
    assert first.ledger == second.ledger
    assert first.losses == pytest.approx(second.losses, abs=LOSS)
    for name, value in first.weights.items():
        assert np.abs(value - second.weights[name]).max() <= WEIGHT, name


@pytest.mark.parametrize("chunk", [1, 7, 21, 64])
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_the_fused_cross_entropy_is_torch_s(device, chunk, dtype, limit, monkeypatch):
    """Losses, and the gradients of a weighted sum, at chunks with a rest, without one and larger than all."""
    monkeypatch.setattr(fused, "CHUNK", chunk)
    torch.manual_seed(0)
    x, head = torch.randn(21, 8).to(dtype).to(device), torch.randn(50, 8).to(dtype).to(device)
    targets, weights = torch.randint(50, (21,), device=device), torch.rand(21, device=device)
    inputs, exact = [x.clone(), head.float()], [x.double(), head.double()]
    for tensor in (*inputs, *exact):
        tensor.requires_grad_()
    total, losses = fused.cross_entropy(*inputs, targets, weights)
    plain = F.cross_entropy(exact[0] @ exact[1].t(), targets, reduction="none")
    grads = torch.autograd.grad(3 * total, inputs)
    assert (losses.dtype, grads[0].dtype, grads[1].dtype) == (torch.float32, dtype, torch.float32)
    assert not losses.requires_grad
    expected = [plain.detach(), *torch.autograd.grad(3 * (plain * weights).sum(), exact)]
    for ours, theirs in zip((losses, *grads), expected, strict=True):
        assert float((ours.double() - theirs).abs().max() / theirs.abs().max()) <= limit
    assert float(total.detach()) == pytest.approx(float((losses * weights).sum()), rel=1e-6)
    with torch.no_grad():
        assert torch.equal(fused.cross_entropy(*inputs, targets, weights)[1], losses)


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("pass_tokens", [32, 1 << 14])
def test_a_device_trains_as_the_kernels_do(device, weighed, pass_tokens, monkeypatch):
    """Step by step, each on the weights it has come to; in one pass and in several, the last smaller."""
    monkeypatch.setattr(of_device, "PASS_TOKENS", pass_tokens)
    kit, rng = setup(sequences=3), np.random.default_rng(0)
    kernels, ours = compiled_stack(kit, states(kit, runs(2))), DeviceStack(kit, states(kit, runs(2)), device)
    for step in range(kit.recipe.steps):
        tokens = rng.integers(0, VOCAB, (2, 3, kit.shape.context + 1))
        counts = rng.uniform(0.5, 1.5, (2, 3)).astype(np.float32) if weighed else None
        with one_thread():
            reference = kernels.step(tokens, counts, kit.learning_rate(step))
        for own, value in zip(ours.step(tokens, counts, kit.learning_rate(step)), reference, strict=True):
            assert (own.shape, own.dtype) == (value.shape, value.dtype)
            assert np.abs(own - value).max() <= LOSS
    for logged in (True, False):
        scored, rows = ours.evaluate(logged), kernels.evaluate(logged)
        assert list(scored) == list(rows)
        for name, value in rows.items():
            assert (scored[name].shape, scored[name].dtype) == (value.shape, value.dtype)
            assert np.abs(scored[name] - value).max() <= LOSS


def test_bf16_products_stay_near_fp32(device):
    """bfloat16 keeps 8 bits of a product's factors; over 12 steps the loss moves in the third digit."""
    kit = setup(precision="bf16")
    bf16, fp32 = train(kit, states(kit, runs(2)), device)["r0"], train_plain(setup(), runs(2))["r0"]
    assert bf16.losses != pytest.approx(fp32.losses, abs=LOSS)
    assert bf16.losses == pytest.approx(fp32.losses, rel=5e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_has_the_same_bits_alone_in_company_and_permuted(device, precision):
    kit, every = setup(precision=precision), runs(4)
    alone = train(kit, states(kit, every[2:3]), device)["r2"]
    for company in (every[:3], every[::-1]):
        assert same(train(kit, states(kit, company), device)["r2"], alone)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_ends_in_the_same_bits(device, precision):
    """A policy's decisions and weights of sequences included; resumed in another company."""
    kit = setup(precision=precision)
    chosen = [dataclasses.replace(run, policy=Chaser()) for run in runs(3)]
    stopped = states(kit, chosen)
    whole = train(kit, stopped, device, stop=8)
    assert stopped[1].step == 8
    again = train(kit, stopped[1:], device)
    assert all(same(again[name], whole[name]) for name in ("r1", "r2"))


def test_a_checkpoint_goes_from_the_kernels_to_a_device_and_back(device):
    kit, (run, *_) = setup(), runs(1)
    plain, begun, saved = train_plain(kit, [run])["r0"], states(kit, [run]), []
    train_stack(kit, begun, checkpoint=lambda: saved.append(copy.deepcopy(begun[0])))
    there = next(state for state in saved if state.step == 4)
    on_device = [copy.deepcopy(there)]
    near(train(kit, on_device, device, stop=8)["r0"], plain)
    assert on_device[0].step == 8
    near(train_stack(kit, on_device)[0], plain)


@COMPILING
def test_compiled_it_is_the_same():
    """torch's compiler follows the whole step and the evaluation, as on a GPU, here without its last part, which
    writes the kernels."""
    kit, tokens = setup(), np.random.default_rng(0).integers(0, VOCAB, (1, 2, 17))
    plain, traced = (
        DeviceStack(kit, states(kit, runs(1)), torch.device("cpu"), backend) for backend in (None, "aot_eager")
    )
    for lr in (1e-2, 1e-3):
        first, second = plain.step(tokens, None, lr), traced.step(tokens, None, lr)
        assert np.abs(first[1] - second[1]).max() <= LOSS
    for name, value in plain.evaluate().items():
        assert np.abs(traced.evaluate()[name] - value).max() <= LOSS


@COMPILING
def test_one_process_compiles_for_many_shapes(monkeypatch):
    """torch's compiler gives a function up after eight of them, here after one."""
    of_device._model.cache_clear()
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 1)
    for size in (1, 2, 3):
        kit, tokens = setup(sequences=size), np.ones((1, size, 17), int)
        DeviceStack(kit, states(kit, runs(1)), torch.device("cpu"), "eager").step(tokens, None, 1e-2)


def test_bad_input_is_one_line(device):
    kit = setup()
    compute = DeviceStack(kit, states(kit, runs(1)), device)
    tokens = np.full((1, 2, 17), VOCAB)
    with pytest.raises(InputError, match=r"^token 64 is outside the vocabulary of 64; a token file is damaged: delete"):
        compute.step(tokens, None, 1e-2)
    wild = setup(lr=1e15, clip=1e15, warmup=0.0)
    with pytest.raises(InputError, match=r"^run r0: loss is not finite at step \d+ under mixture a 0\.\d+, b"):
        train(wild, states(wild, runs(1)), device)


def test_a_killed_pack_ends_in_the_same_bits(tmp_path, device, monkeypatch):
    """Its checkpoint holds what the device held, and not what the run began with."""
    monkeypatch.setattr(packing, "stack_of", lambda kit, begun: DeviceStack(kit, begun, device))
    kit, (run, *_), steps = setup(), runs(1), []

    def killed(tokens: int) -> None:
        steps.append(tokens)
        if len(steps) == 11:
            raise KeyboardInterrupt

    def work(name: str) -> Assignment:
        return Assignment(kit, [run], "data", RunStore(tmp_path / name), MACHINE, weights=True, label="test")

    with pytest.raises(KeyboardInterrupt):
        train_pack(work("killed"), [("key", run)], killed)
    state = work("killed").store.resume("key", run)
    assert state is not None
    assert state.step == 8
    for name in ("killed", "whole"):
        train_pack(work(name), [("key", run)], lambda tokens: None)
    resumed, whole = (work(name).store.result("key", weights=True) for name in ("killed", "whole"))
    assert resumed is not None
    assert whole is not None
    assert same(resumed, whole)


def test_a_key_tells_a_gpu_from_a_processor_and_one_model_from_another():
    kit, (run, *_) = setup(), runs(1)
    there = placed(kit, MACHINE.model_copy(update={"device": "cuda"}))
    assert placed(kit, MACHINE) is kit
    places = [{"kernels": "CUDA 13.0", "processor": "H200"}, {"kernels": "CUDA 13.0", "processor": "H100"}]
    keys = [run_key(there, run, "data", place) for place in places] + [run_key(kit, run, "data", places[0])]
    assert len(set(keys)) == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_no_gpu_is_one_line(tmp_path):
    machine = MACHINE.model_copy(update={"device": "cuda"})
    with pytest.raises(InputError, match=r"^machine\.device: cuda, but torch finds no GPU here; set it to") as caught:
        train_runs(setup(), runs(1), tmp_path, "data", machine, weights=False, label="test")
    assert "\n" not in str(caught.value)
    # Before the corpus is made, too.
    assert [line.partition(",")[0] for line in gpu(machine)] == ["machine.device: cuda"]
    assert not [*gpu(MACHINE)]


class Full(Chaser):
    """Finds the memory of its GPU full, after the first decision."""

    def decide(self, state, fraction, losses, schedule):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")


class FullInCapture(Chaser):
    """As what torch.cuda.graph raises on its way out."""

    def decide(self, state, fraction, losses, schedule):
        try:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        finally:
            raise RuntimeError("CUDA error: capture was not ended")


@pytest.mark.parametrize("policy", [Full(), FullInCapture()])
def test_a_full_gpu_is_one_line(tmp_path, policy):
    chosen = [dataclasses.replace(run, policy=policy) for run in runs(1)]
    with pytest.raises(InputError, match=r"^test: the memory of a GPU is full; lower machine\.stack, or") as caught:
        train_runs(setup(), chosen, tmp_path, "data", MACHINE, weights=False, label="test")
    assert "\n" not in str(caught.value)


SHARE = """
from pathlib import Path
from tests.engine.test_gpu import MACHINE, near, runs, setup, train_plain, train_runs
machine = MACHINE.model_copy(update={{"device": "cuda", "processes": 2, "stack": 2}})
found = train_runs(setup(), runs(3), Path({store!r}), "data", machine, weights=True, label="test")
for run, result in zip(runs(3), found, strict=True):
    near(result, train_plain(setup(), [run])[run.name])
"""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_processes_share_the_gpus(tmp_path):
    """From a process that has not touched CUDA, as this one may have."""
    root, script = ROOT, tmp_path / "share.py"
    script.write_text(SHARE.format(store=str(tmp_path / "store")))
    path = os.pathsep.join([str(root), *sys.path])
    subprocess.run([sys.executable, str(script)], check=True, cwd=root, env=os.environ | {"PYTHONPATH": path})
