"""One GPU: the engine against the same loop over transformers' LlamaForCausalLM with its best settings, in one run.

Those are bfloat16 by autocast (weights and AdamW in float32, as the engine's), torch.compile, attention through SDPA,
the fused AdamW, and the largest micro-batch that fits, whose gradients add up to the same tokens a step. Its batches
lie on the device; the engine's come from the host, and its losses go back, as in training. Wall clock of whole steps
after the first ones. Each is measured in a process of its own.
"""

from __future__ import annotations

import datetime
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.training import proxies
from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.core.schedule import Schedule
from regmix.engine.compute.pytorch.gpu import EAGER, SHAPES, DeviceStack
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.run import Run, RunState, Setup
from regmix.engine.settings import Training
from regmix.evaluation.to_transformers import to_transformers

SPEC = 989e12  # FLOP/s in dense bfloat16 that Nvidia states for H100, H200 and H800 with SXM
SECONDS, REPEATS = 5.0, 3
MICRO = 64  # sequences of the micro-batch tried first: more fit no shape below, and each try compiles
M1 = {"layers": 2, "heads": 8, "width": 256, "ffn": 512, "context": 2048, "vocab": 50432}
M60 = {**M1, "layers": 10, "width": 768, "ffn": 1536}
# Shape, sequences a step, runs at a time.
CONFIGURATIONS: dict[str, tuple[dict[str, int], int, int]] = {
    "1M": (M1, 512, 1),
    "1M, four at a time, 16 thousand tokens a step": (M1, 8, 4),
    "60M": (M60, 512, 1),
}


def measure_here() -> dict[str, Any] | None:
    """All configurations on this machine's first GPU; None, and a line that says so, where there is none."""
    try:
        _, place = gpus()
    except InputError:
        print("gpu: there is none here, so nothing was measured")
        return None
    return {"gpu": place["processor"], "cuda": place["kernels"], **measure()}


def measure(
    configurations: Mapping[str, tuple[dict[str, int], int, int]] = CONFIGURATIONS,
    device: str = "cuda",
    seconds: float = SECONDS,
    repeats: int = REPEATS,
    gemm: int = 8192,
) -> dict[str, Any]:
    """Tokens a second of both, their ratio, shares of peak and memory, by configuration.

    A share is of SPEC or of the measured rate of a product of ``gemm`` squared matrices in bfloat16; with the head,
    and of the FLOPs without it in the same time. Memory is the most that torch had allocated at a time, without what a
    CUDA graph keeps.
    """
    peak, out = _apart(_gemm, gemm, device, seconds), {}
    for name, (shape, sequences, runs) in configurations.items():
        loop, micro, loop_bytes = _apart(_loop, shape, sequences, device, seconds, repeats)
        engine, own_bytes = _apart(_engine, shape, sequences, runs, device, seconds, repeats)
        rate, flops = statistics.median(engine), ModelShape(**shape).flops()
        out[name] = {
            "shape": shape,
            "tokens_a_step": sequences * shape["context"],
            "runs": runs,
            "engine_tokens_a_second": proxies.summary(engine, 0),
            "transformers_tokens_a_second": proxies.summary(loop, 0),
            "ratio": round(rate / statistics.median(loop), 2),
            "transformers_micro_batch": micro,
            "share_of_spec": {key: round(rate * flops[key] / SPEC, 4) for key in ("full", "attention", "body")},
            "share_of_gemm": {key: round(rate * flops[key] / peak, 4) for key in ("full", "attention", "body")},
            "engine_gib": round(own_bytes / 2**30, 2),
            "transformers_gib": round(loop_bytes / 2**30, 2),
        }
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"date": day, "spec_tflops": SPEC / 1e12, "gemm_tflops": round(peak / 1e12, 3), "configurations": out}


def _apart(function: Callable[..., Any], *values: Any) -> Any:
    """What a fresh process returns, in which no setting or memory of another measurement is left."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, values)


def _gemm(size: int, device: str, seconds: float) -> float:
    """FLOP/s."""
    x, y = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    (rate,) = _rates(lambda: torch.mm(x, y), 2.0 * size**3, device, seconds / 2, 1)
    return rate


def _engine(
    shape: dict[str, int], sequences: int, runs: int, device: str, seconds: float, repeats: int
) -> tuple[list[float], int]:
    """Tokens a second of all runs together, and bytes."""
    setup, states = _begun(shape, sequences, runs)
    stack = DeviceStack(setup, states, torch.device(device))
    size = (runs, sequences, setup.shape.context + 1)
    batch = np.random.default_rng(0).integers(0, setup.shape.vocab, size)
    tokens = runs * sequences * setup.shape.context
    rates = _rates(lambda: stack.step(batch, None, 1e-4), tokens, device, seconds, repeats)
    return rates, _bytes(device)


def _loop(
    shape: dict[str, int], sequences: int, device: str, seconds: float, repeats: int
) -> tuple[list[float], int, int]:
    """Tokens a second, the sequences of a micro-batch, and bytes."""
    setup, (state,) = _begun(shape, sequences, 1)
    model: Any = to_transformers(setup.shape, state.tensors["weights"])
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")
        torch._dynamo.config.recompile_limit = SHAPES  # else the last of many micro-batches might run uncompiled
        model.compile(dynamic=False)
    batch = torch.randint(setup.shape.vocab, (sequences, setup.shape.context), device=device)

    def step() -> None:
        optimizer.zero_grad()
        for rows in batch.split(micro):
            with torch.autocast(device, torch.bfloat16):
                loss = model(input_ids=rows, labels=rows, use_cache=False).loss
            (loss * len(rows) / sequences).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    micro = min(sequences, MICRO)
    while True:
        try:
            step()
            break
        except torch.OutOfMemoryError:
            if micro == 1:
                raise
        optimizer.zero_grad()
        micro //= 2
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return _rates(step, sequences * setup.shape.context, device, seconds, repeats), micro, _bytes(device)


def _begun(shape: dict[str, int], sequences: int, runs: int) -> tuple[Setup, list[RunState]]:
    context, vocab = shape["context"], shape["vocab"]
    training = Training.model_validate(
        {
            "shape": {key: value for key, value in shape.items() if key != "vocab"},
            "recipe": {
                "sequences": sequences, "steps": 1000, "lr": 1e-4, "lr_schedule": "constant", "lr_final": 1.0,
                "warmup": 0.0, "betas": [0.9, 0.95], "weight_decay": 0.1, "clip": 1.0, "draws": "independent",
                "precision": "bf16",
            },
            "validation": {"final_tokens": context, "logged_tokens": context, "logged": 1},
        }
    )  # fmt: skip
    text = np.random.default_rng(0).integers(0, vocab, 4 * context + 1).astype(np.uint16)
    schedule = Schedule.static(("a", "b"), np.array([0.5, 0.5]))
    setup = Setup(training, vocab, {"a": text, "b": text}, {"a": text})
    return setup, [RunState.start(Run(f"r{i}", schedule, seed=i), setup.shape, 2) for i in range(runs)]


def _rates(call: Callable[[], Any], work: float, device: str, seconds: float, repeats: int) -> list[float]:
    """``work`` a second, each time over ``seconds`` or more, after the calls that compile and capture."""
    for _ in range(EAGER + 2):
        call()
    out = []
    for _ in range(repeats):
        _wait(device)
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            for _ in range(4):  # without a wait, where the call has none
                call()
            _wait(device)
            count += 4
        out.append(count * work / (time.perf_counter() - start))
    return out


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _bytes(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device == "cuda" else 0
