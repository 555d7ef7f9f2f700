"""Join the regressors' metrics with the baseline that trains no proxy and the noise between seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix.core.files import prune, read_json, write_csv, writing
from regmix.core.runs import LEARNT, runs
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.objectives import ObjectiveSections, resolve
from regmix.regression import assess, ranking
from regmix.regression.settings import Regression
from stages.common.run import run


class Settings(ObjectiveSections):
    regression: Regression
    regressors: dict[Name, Kind]


def regression_compare(params: Settings, *, fits: Path, swarm: Path, out: Path) -> None:
    """Compare all regressors with each other, with the no-proxy baseline and with the seed noise.

    Also write the rank correlations of weights with losses, which involve no regressor.
    """
    prune(fits, params.regressors, "metrics.json")
    mixtures = read_csv(swarm / "mixtures.csv")
    swarm_runs = runs(mixtures, read_csv(swarm / "losses.csv"), params.corpus.trained)
    parts = {"cv": swarm_runs.of(*LEARNT), "heldout": swarm_runs.of("heldout")}
    splits = {split: part for split, part in parts.items() if len(part.names)}
    repeated = swarm_runs.of("heldout", "repeat")
    seeds = mixtures.set_index("run")["seed"].loc[repeated.names].to_numpy()
    fitted = {name: read_json(fits / name / "metrics.json") for name in params.regressors}
    objectives = resolve(params.objectives, swarm_runs)
    table = []
    for aim, objective in objectives.items():
        judged = splits | assess.better_runs(splits, objective)
        compared = {name: assess.parsed(scores.get(aim, {}), judged) for name, scores in fitted.items()}
        compared[ranking.NO_PROXY] = assess.no_proxy_scores(judged, objective, params.regression)
        table += [
            [name, aim, split, metric, *score, len(judged[split].names)]
            for name, by_split in compared.items() for split, part in by_split.items() for metric, score in part.items()
        ]  # fmt: skip
        table += [
            [ranking.NOISE, aim, "heldout", metric, *spread, free]
            for metric, (spread, free) in ranking.noise(repeated, seeds, objective, params.regression.interval).items()
        ]
    columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
    predictions = {name: read_csv(fits / name / "predictions.csv") for name in params.regressors}
    margins = ranking.over_no_proxy(predictions, swarm_runs, objectives, params.regression)
    with writing(out) as scratch:
        write_csv(scratch / "scores.csv", pd.DataFrame(table, columns=columns))
        write_csv(scratch / "margins.csv", margins)
        write_csv(
            scratch / "weights.csv", ranking.weight_correlations(swarm_runs.of("random"), list(swarm_runs.losses))
        )


if __name__ == "__main__":
    run(regression_compare)
