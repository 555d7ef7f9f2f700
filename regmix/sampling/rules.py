"""How mixtures are drawn, within what region: the prior, its temperature, the strengths of the draws.

K domains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.constraints.region import Region
from regmix.sampling.settings import Swarm

# The values in RegMix's published code.
TEMPERATURE = 0.5  # exponent of the prior
STRENGTHS = tuple(np.geomspace(0.1, 5.0, 15).tolist())  # of the Dirichlet draws; each mixture uses one
MIN_WEIGHT = 2e-4  # smaller weights become 0
MAX_TRIES = 1000  # draws for one mixture before the rules count as infeasible


@dataclass(frozen=True)
class Rules:
    """How mixtures of a ``region`` are drawn; arrays are (K,) in the order of its domains.

    ``kl_reg`` times the distance to the prior is added to what a search minimises. ``text`` are the tokens of each
    domain that proxies have; None: all.
    """

    region: Region
    tempered: np.ndarray
    strengths: np.ndarray
    min_weight: float
    max_tries: int
    seed: int
    kl_reg: float = 0.0
    text: dict[str, int] | None = None

    @classmethod
    def of(cls, region: Region, swarm: Swarm, kl_reg: float) -> Rules:
        """The rules in params.yaml's ``swarm`` section."""
        grid = swarm.strength
        return cls.within(
            region,
            temperature=swarm.temperature,
            strengths=np.geomspace(grid.low, grid.high, grid.points),
            min_weight=swarm.min_weight,
            max_tries=swarm.max_tries,
            seed=swarm.seed,
            kl_reg=kl_reg,
        )

    @classmethod
    def around(cls, prior: Mapping[str, float], bounds: Mapping[str, float] | None = None, **options: Any) -> Rules:
        """Rules for draws around ``prior`` (positive shares by domain, sum 1), with the options of ``within``.

        ``bounds`` are the largest weights; a domain not listed is unbounded. All bounds must sum to 1 or more.
        """
        highest = np.array([(bounds or {}).get(domain, 1.0) for domain in prior])
        return cls.within(Region.below(tuple(prior), highest, np.array(list(prior.values()))), **options)

    @classmethod
    def within(
        cls,
        region: Region,
        *,
        temperature: float = TEMPERATURE,
        strengths: Sequence[float] | np.ndarray = STRENGTHS,
        min_weight: float = MIN_WEIGHT,
        max_tries: int = MAX_TRIES,
        seed: int = 0,
        kl_reg: float = 0.0,
    ) -> Rules:
        """Rules for draws around the region's prior; defaults are the published code's."""
        tempered = region.prior**temperature
        return cls(region, tempered / tempered.sum(), np.array(strengths), min_weight, max_tries, seed, kl_reg)

    @property
    def domains(self) -> tuple[str, ...]:
        return self.region.domains

    @property
    def prior(self) -> np.ndarray:
        """The domains' natural shares (K,), which constraints need not allow."""
        return self.region.prior

    @property
    def bounds(self) -> np.ndarray:
        """The largest weights (K,)."""
        return self.region.high

    def to_json(self) -> dict[str, Any]:
        """The content of rules.json, which swarm_sample writes for every stage that draws or bounds mixtures."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arrays = {name: value.tolist() for name, value in values.items() if isinstance(value, np.ndarray)}
        out = values | arrays | {"region": self.region.to_json()}
        return {name: value for name, value in out.items() if value is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Rules:
        """The inverse of ``to_json``, exact to the last bit."""
        fields: dict[str, Any] = {name: np.array(v) if isinstance(v, list) else v for name, v in value.items()}
        return cls(**fields | {"region": Region.from_json(value["region"])})

    def by_domain(self, mixture: np.ndarray) -> dict[str, float]:
        """A mixture (K,) as weights by domain."""
        return dict(zip(self.domains, mixture.tolist(), strict=True))

    @property
    def natural(self) -> np.ndarray:
        """The mixture (K,) of the region that is nearest to the prior."""
        return self.nearest(self.prior)

    @property
    def uniform(self) -> np.ndarray:
        """The mixture (K,) of the region that is nearest to equal weights."""
        return self.nearest(np.full(len(self.domains), 1 / len(self.domains)))

    def nearest(self, mixtures: np.ndarray) -> np.ndarray:
        """The nearest mixtures (..., K) of the region."""
        return self.region.nearest(mixtures)
