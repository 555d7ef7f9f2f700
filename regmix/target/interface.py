"""What a method is: a file in regmix/methods with ``Options`` and ``plan``, and up to two further functions.

``plan(context, options) -> Plan`` says what a target trains on. If it trains models to work that out,
``preparation(options, scale) -> Sequence[Preparation]`` says how many in advance.
``policy(plan, options, training) -> Policy`` is for a method that changes the mixture while the target trains. Its plan
is read back from a folder, so the plan must contain everything the policy needs.

K domains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from regmix.core import provenance
from regmix.core.objective import Objective
from regmix.core.runs import Runs, runs
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind, Strict
from regmix.corpus.tokens.tokenized import Corpus
from regmix.engine.run import Result, Run
from regmix.engine.settings import Training
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm

if TYPE_CHECKING:
    import pandas as pd  # takes half a second, and few targets read a table


class Train(Protocol):
    def __call__(
        self,
        training: Training,
        runs: Sequence[Run],
        tokens: Mapping[str, np.ndarray] | None = None,
        weights: bool = True,
    ) -> list[Result]:
        """Train runs or load them from the store; ``tokens`` replace the corpus's if given.

        Without ``weights`` those of the swarm, which has none, are found there too.
        """


@dataclass(frozen=True)
class Proxies:
    """The tables of the proxies, and their meta.json."""

    mixtures: pd.DataFrame
    losses: pd.DataFrame
    schedules: pd.DataFrame
    trajectories: pd.DataFrame
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class Spent:
    """Numbers of tokens ``trained`` on and only ``scored``, and the FLOPs of training on one, by counting method."""

    what: str
    trained: float
    scored: float
    flops_a_token: Mapping[str, float]

    def flops(self) -> dict[str, float]:
        """Scoring a token costs a third of training on it: the forward pass without the backward pass."""
        return {key: value * (self.trained + self.scored / 3) for key, value in self.flops_a_token.items()}


@dataclass(frozen=True)
class Context:
    """What a method's plan can use.

    ``rules`` holds the trained domains, their token shares (the prior) and the region of mixtures that satisfy the
    constraints, as a plan must too: ``rules.nearest`` moves a mixture there. ``objectives`` holds the
    weights of each objective over domains, ``recommended`` RegMix's mixture (K) for each objective. ``seeds`` are the
    seeds of the targets' runs, ``sampling`` the settings of the swarm. ``warn`` shows the user a message.
    """

    rules: Rules
    sampling: Swarm
    objectives: Mapping[str, Objective]
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
        """The cost of the proxies, or of a share of them."""
        tokens = len(self.swarm.mixtures) * self.swarm.meta["train_tokens"] * share
        return Spent("proxies", tokens, 0, self.swarm.meta["flops_a_token"])

    def proxies(self, *kinds: str) -> Runs:
        """The proxies of these kinds."""
        return runs(self.swarm.mixtures, self.swarm.losses, self.domains).of(*kinds)

    def static(self, mixture: np.ndarray) -> Schedule:
        """The schedule with one mixture (K,) for the whole of training."""
        return Schedule.static(self.domains, mixture)


@dataclass(frozen=True)
class Plan:
    """What a target trains on.

    ``schedule`` is the target's, or the one in force until a policy decides. ``tokens`` (by domain) replace the
    corpus's. ``facts`` (JSON values) and ``tables`` are for a policy and the report. ``spent`` is the cost of making
    the plan, without the target's own training.
    """

    schedule: Schedule
    tokens: Mapping[str, np.ndarray] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    spent: Sequence[Spent] = ()


@dataclass(frozen=True)
class Scale:
    """What is known before anything runs: the tokens a proxy trains on, the number of seeds of the targets, and the
    corpus's training tokens (None before the corpus exists)."""

    proxy_tokens: int
    target_seeds: int
    corpus_tokens: int | None


@dataclass(frozen=True)
class Preparation:
    """What a plan trains and scores before its targets train, at most.

    ``runs`` counts proxies, or models of the target's size if ``target_sized``. ``scored`` counts the tokens they score
    in addition to their trajectories, ``written`` those of the text that the plan saves for the target; NaN if unknown.
    ``first_targets`` counts, by kind of method, the runs that are also that method's first targets and train only once.
    """

    runs: int
    target_sized: bool = False
    scored: float = 0
    written: float = 0
    first_targets: Mapping[str, int] = field(default_factory=dict)


def key_of(plan: Plan, options: Strict, method: str, regressor: str | None = None) -> str:
    """A policy's key: a digest of its plan, its options and the code of the file ``method``.

    ``regressor`` is the kind of the regressor it queries, if any.
    """
    digest = hashlib.sha256(repr((plan.schedule.to_json(), plan.facts, options)).encode())
    for name, table in sorted(plan.tables.items()):
        digest.update(name.encode() + table.to_csv(index=False).encode())
    digest.update(code_of(method, regressor).encode())
    return digest.hexdigest()


def code_of(method: str, regressor: str | None = None) -> str:
    """The digest of a method's code and libraries; ``method`` is its ``__file__``."""
    return provenance.code([method], {"regressors": [regressor] if regressor else []}).digest()
