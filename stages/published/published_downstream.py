"""Losses, mixtures and task scores of the 64 published 1B models (Figure 5a, Table 3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.files import write_csv, writing
from regmix.core.forked import mapped
from regmix.core.tables import read_csv
from regmix.published.settings import Published
from regmix.regression import assess, interface
from regmix.statistics import correlations
from regmix.statistics.intervals import Score, percentiles
from stages.common.run import run
from stages.published.published_sets import read_sets


def published_downstream(settings: Published, *, runs: Path, tables: Path, out: Path) -> None:
    """Correlate losses with scores; predict scores from mixtures, each model by a fit to the others.

    Models whose printed numbers have lost a digit are left out.
    """
    large, printed = read_sets(runs)["test_1b"], read_csv(tables / "regmix_g_models.csv").set_index("model")
    tasks = list(printed.columns[list(printed.columns).index(large.domains[-1]) + 1 :])
    intact = (printed["truncated"] == 0).loc[[int(name.split("-")[1]) for name in large.names]].to_numpy()
    models, scores = large.at(intact), printed.loc[printed["truncated"] == 0, tasks].reset_index(drop=True)
    level, drawn, seed = settings.regression.interval, settings.regression.bootstrap, settings.regression.seed
    related = correlations.correlations(
        -models.losses.reset_index(drop=True), scores, resamples=drawn, level=level, seed=seed
    )
    inputs = dict.fromkeys(settings.downstream, models.mixtures)
    fits = {name: interface.bind(name, settings.regressors[name]).fit for name in settings.downstream}
    loss = models.losses[[settings.objective]].to_numpy()
    inputs |= {"loss": loss, "weight": models.mixtures[:, [models.domains.index(settings.objective)]]}
    fits |= dict.fromkeys(("loss", "weight"), fits["ridge"])

    def predict(job: tuple[str, str]) -> tuple[Score, np.ndarray]:
        name, task = job
        true = scores[task].to_numpy()
        predicted = assess.out_of_fold(fits[name], inputs[name], true, len(true), seed, deviations=False).mean
        return correlations.explained(true, predicted, resamples=drawn, level=level, seed=seed)

    jobs = [(task, name) for task in tasks for name in fits]
    with threadpool_limits(limits=1):
        results = dict(zip(jobs, mapped(lambda job: predict(job[::-1]), jobs, settings.workers), strict=True))
    rows = []
    for (task, name), (figure, samples) in results.items():
        value, against = results[task, "loss"]
        gain = [figure.value - value.value, *percentiles(samples - against, level)]
        rows.append([task, name, len(scores), *figure, *gain])
    columns = ["task", "predictor", "n", "value", "low", "high", "over_loss", "over_low", "over_high"]
    with writing(out) as scratch:
        write_csv(scratch / "correlations.csv", related)
        write_csv(scratch / "predicted.csv", pd.DataFrame(rows, columns=columns))
        write_csv(scratch / "range.csv", printed[tasks].agg(["min", "max"]).T.rename_axis("task").reset_index())


if __name__ == "__main__":
    run(published_downstream)
