"""What steers a run while it trains: the base of every online method.

The engine asks; a policy answers from its arguments alone. What it must remember it returns as its state, a
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

    ``key`` is everything that the answers depend on, code and data included: the run is kept under it.
    ``stepwise``: it is shown every step and asked after each; otherwise it is asked at the logged steps alone.
    """

    key: str  # no default: two policies of one key would be taken for one
    stepwise: bool = False

    def start(self, schedule: Schedule) -> State:
        """What it remembers before the first step."""
        return {}

    def loss_weights(self, state: State) -> np.ndarray | None:
        """What a sequence of each domain (K,) counts in the next step's loss; None: all alike."""
        return None

    def observe(self, state: State, seen: Seen) -> State:
        """Take in a training step; asked only if ``stepwise``."""
        return state

    def decide(
        self, state: State, fraction: float, losses: Mapping[str, float] | None, schedule: Schedule
    ) -> tuple[State, np.ndarray | None]:
        """The mixture (K,) from ``fraction`` of training on, or None to keep the one in force.

        ``losses`` are the validation losses by domain in nats per token; None where none are logged.
        """
        return state, None

    def warning(self, state: State) -> str | None:
        """What the user should hear of a run that has ended, in one line."""
        return None
