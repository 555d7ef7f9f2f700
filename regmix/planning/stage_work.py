"""What one part of a stage trains and scores, and what that costs: FLOPs, waiting processes, memory.

FLOPs are those of ``ModelShape.flops``: 6 a parameter and token body only, as the papers count, or in full, with
attention and head. A token that is scored, in a trajectory or by a method, takes a third of one that is trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from regmix.core.model_shape import ModelShape
from regmix.engine.machine import Machine
from regmix.planning import memory


@dataclass(frozen=True)
class StageWork:
    """What one part of a stage trains and scores on one shape.

    ``runs`` are those it lists, ``new`` those that no earlier work has trained; ``trained``, ``evaluated`` (in
    trajectories and at the end) and ``scored`` (otherwise) count the tokens of the new ones together.
    """

    stage: str
    part: str
    runs: int
    new: int
    shape: ModelShape
    step: int  # tokens a step
    precision: str
    trained: float
    evaluated: float
    scored: float
    weights: bool  # whether the run store keeps its weights
    target: bool = False  # whether its runs are of the target's size
    engine: bool = True  # whether the engine does it; else lm-eval, whose speed is not known here

    @property
    def cost(self) -> float:
        """In tokens trained on."""
        return self.trained + (self.evaluated + self.scored) / 3

    def flops(self) -> dict[str, float]:
        """Body only, with attention, in full."""
        return {count: per_token * self.cost for count, per_token in self.shape.flops().items()}

    def stack(self, processes: int, stack: int) -> int:
        """Runs in the largest stack, as the engine packs them."""
        packs = min(self.new, math.ceil(math.ceil(self.new / stack) / processes) * processes)
        return math.ceil(self.new / packs) if packs else 0

    def idle(self, processes: int) -> float:
        """How many times longer it takes than if all processes had the same to do: 2 for one run on two."""
        return math.ceil(self.new / processes) * processes / self.new if self.new else 1.0

    def training(self, machine: Machine) -> memory.Training:
        """One of its runs, as params.yaml's machine trains it."""
        compute = memory.compute_of(self.target, self.precision, machine)
        shared = machine.sharded if compute == "sharded" else 1
        return memory.Training(self.shape, self.step, self.precision, compute, shared)

    def memory(self, machine: Machine) -> int:
        """Bytes of all processes together."""
        if not self.new:
            return 0
        one = self.training(machine)
        if one.compute == "sharded":  # a run at a time
            return one.shared * (one.state + one.activations + memory.batches(self.step))
        at_once, runs = min(machine.processes, self.new), self.stack(machine.processes, machine.stack)
        activations = (runs if one.side_by_side else 1) * one.activations
        return at_once * (runs * one.state + activations + memory.batches(runs * self.step))
