"""The ensemble that chooses mixtures, as JSON from which a page can predict any loss at any mixture.

N runs, K domains, E regressors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from regmix.core import plugins
from regmix.core.forked import mapped
from regmix.mixture.optima import Evidence
from regmix.regression.ensemble import stack
from regmix.regression.interface import Regressor


def ensemble(known: Evidence, losses: Mapping[str, np.ndarray], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The ensemble that ``known`` gives rise to, fitted to each of ``losses`` (N,), by name; ``kinds`` are regressors'
    files by name.

    domains; mixtures (N, K), of the runs behind it; weights by regressor; models by regressor and loss, each its
    ``kind`` and parameters. A regressor without a portable form has a weight and no models. Raises InputError.
    """
    regressors = known.regressors
    with threadpool_limits(limits=1):
        weights = stack(regressors, known.mixtures, known.losses, known.search.seed, known.workers)
        usable = [regressor for regressor in regressors if kinds[regressor.name] in plugins.names("portable")]
        jobs = [(regressor, column) for regressor in usable for column in losses.values()]

        def written(job: tuple[Regressor, np.ndarray]) -> dict[str, Any]:
            regressor, column = job
            form = plugins.load("portable", kinds[regressor.name], f"regressors.{regressor.name}.kind")
            return dict(form.portable(regressor.fit(known.mixtures, column, known.search.seed)))

        parts = iter(mapped(written, jobs, known.workers))
    models = {
        regressor.name: {"kind": kinds[regressor.name], "losses": {name: next(parts) for name in losses}}
        for regressor in usable
    }
    return {
        "domains": list(known.rules.domains),
        "mixtures": known.mixtures.tolist(),
        "weights": {regressor.name: float(w) for regressor, w in zip(regressors, weights, strict=True)},
        "models": models,
    }
