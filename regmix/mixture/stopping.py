"""Whether another round of proxies is worth its compute: what it could gain, against what proxies can tell apart.

The gain to expect is a simulation's regret (judge.py): what the chosen mixture loses, on average over refits to part of
the runs, to the mixture that each refit would choose. Proxies that confirm a mixture are paired by seed, and a gain
within the interval of such a comparison could not be told from none; so rounds stop there. docs/acquisitions.md says
what that rule costs on the published runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scipy import stats


@dataclass(frozen=True)
class Outlook:
    """What another round could gain and what it costs. ``verdict`` is None where the noise is unknown (NaN)."""

    expected_gain: float  # nats per token
    noise: float  # nats per token, half the interval of a comparison
    flops: float  # of the round's training, the output layer included

    @property
    def verdict(self) -> Literal["continue", "stop"] | None:
        if math.isnan(self.noise):
            return None
        return "continue" if self.expected_gain > self.noise else "stop"


def outlook(
    simulation: Mapping[str, Any], sd: float, seeds: int, level: float, runs: int, meta: Mapping[str, Any]
) -> Outlook:
    """After a simulation (its JSON), for another round of ``runs`` proxies, described by their meta.json.

    ``sd``, in nats, is the spread of proxies at one mixture without what those of a seed have in common; ``seeds``
    proxies at each of two mixtures make a comparison, whose interval has coverage ``level``.
    """
    half = stats.t.ppf((1 + level) / 2, seeds - 1) * sd * math.sqrt(2 / seeds) if seeds > 1 else math.nan
    flops = runs * meta["train_tokens"] * meta["flops_a_token"]["full"]
    return Outlook(simulation["regret"], float(half), float(flops))
