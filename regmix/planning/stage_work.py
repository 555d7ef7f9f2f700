"""What one part of a stage trains and scores, and what that costs: FLOPs, waiting processes, memory.

FLOPs are those of ``ModelShape.flops``: 6 per parameter and token in the body only, as the papers count, or in full,
with attention and head. A token that is scored, in a trajectory or by a method, costs a third of a trained one.
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

    ``runs`` counts its runs, ``new`` those that no earlier work has trained; ``trained``, ``evaluated`` (in
    trajectories and at the end) and ``scored`` (otherwise) count the tokens of all new runs.
    """

    stage: str
    part: str
    runs: int
    new: int
    shape: ModelShape
    step: int  # tokens per step
    precision: str
    trained: float
    evaluated: float
    scored: float
    weights: bool  # whether the run store keeps its weights
    target: bool = False  # whether its runs are of the target's size
    together: int = 0  # new runs of all parts that train in one call, if more than its own
    engine: bool = True  # whether the engine does it; if not, lm-eval does, whose speed is not known here

    @property
    def cost(self) -> float:
        """In training tokens."""
        return self.trained + (self.evaluated + self.scored) / 3

    def flops(self) -> dict[str, float]:
        """Body only, with attention, in full."""
        return {count: per_token * self.cost for count, per_token in self.shape.flops().items()}

    def stack(self, processes: int, stack: int) -> int:
        """Runs in the largest stack, as the engine packs them."""
        packs = min(self.new, math.ceil(math.ceil(self.new / stack) / processes) * processes)
        return math.ceil(self.new / packs) if packs else 0

    def idle(self, processes: int) -> float:
        """How many times longer it takes than with equal work for all processes: 2 for one run on two."""
        runs = max(self.new, self.together)
        return math.ceil(runs / processes) * processes / runs if self.new else 1.0

    def training(self, machine: Machine) -> memory.Training:
        """One of its runs, as params.yaml's machine trains it."""
        compute = memory.compute_of(self.target, self.precision, machine)
        shared = machine.sharded if compute == "sharded" else 1
        return memory.Training(self.shape, self.step, self.precision, compute, shared)

    def memory(self, machine: Machine) -> int:
        """Bytes of all processes together."""
        if not self.new:
            return 0
        training = self.training(machine)
        if training.compute == "sharded":  # one run at a time
            return training.shared * (training.state + training.activations + memory.batches(self.step))
        at_once, runs = min(machine.processes, self.new), self.stack(machine.processes, machine.stack)
        activations = (runs if training.side_by_side else 1) * training.activations
        return at_once * (runs * training.state + activations + memory.batches(runs * self.step))
