"""Which mixtures are allowed and how they are drawn: the prior, the bounds, the strengths of the draws.

K domains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.core.errors import InputError
from regmix.sampling.settings import Swarm

# The values in RegMix's published code.
TEMPERATURE = 0.5  # exponent of the prior
STRENGTHS = tuple(np.geomspace(0.1, 5.0, 15).tolist())  # of the Dirichlet draws; each mixture uses one
MIN_WEIGHT = 2e-4  # smaller weights become 0
SINGLE = 1e-9  # by how much the bounds can exceed a sum of 1 with, but for rounding, a single mixture within them
MAX_TRIES = 1000  # draws for one mixture before the rules count as infeasible


@dataclass(frozen=True)
class Rules:
    """Which mixtures are allowed and how they are drawn; arrays are (K,) in the order of ``domains``."""

    domains: tuple[str, ...]
    prior: np.ndarray
    bounds: np.ndarray
    tempered: np.ndarray
    strengths: np.ndarray
    min_weight: float
    max_tries: int
    seed: int

    @classmethod
    def of(cls, prior: Mapping[str, float], bounds: Mapping[str, float], swarm: Swarm) -> Rules:
        """The rules in params.yaml's ``swarm`` section, for a prior and bounds by domain."""
        grid = swarm.strength
        return cls.around(
            prior,
            {domain: bounds[domain] for domain in prior},
            temperature=swarm.temperature,
            strengths=np.geomspace(grid.low, grid.high, grid.points),
            min_weight=swarm.min_weight,
            max_tries=swarm.max_tries,
            seed=swarm.seed,
        )

    @classmethod
    def around(
        cls,
        prior: Mapping[str, float],
        bounds: Mapping[str, float] | None = None,
        *,
        temperature: float = TEMPERATURE,
        strengths: Sequence[float] | np.ndarray = STRENGTHS,
        min_weight: float = MIN_WEIGHT,
        max_tries: int = MAX_TRIES,
        seed: int = 0,
    ) -> Rules:
        """Rules for draws around ``prior`` (positive shares by domain, sum 1); defaults are the published code's.

        ``bounds`` are the largest weights; a domain not listed is unbounded. All bounds must sum to 1 or more.
        """
        shares = np.array(list(prior.values()))
        tempered = shares**temperature
        return cls(
            domains=tuple(prior),
            prior=shares,
            bounds=np.array([(bounds or {}).get(domain, 1.0) for domain in prior]),
            tempered=tempered / tempered.sum(),
            strengths=np.array(strengths),
            min_weight=min_weight,
            max_tries=max_tries,
            seed=seed,
        )

    def to_json(self) -> dict[str, Any]:
        """The content of rules.json, which swarm_sample writes for every stage that draws or bounds mixtures."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rules:
        """The inverse of ``to_json``, exact to the last bit."""
        arrays = {name: np.array(v) if isinstance(v, list) and name != "domains" else v for name, v in value.items()}
        return cls(**arrays | {"domains": tuple(value["domains"])})

    def by_domain(self, mixture: np.ndarray) -> dict[str, float]:
        """A mixture (K,) as weights by domain."""
        return dict(zip(self.domains, mixture.tolist(), strict=True))

    @property
    def uniform(self) -> np.ndarray:
        """The mixture (K,) within the bounds that is nearest to equal weights."""
        return project(np.full(len(self.domains), 1 / len(self.domains)), self.bounds)


def token_shares(available: Mapping[str, int]) -> dict[str, float]:
    """The prior: each domain's share of the training tokens. Raises InputError if a domain has none."""
    for domain, tokens in available.items():
        if tokens <= 0:
            raise InputError(f"corpus.domains.{domain}: {tokens} training tokens; add text or drop the domain")
    total = sum(available.values())
    return {domain: tokens / total for domain, tokens in available.items()}


def weight_bounds(available: Mapping[str, int], max_epochs: float, train_tokens: int) -> dict[str, float]:
    """The largest weight of each domain: ``min(1, max_epochs * available / train_tokens)``.

    ``train_tokens`` is the number of tokens one target run trains on: with a weight above the bound it would pass
    over the domain more than ``max_epochs`` times. Raises InputError if no mixture, or only one, keeps all bounds.
    """
    bounds = {domain: min(1.0, max_epochs * tokens / train_tokens) for domain, tokens in available.items()}
    total = sum(bounds.values())
    if total <= 1 + SINGLE:
        scarce = min(bounds, key=lambda domain: bounds[domain])
        needed = train_tokens / sum(available.values())
        raise InputError(
            f"params.yaml: swarm.max_epochs = {max_epochs:g}: the bounds of all domains sum to {total:.3g}, so "
            f"{'no' if total < 1 - SINGLE else 'only one'} mixture keeps them (tightest: {scarce} at "
            f"{bounds[scarce]:.3g}); raise it above {needed:.3g} or lower target.recipe.steps"
        )
    return bounds


def project(mixture: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The points (..., K) of the simplex nearest to ``mixture`` (..., K) (Euclidean) of those within ``bounds`` (K,).

    It is ``clip(mixture - shift, 0, bounds)``, with the shift that makes it sum to 1 found by bisection. A mixture
    within the bounds, whose sum is 1, stays as it is to the bit. The bounds must sum to 1 or more.
    """
    low, high = np.min(mixture - bounds, axis=-1, keepdims=True), np.max(mixture, axis=-1, keepdims=True)
    for _ in range(100):
        shift = (low + high) / 2
        above = np.clip(mixture - shift, 0, bounds).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(above, shift, low), np.where(above, high, shift)
    within = np.all((mixture >= 0) & (mixture <= bounds), axis=-1, keepdims=True)
    return np.where(within, mixture, np.clip(mixture - low, 0, bounds))
