"""Judge one regressor of published/params.yaml on the published runs, for every domain's loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json, writing
from regmix.core.forked import mapped
from regmix.core.objective import Objective
from regmix.published.settings import Published
from regmix.regression import interface
from regmix.regression.assess import Assessment, assess
from stages.common.run import run
from stages.published.published_sets import TRAIN, as_printed, read_sets


def published_fit(settings: Published, *, regressor: str, runs: Path, tables: Path, out: Path) -> None:
    """Cross-validate on the 512 training runs, test at every scale, and on subsets of the runs for learning curves."""
    if regressor not in settings.regressors:
        raise InputError(f"--regressor {regressor}: not in published/params.yaml; add it")
    fitted = interface.bind(regressor, settings.regressors[regressor])
    sets = as_printed(read_sets(runs), tables)
    train = sets.pop(TRAIN)
    names = list(train.losses)

    def assessed_on(name: str) -> Assessment:
        judged = settings.regression_on(name)
        result = assess(fitted, train, sets, Objective.loss(name), judged, deviations=False)
        return replace(result, predictions=result.predictions.drop(columns="sd"))

    with threadpool_limits(limits=1):
        assessed = dict(zip(names, mapped(assessed_on, names, settings.workers), strict=True))
    with writing(out) as scratch:
        for table in ("predictions", "curve", "coefficients"):
            parts = [getattr(result, table).assign(objective=name) for name, result in assessed.items()]
            write_csv(scratch / f"{table}.csv", pd.concat([part for part in parts if len(part)] or parts[:1]))
        write_json(scratch / "metrics.json", {
            name: {split: {metric: score.to_json() for metric, score in part.items()}
                   for split, part in result.metrics.items()}
            for name, result in assessed.items()
        })  # fmt: skip


if __name__ == "__main__":
    run(published_fit)
