"""Policies change a run's mixture while it trains: the base class of every online method.

The engine calls a policy, whose answers depend only on its arguments. It returns what it must remember as its state, a
dictionary of JSON values. The state is part of the checkpoint, so that a resumed run repeats it bit for bit.

B sequences per step, T tokens, K domains.
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
    """One training step of one run: its ``tokens`` (B, T+1), the domain index of each sequence (B,) and the
    ``losses`` (B, T) in nats, before the update."""

    step: int
    tokens: np.ndarray
    domains: np.ndarray
    losses: np.ndarray


class Policy:
    """Leaves the mixture unchanged; methods override what they need.

    ``key`` covers everything that the answers depend on, including code and data; it is part of the run's key.
    ``stepwise``: it observes every step and decides after each; otherwise it decides only at the logged steps.
    """

    key: str  # no default: policies with the same key would count as the same policy
    stepwise: bool = False

    def start(self, schedule: Schedule) -> State:
        """The state before the first step."""
        return {}

    def loss_weights(self, state: State) -> np.ndarray | None:
        """The weight, per domain (K,), of a sequence in the next step's loss; None: all equal."""
        return None

    def observe(self, state: State, seen: Seen) -> State:
        """The state after a training step; called only if ``stepwise``."""
        return state

    def decide(
        self, state: State, fraction: float, losses: Mapping[str, float] | None, schedule: Schedule
    ) -> tuple[State, np.ndarray | None]:
        """The new state, and the mixture (K,) from ``fraction`` of training on, or None to keep the current mixture.

        ``losses`` are the validation losses per domain in nats per token; None if this step is not logged.
        """
        return state, None

    def warning(self, state: State) -> str | None:
        """One line of warning to the user about a finished run, or None."""
        return None
