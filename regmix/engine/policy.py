"""Policies, which change a run's mixture while it trains: the base of every online method.

The engine asks; a policy answers from its arguments alone. It returns what it must remember as its state, a
dictionary of JSON values that is part of the checkpoint, so that a resumed run replays it bit for bit.

B sequences a step, T tokens, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.core.schedule import Schedule

State = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One training step of one run: its ``tokens`` (B, T+1), the index of each sequence's domain (B,) and the
    ``losses`` (B, T) in nats, before the step's update."""

    step: int
    tokens: np.ndarray
    domains: np.ndarray
    losses: np.ndarray


class Policy:
    """Keeps the mixture as it is; methods override what they need.

    ``key`` covers everything that the answers depend on, code and data included: it is part of the run's key.
    ``stepwise``: it is shown every step and asked after each; otherwise it is asked only at the logged steps.
    """

    key: str  # no default: two policies of one key would be taken for one
    stepwise: bool = False

    def start(self, schedule: Schedule) -> State:
        """What it remembers before the first step."""
        return {}

    def loss_weights(self, state: State) -> np.ndarray | None:
        """The weight of a sequence of each domain (K,) in the next step's loss; None: all the same."""
        return None

    def observe(self, state: State, seen: Seen) -> State:
        """The state after a training step; called only if ``stepwise``."""
        return state

    def decide(
        self, state: State, fraction: float, losses: Mapping[str, float] | None, schedule: Schedule
    ) -> tuple[State, np.ndarray | None]:
        """The mixture (K,) from ``fraction`` of training on, or None to keep the one in force.

        ``losses`` are the validation losses by domain in nats per token; None where none are logged.
        """
        return state, None

    def warning(self, state: State) -> str | None:
        """What the user should know about a finished run, in one line."""
        return None
