"""Online Data Mixing (Albalak et al. 2023, Algorithm 1): a bandit over domains, rewarded with their training loss.

After turn t, the next mixture is pi = (1 - K eps_{t+1}) softmax(eps_t R) + eps_{t+1}, with the exploration rate
eps_t = min(1/K, sqrt(log K / (K t))). R holds a moving average per domain of loss / pi over the turns in which the
domain was drawn; it starts at 0. The loss is the mean over the domain's sequences in the turn.

Where the algorithm leaves a choice: R is updated during the warm-up too, with the prior as pi, and t counts from the
first turn. The mixture is then projected to the nearest one within the bounds on repetition, and that one is pi in R.
The published code differs by version: one sums loss / (10 pi), one averages exp(loss). Dividing by the weight penalises
large weights, so here the mixture stays closer to uniform than in a bandit that sums its rewards.
It is exactly uniform until turn K log K, where eps_t falls below 1/K: a run with fewer turns learns nothing.

K domains, B sequences per step, T tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from regmix.constraints.region import Region
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Strict
from regmix.engine.policy import Policy, Seen, State
from regmix.engine.settings import Training
from regmix.target.interface import Context, Plan, key_of


class Options(Strict):
    """``every``: steps per turn (published scripts: 1). ``smoothing``: the share of its value that the moving average
    keeps at each turn (theirs: 0.5). ``warmup``: the share of training on the prior (theirs: 0.02)."""

    every: Count
    smoothing: Annotated[float, Field(ge=0, lt=1)]
    warmup: Annotated[float, Field(ge=0, lt=1)]


def plan(context: Context, options: Options) -> Plan:
    """The prior, used through the warm-up; the policy keeps the constraints."""
    return Plan(context.static(context.rules.natural), facts={"region": context.rules.region.to_json()})


def policy(plan: Plan, options: Options, training: Training) -> Policy:
    return Bandit(plan, options)


def exploration(turn: int, domains: int) -> float:
    """eps_t: the minimum weight of a domain at turn ``turn``, counted from 1."""
    return min(1 / domains, math.sqrt(math.log(domains) / (domains * turn)))


class Bandit(Policy):
    """State: ``rewards`` R (K), ``turns`` and ``steps`` so far, and for the current turn the summed losses ``lost`` (K)
    in nats, each sequence's a mean over its tokens, and the number ``drawn`` (K) of sequences."""

    stepwise = True

    def __init__(self, plan: Plan, options: Options) -> None:
        self.options = options
        self.region = Region.from_json(plan.facts["region"])
        self.key = key_of(plan, options, __file__)

    def start(self, schedule: Schedule) -> State:
        zeros = [0.0] * len(schedule.domains)
        return {"rewards": zeros, "turns": 0, "steps": 0, "lost": zeros, "drawn": [0] * len(zeros)}

    def observe(self, state: State, seen: Seen) -> State:
        means = seen.losses.mean(axis=1, dtype=np.float64)
        domains = len(self.region.domains)
        lost = np.array(state["lost"]) + np.bincount(seen.domains, means, domains)
        drawn = np.array(state["drawn"]) + np.bincount(seen.domains, minlength=domains)
        return state | {"steps": state["steps"] + 1, "lost": lost.tolist(), "drawn": drawn.tolist()}

    def decide(
        self, state: State, fraction: float, losses: Mapping[str, float] | None, schedule: Schedule
    ) -> tuple[State, np.ndarray | None]:
        if state["steps"] % self.options.every:
            return state, None
        rewards = self._rewards(state, schedule.mixtures[-1])
        turns = state["turns"] + 1
        state = self.start(schedule) | {"rewards": rewards.tolist(), "turns": turns, "steps": state["steps"]}
        if fraction < self.options.warmup:
            return state, None
        return state, self.region.nearest(self.mixture(rewards, turns))

    def mixture(self, rewards: np.ndarray, turns: int) -> np.ndarray:
        """The mixture (K,) after ``turns`` turns with ``rewards`` R (K,), before the bounds."""
        domains = len(rewards)
        power = np.exp(exploration(turns, domains) * (rewards - rewards.max()))
        least = exploration(turns + 1, domains)
        return (1 - domains * least) * power / power.sum() + least

    def _rewards(self, state: State, mixture: np.ndarray) -> np.ndarray:
        """R (K,) after a turn under ``mixture`` (K,); a domain with no sequence keeps its value."""
        rewards, lost, drawn = (np.array(state[key], dtype=np.float64) for key in ("rewards", "lost", "drawn"))
        seen = drawn > 0
        reward = lost[seen] / drawn[seen] / mixture[seen]
        rewards[seen] = self.options.smoothing * rewards[seen] + (1 - self.options.smoothing) * reward
        return rewards
