"""The proxies that confirm a recommendation, and the baselines beside it.

K domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from regmix.core.schedule import Schedule
from regmix.engine.run import Run
from regmix.objectives import Entry, sole
from regmix.sampling.rules import Rules


def baselines(rules: Rules, objectives: Iterable[Entry]) -> dict[str, np.ndarray]:
    """The mixtures (K,) to train beside the recommended ones: natural, uniform, and the domain of each of the
    ``objectives`` that is the loss of one trained domain, as the paper's Pile-CC Only; as closely as the bounds allow.
    """
    out = {"natural": rules.prior, "uniform": rules.uniform}
    for entry in objectives:
        alone = sole(entry, rules.domains)
        if alone is not None:
            single = np.array([float(name == alone) for name in rules.domains])
            out[f"only_{alone}"] = rules.nearest(single)
    return out


def confirming_runs(domains: tuple[str, ...], mixtures: Mapping[str, np.ndarray], seeds: int) -> list[Run]:
    """The runs at ``mixtures`` (K,) by name, with the same seeds at each, so that differences are paired.

    The swarm uses none of these seeds.
    """
    return [
        Run(f"{name}-{i}", Schedule.static(domains, mixture), 2**31 + i)
        for name, mixture in mixtures.items()
        for i in range(seeds)
    ]
