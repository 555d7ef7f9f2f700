"""What a method is: a file in regmix/methods with ``Options`` and ``plan``, and up to two further functions.

``plan(context, options) -> Plan`` says what a target trains on; it may train models of its own to find out, and then
``preparation(options, scale) -> Sequence[Preparation]`` says beforehand how many.
``policy(plan, options, training) -> Policy`` is for a method that steers while the target trains. It is asked for a
plan read back from its folder: what a policy needs to know, the plan writes down.

K domains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from regmix.core import provenance
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind, Strict
from regmix.corpus.tokenized import Corpus
from regmix.engine.run import Result, Run
from regmix.engine.settings import Training
from regmix.sampling.rules import Rules

if TYPE_CHECKING:
    import pandas as pd  # half a second, and few targets read a table


class Train(Protocol):
    def __call__(
        self, training: Training, runs: Sequence[Run], tokens: Mapping[str, np.ndarray] | None = None
    ) -> list[Result]:
        """Train runs, or take them from the store, with their weights; on ``tokens`` in the corpus's place."""


@dataclass(frozen=True)
class Proxies:
    """The proxies as swarm_collect's tables, and what one of them costs."""

    mixtures: pd.DataFrame
    schedules: pd.DataFrame
    trajectories: pd.DataFrame
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class Spent:
    """Tokens that models ``trained`` on and ``scored`` only, and the FLOPs of training on one, by the ways to count."""

    what: str
    trained: float
    scored: float
    flops_a_token: Mapping[str, float]

    def flops(self) -> dict[str, float]:
        """Scoring a token takes a third of training on it: the forward pass without the backward."""
        return {key: value * (self.trained + self.scored / 3) for key, value in self.flops_a_token.items()}


@dataclass(frozen=True)
class Context:
    """What a method may know.

    ``rules`` holds the trained domains, their token shares (the prior) and the bounds of their weights, which come of
    ``max_epochs``, the most passes over a domain in the target's training;
    ``objectives`` the weights of each objective over domains; ``recommended`` the mixture (K) that RegMix found
    for each objective. ``seeds`` are those of the targets' runs. ``warn`` is for what the user should see.
    """

    rules: Rules
    max_epochs: float
    objectives: Mapping[str, Mapping[str, float]]
    recommended: Mapping[str, np.ndarray]
    regressors: Mapping[str, Kind]
    proxy: Training
    target: Training
    seeds: Sequence[int]
    corpus: Corpus
    swarm: Proxies
    train: Train
    warn: Callable[[str], None]

    @property
    def domains(self) -> tuple[str, ...]:
        return self.rules.domains

    def swarm_cost(self, share: float = 1.0) -> Spent:
        """What the proxies cost, or a share of them."""
        tokens = len(self.swarm.mixtures) * self.swarm.meta["train_tokens"] * share
        return Spent("proxies", tokens, 0, self.swarm.meta["flops_a_token"])

    def static(self, mixture: np.ndarray) -> Schedule:
        """One mixture (K,) for the whole of training."""
        return Schedule.static(self.domains, mixture)


@dataclass(frozen=True)
class Plan:
    """What a method wants.

    ``schedule`` is the target's, or what holds until a policy decides. ``tokens`` (by domain) take the place of the
    corpus's. ``facts`` (JSON values) and ``tables`` are for a policy and the report; ``spent`` is what finding out cost
    beyond the target's own training.
    """

    schedule: Schedule
    tokens: Mapping[str, np.ndarray] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    spent: Sequence[Spent] = ()


@dataclass(frozen=True)
class Scale:
    """What is known before anything runs: tokens that a proxy trains on, seeds of the targets, and training tokens of
    the corpus, None before it is there."""

    proxy_tokens: int
    target_seeds: int
    corpus_tokens: int | None


@dataclass(frozen=True)
class Preparation:
    """What a plan trains and scores before its targets train, at most.

    ``runs`` are proxies, or of the target's size if ``target_sized``. ``scored`` are tokens that they score besides
    their trajectories, and ``written`` those of the text that the plan keeps for the target; NaN if not known.
    ``first_targets`` counts, by kind of method, the runs that are that method's first targets as well: they train once.
    """

    runs: int
    target_sized: bool = False
    scored: float = 0
    written: float = 0
    first_targets: Mapping[str, int] = field(default_factory=dict)


def key_of(plan: Plan, options: Strict, method: str, regressor: str | None = None) -> str:
    """A policy's key: the plan and options it follows, and the code of the file ``method`` that decides its answers.

    ``regressor`` is the kind of the one that it asks, if any.
    """
    digest = hashlib.sha256(repr((plan.schedule.to_json(), plan.facts, options)).encode())
    for name, table in sorted(plan.tables.items()):
        digest.update(name.encode() + table.to_csv(index=False).encode())
    digest.update(code_of(method, regressor).encode())
    return digest.hexdigest()


def code_of(method: str, regressor: str | None = None) -> str:
    """The digest of a method's code and libraries; ``method`` is its ``__file__``."""
    return provenance.code([method], {"regressors": [regressor] if regressor else []}).digest()
