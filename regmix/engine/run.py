"""A run, its result, and its state while it trains.

Elsewhere ``runs`` are several ``Run`` objects. ``stages.common.run.run``, which starts a stage, is unrelated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from regmix.core.model_shape import ModelShape
from regmix.core.schedule import Schedule
from regmix.engine.batches import Loader, validation_windows
from regmix.engine.policy import Policy, State
from regmix.engine.settings import Recipe, Training, Validation

MOMENTS = ("exp_avg", "exp_avg_sq")  # what AdamW stores per parameter


@dataclass(frozen=True)
class Run:
    """One model to train: its mixture over time and its seed, which determines initial weights and batches.

    A ``policy`` can change the mixture during training, but a domain's share of it cannot exceed ``most`` (K,; None:
    no limit). ``Setup`` holds what all runs share, ``RunState`` a run in training, ``Result`` a finished run.
    """

    name: str
    schedule: Schedule
    seed: int
    policy: Policy | None = None
    most: np.ndarray | None = None


@dataclass(frozen=True)
class Result:
    """The output of a finished run.

    ``trajectory`` has (step, {domain: loss}) on the smaller set of windows, including the last step; ``losses`` are
    the final ones on all windows, in nats per token; ``ledger`` counts training tokens per domain; ``schedule`` is the
    realised one; ``state`` is the policy's final state.
    """

    losses: dict[str, float]
    trajectory: list[tuple[int, dict[str, float]]]
    schedule: Schedule
    ledger: dict[str, int]
    state: State
    weights: dict[str, np.ndarray] | None = None


@dataclass
class RunState:
    """A run in training: everything needed to resume it."""

    run: Run
    schedule: Schedule
    ledger: np.ndarray
    tensors: dict[str, dict[str, np.ndarray]]  # "weights" and MOMENTS, by parameter, float32
    policy: State
    step: int = 0
    trajectory: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    @classmethod
    def start(cls, run: Run, shape: ModelShape, domains: int) -> RunState:
        tensors = {"weights": initial_weights(shape, run.seed)}
        for kind in MOMENTS:
            tensors[kind] = {name: np.zeros_like(value) for name, value in tensors["weights"].items()}
        state = run.policy.start(run.schedule) if run.policy else {}
        return cls(run, run.schedule, np.zeros(domains, dtype=np.int64), tensors, state)

    def to_json(self) -> dict[str, Any]:
        """Everything except the run itself and the tensors."""
        return {
            "step": self.step,
            "schedule": self.schedule.to_json(),
            "ledger": self.ledger.tolist(),
            "policy": self.policy,
            "trajectory": self.trajectory,
        }

    @classmethod
    def from_json(cls, run: Run, value: Mapping[str, Any], tensors: dict[str, dict[str, np.ndarray]]) -> RunState:
        """The inverse of ``to_json``."""
        schedule, ledger = Schedule.from_json(value["schedule"]), np.array(value["ledger"], dtype=np.int64)
        trajectory = [(step, losses) for step, losses in value["trajectory"]]
        return cls(run, schedule, ledger, tensors, value["policy"], value["step"], trajectory)


def initial_weights(shape: ModelShape, seed: int) -> dict[str, np.ndarray]:
    """The initial weights of one run, float32, from its seed alone."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1]))
    return {
        name: np.ones(size, np.float32) if std == 0 else rng.standard_normal(size, np.float32) * np.float32(std)
        for name, (size, std) in shape.tensors().items()
    }


class Setup:
    """What the runs of one swarm or one target share: shape, recipe, data.

    ``train`` maps the trained domains, and ``valid`` all domains, to token arrays (memory-mapped). ``compute`` names
    the backend and is part of a run's key: compiled kernels, torch's autograd, processes that share a run, or a GPU.
    """

    compute: Literal["kernels", "autograd", "sharded", "cuda"]

    def __init__(
        self, training: Training, vocab: int, train: Mapping[str, np.ndarray], valid: Mapping[str, np.ndarray]
    ) -> None:
        s = training.shape
        self.shape = ModelShape(s.layers, s.heads, s.width, s.ffn, s.context, vocab)
        self.recipe: Recipe = training.recipe
        self.compute = "kernels" if self.recipe.precision == "fp32" else "autograd"
        self.validation: Validation = training.validation
        self.logged_steps = training.logged_steps
        self.loader = Loader(train, s.context, self.recipe.sequences, self.recipe.steps, self.recipe.draws)
        self.windows: dict[str, np.ndarray] = {}  # (W, T+1) int64
        self.logged: dict[str, np.ndarray] = {}  # indices of the windows used at logged steps
        for name, tokens in valid.items():
            final = validation_windows(tokens, name, s.context, self.validation.final_tokens)
            count = min(len(final), max(1, self.validation.logged_tokens // s.context))
            self.windows[name] = final.astype(np.int64)
            self.logged[name] = (np.arange(count) * len(final)) // count

    @property
    def run_tokens(self) -> int:
        """Tokens that one run trains on."""
        return self.recipe.steps * self.recipe.sequences * self.shape.context

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a cosine decay to ``lr_final`` times the peak, or constant."""
        r = self.recipe
        warmup = round(r.warmup * r.steps)
        if step < warmup:
            return r.lr * (step + 1) / warmup
        if r.lr_schedule == "constant":
            return r.lr
        progress = (step - warmup) / max(1, r.steps - warmup)
        return r.lr * (r.lr_final + (1 - r.lr_final) * 0.5 * (1 + math.cos(math.pi * progress)))
