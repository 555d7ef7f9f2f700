"""Train runs in this process, by what their setup asks for unless a test brings its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regmix.engine import train
from regmix.engine.compute.interface import Compute
from regmix.engine.compute.select import stack_of
from regmix.engine.run import Result, RunState, Setup
from regmix.params import Params
from tests.paths import ROOT

SWARM = Params.load(ROOT / "tests/fixtures/params.yaml").swarm  # the frozen settings


def train_stack(setup: Setup, states: Sequence[RunState], compute: Compute | None = None, **hooks: Any) -> list[Result]:
    return train.train_stack(setup, states, compute or stack_of(setup, states), **hooks)
