"""Judge one regressor of params.yaml on every objective."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core import runs
from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json, writing
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind, Name
from regmix.objectives import ObjectiveSections, resolve
from regmix.regression import assess, interface
from regmix.regression.ensemble import cached
from regmix.regression.settings import Regression
from stages.common.run import note, run


class Settings(ObjectiveSections):
    regression: Regression
    regressors: dict[Name, Kind]


def regression_fit(params: Settings, *, regressor: str, swarm: Path, out: Path) -> None:
    """Cross-validate a regressor on the swarm, and test it on the held-out mixtures."""
    if regressor not in params.regressors:
        raise InputError(f"--regressor {regressor}: not in params.yaml; use one of {', '.join(params.regressors)}")
    fitted = interface.bind(regressor, params.regressors[regressor])
    fitted = replace(fitted, fit=cached(fitted.fit))
    swarm_runs = runs.read(swarm, params.corpus.trained)
    train, test = swarm_runs.of(*LEARNT), swarm_runs.of("heldout")
    tests = {"heldout": test} if len(test.names) else {}
    frames: dict[str, list[pd.DataFrame]] = {"predictions": [], "curve": [], "coefficients": []}
    metrics = {}
    for name, objective in resolve(params.objectives, swarm_runs).items():
        with threadpool_limits(limits=1):  # such small matrices are slower with more threads, on a busy machine by far
            assessed = assess.assess(fitted, train, tests, objective, params.regression)
        better = assess.better_scores(assessed.predictions, params.regression)
        for table, parts in frames.items():
            frame = getattr(assessed, table).copy()
            frame.insert(0, "objective", name)
            parts.append(frame)
        metrics[name] = {
            split: {metric: score.to_json() for metric, score in scores.items()}
            for split, scores in (assessed.metrics | better).items()
        } | {"n": {"cv": len(train.names), "heldout": len(test.names)}}
    if not np.isfinite(pd.concat(frames["predictions"])["predicted"]).any():
        note(f"regressors.{regressor}: needs more than {len(train.names)} runs, so it is not judged")
    with threadpool_limits(limits=1):
        laws = assess.token_laws(fitted, train, params.regression)
    with writing(out) as scratch:
        for table, parts in frames.items():
            filled = [part for part in parts if len(part)] or parts[:1]
            write_csv(scratch / f"{table}.csv", pd.concat(filled, ignore_index=True))
        write_csv(scratch / "law.csv", laws)
        write_json(scratch / "metrics.json", metrics)


if __name__ == "__main__":
    run(regression_fit)
