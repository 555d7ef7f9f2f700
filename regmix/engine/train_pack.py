"""Train one pack of runs in this process, using the store. Launchers decide which process trains which pack."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from regmix.engine.compute.interface import Compute
from regmix.engine.compute.select import stack_of
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train import train_stack


@dataclass(frozen=True)
class Assignment:
    """Runs to train and everything needed to train them; the input of a launcher.

    ``data`` is a digest of the token files, ``weights`` says whether to keep the trained weights, and ``label`` names
    the runs in messages.
    """

    setup: Setup
    runs: Sequence[Run]
    data: str
    store: RunStore
    machine: Machine
    weights: bool
    label: str

    def find(self, run: Run, places: Sequence[dict[str, str]]) -> Result | None:
        """The finished run from the first of ``places`` for which the store has it, or None."""
        keys = (run_key(self.setup, run, self.data, place) for place in places)
        return next((result for key in keys if (result := self.store.result(key, self.weights)) is not None), None)


def train_pack(assignment: Assignment, items: Sequence[tuple[str, Run]], trained: Callable[[int], None]) -> None:
    """Train runs, given with their keys, except runs that another process has finished in the meantime.

    ``trained`` is called with the number of tokens after every step, and at the start with those in checkpoints.
    """
    keys = {id(run): key for key, run in items}
    with assignment.store.locked([key for key, _ in items]):
        states = [
            assignment.store.resume(key, run)
            or RunState.start(run, assignment.setup.shape, len(assignment.setup.loader.domains))
            for key, run in items
            if assignment.store.result(key, assignment.weights) is None
        ]
        states.sort(key=lambda state: state.step)
        for step, group in groupby(states, key=lambda state: state.step):
            stack = list(group)
            trained(step * len(stack) * assignment.setup.recipe.sequences * assignment.setup.shape.context)
            _train(assignment, stack, keys, trained)


def _train(assignment: Assignment, stack: list[RunState], keys: dict[int, str], trained: Callable[[int], None]) -> None:
    """A separate function, so that this stack's memory is free before the next stack starts."""
    compute = stack_of(assignment.setup, stack)
    results = train_stack(assignment.setup, stack, compute, trained, _Checkpoints(assignment, stack, keys, compute))
    for state, result in zip(stack, results, strict=True):
        assignment.store.finish(keys[id(state.run)], result, assignment.weights)


class _Checkpoints:
    """Saves the runs of a stack every ``checkpoint_seconds``."""

    def __init__(self, assignment: Assignment, stack: list[RunState], keys: dict[int, str], compute: Compute) -> None:
        self.assignment, self.stack, self.keys, self.compute = assignment, stack, keys, compute
        self.last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self.last >= self.assignment.machine.checkpoint_seconds:
            self.compute.gather()
            for state in self.stack:
                self.assignment.store.save(self.keys[id(state.run)], state)
            self.last = time.monotonic()
