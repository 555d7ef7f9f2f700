"""The swarm engine against what one would run instead: a plain loop over transformers' LlamaForCausalLM.

Same shapes, tokens a step, optimiser and clipping. The loop trains one model in one process with two threads,
torch's default on two cores; the engine trains a stack in each of two one-thread processes. Wall clock; the
engine's includes its processes' start, the loop's excludes imports, the model's construction and its first steps.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regmix.core.schedule import Schedule
from regmix.core.settings import Kind
from regmix.engine.machine import Machine
from regmix.engine.run import Run, RunState, Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs
from regmix.evaluation.to_transformers import to_transformers

# The two shapes of small language models that the literature on such swarms would use first.
SHAPES = {
    "S": ({"layers": 2, "heads": 2, "width": 32, "ffn": 96, "context": 64}, 512),
    "M": ({"layers": 2, "heads": 2, "width": 64, "ffn": 192, "context": 128}, 2048),
}
DOMAINS = ("a", "b")
RUNS, PROCESSES, SECONDS, REPEATS = 16, 2, 5.0, 3


def shapes() -> list[dict[str, Any]]:
    """``measure`` for every shape and number of tokens a step."""
    return [measure(name, tokens) for name in SHAPES for tokens in (256, 1024)]


def measure(name: str, tokens_a_step: int) -> dict[str, Any]:
    """Tokens a second of both, in turns, and the ratios of the turns."""
    loop, engine = [], []
    for repeat in range(REPEATS):
        loop.append(_loop(_setup(name, tokens_a_step, 1)))
        steps = round(SECONDS * 2 * loop[-1] / (RUNS * tokens_a_step))
        engine.append(_engine(_setup(name, tokens_a_step, max(steps, 2)), repeat))
    ratios = [ours / theirs for ours, theirs in zip(engine, loop, strict=True)]
    return {
        "shape": {**SHAPES[name][0], "vocab": SHAPES[name][1]},
        "tokens_a_step": tokens_a_step,
        "transformers_tokens_a_second": round(statistics.median(loop)),
        "engine_tokens_a_second": round(statistics.median(engine)),
        "ratio": {"median": round(statistics.median(ratios), 2), "all": [round(r, 2) for r in ratios]},
    }


def _setup(name: str, tokens_a_step: int, steps: int) -> Setup:
    shape, vocab = SHAPES[name]
    training = Training.model_validate(
        {
            "shape": shape,
            "recipe": {
                "sequences": tokens_a_step // shape["context"], "steps": steps, "lr": 1e-3, "lr_schedule": "constant",
                "lr_final": 1.0, "warmup": 0.0, "betas": [0.9, 0.95], "weight_decay": 0.1, "clip": 1.0,
                "draws": "independent",
                "precision": "fp32",
            },
            "validation": {"final_tokens": shape["context"], "logged_tokens": shape["context"], "logged": 1},
        }
    )  # fmt: skip
    rng = np.random.default_rng(0)
    tokens = {domain: rng.integers(0, vocab, 1_000_000).astype(np.uint16) for domain in DOMAINS}
    return Setup(training, vocab, tokens, {"a": tokens["a"][: 4 * shape["context"]]})


def _engine(setup: Setup, repeat: int) -> float:
    runs = [Run(f"r{i}", Schedule.static(DOMAINS, np.array([0.5, 0.5])), seed=i) for i in range(RUNS)]
    machine = Machine(
        processes=PROCESSES, stack=RUNS // PROCESSES, checkpoint_seconds=3600, sharded=0, device="cpu",
        launcher=Kind(kind="local"),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as store:
        start = time.perf_counter()
        train_runs(setup, runs, Path(store), f"benchmark {repeat}", machine, weights=False, label="benchmark")
        seconds = time.perf_counter() - start
    return RUNS * setup.recipe.steps * setup.recipe.sequences * setup.shape.context / seconds


def _loop(setup: Setup) -> float:
    torch.set_num_threads(PROCESSES)
    schedule = Schedule.static(DOMAINS, np.array([0.5, 0.5]))
    start = RunState.start(Run("loop", schedule, seed=0), setup.shape, len(DOMAINS))
    model = to_transformers(setup.shape, start.tensors["weights"]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    rng = np.random.default_rng(0)
    size = (setup.recipe.sequences, setup.shape.context)
    batches = [torch.from_numpy(rng.integers(0, setup.shape.vocab, size)) for _ in range(64)]

    def step(batch: torch.Tensor) -> None:
        optimizer.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for batch in batches[:20]:
        step(batch)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        step(batches[steps % len(batches)])
        steps += 1
    seconds = time.perf_counter() - began
    torch.set_num_threads(1)
    return steps * setup.recipe.sequences * setup.shape.context / seconds
