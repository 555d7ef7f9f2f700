"""How the published losses change with the model's size: ranks (Figure 15) and RegMix-D's exponent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.published.settings import Published
from regmix.trajectory import size_correction
from regmix.trajectory.size_correction import PARAMETERS
from stages.common.run import run
from stages.published.published_sets import TRAIN, read_sets


def published_scale(settings: Published, *, fits: Path, runs: Path, out: Path) -> None:
    """Rank correlations of the 256 mixtures trained as 1M and as 60M models, and beta to 60M and to 1B.

    No mixture of the 1B models was trained smaller: their loss at 1M is a regressor's prediction.
    """
    sets = read_sets(runs)
    small, middle, large = (sets[name].losses for name in ("test_1m", "test_60m", "test_1b"))
    level, drawn = settings.regression.interval, settings.regression.bootstrap
    options: dict[str, Any] = {"resamples": drawn, "level": level, "seed": settings.regression.seed}
    predicted = {name: read_csv(fits / name / "predictions.csv").set_index(["split", "objective"])["predicted"]
            for name in settings.regressors}  # fmt: skip
    rows = []
    for domain in small:
        pairs = {("60m", "matched"): (small[domain].to_numpy(), middle[domain].to_numpy())}
        for name, values in predicted.items():
            pairs["1b", name] = values.loc["test_1b", domain].to_numpy(), large[domain].to_numpy()
        for (size, source), (lower, upper) in pairs.items():
            betas = size_correction.exponents(lower, upper, PARAMETERS[size] / PARAMETERS["1m"])
            rows.append([domain, size, source, len(betas), *size_correction.mean(betas, **options), betas.std(ddof=1)])
    betas = pd.DataFrame(rows, columns=["domain", "size", "source", "n", "value", "low", "high", "sd"])
    ratio = PARAMETERS["1b"] / PARAMETERS["1m"]
    ours = betas[(betas["domain"] == settings.objective) & (betas["source"] == settings.beta.regressor)]
    learnt = sets[TRAIN].losses[settings.objective].to_numpy()
    ranges = {
        name: _range(size_correction.corrected(large[settings.objective].to_numpy(), ratio, beta), learnt)
        for name, beta in (("paper", settings.beta.paper), ("fitted", float(ours["value"].iloc[0])))
    }
    with writing(out) as scratch:
        write_csv(scratch / "ranks.csv", size_correction.correlations(small, middle, list(small), **options))
        write_csv(scratch / "beta.csv", betas)
        write_json(scratch / "corrected.json", ranges | {"proxies": _range(learnt, learnt)})


def _range(values: np.ndarray, learnt: np.ndarray) -> dict[str, float]:
    """The range of losses, and the share of them below all losses that the regressor learnt from."""
    return {
        "low": float(values.min()),
        "high": float(values.max()),
        "below": float((values < learnt.min()).mean()),
    }


if __name__ == "__main__":
    run(published_scale)
