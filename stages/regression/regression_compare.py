"""Join the regressors' metrics with the baseline that trains no proxy and the noise between seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from regmix.core.files import prune, read_json, write_csv, write_json, writing
from regmix.core.runs import LEARNT, runs
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.objectives import ObjectiveSections
from regmix.regression import assess, ranking
from regmix.regression.settings import Regression
from regmix.statistics import intervals
from stages.run import run


class Settings(ObjectiveSections):
    regression: Regression
    regressors: dict[Name, Kind]


def regression_compare(params: Settings, *, fits: Path, swarm: Path, out: Path) -> None:
    """Compare all regressors with each other, with the no-proxy baseline and with the seed noise.

    Also write the rank correlations of weights with losses, which involve no regressor.
    """
    prune(fits, params.regressors)
    mixtures = read_csv(swarm / "mixtures.csv")
    swarm_runs = runs(mixtures, read_csv(swarm / "losses.csv"), params.corpus.trained)
    seeds = mixtures.set_index("run")["seed"]
    parts = {"cv": swarm_runs.of(*LEARNT), "heldout": swarm_runs.of("heldout")}
    splits = {split: part for split, part in parts.items() if len(part.names)}
    repeated = swarm_runs.of("heldout", "repeat")
    fitted = {name: read_json(fits / name / "metrics.json") for name in params.regressors}
    joined: dict[str, dict[str, Any]] = {name: {} for name in [*fitted, "no_proxy", "seed_noise"]}
    table = []
    for objective in params.objectives:
        weights = params.objective_weights(objective)
        compared = {name: assess.parsed(scores.get(objective, {}), splits) for name, scores in fitted.items()}
        compared["no_proxy"] = assess.no_proxy_scores(splits, weights, params.regression)
        for name, by_split in compared.items():
            joined[name][objective] = {split: assess.flat(part) for split, part in by_split.items()} or None
            for split, part in by_split.items():
                n = len(splits[split].names)
                table += [[name, objective, split, metric, *score, n] for metric, score in part.items()]
        noise, free = intervals.pooled_spread(
            repeated.objective(weights), repeated.mixture_ids(), params.regression.interval
        )
        joined["seed_noise"][objective] = {"sd": noise.to_json()["value"], "degrees_of_freedom": free}
        table.append(["seed_noise", objective, "heldout", "sd", *noise, free])
        paired, pairs = intervals.paired_spread(
            repeated.objective(weights), repeated.mixture_ids(), seeds.loc[repeated.names].to_numpy(),
            params.regression.interval,
        )  # fmt: skip
        table.append(["seed_noise", objective, "heldout", "sd_shared", *paired, pairs])
    columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
    predictions = {name: read_csv(fits / name / "predictions.csv") for name in params.regressors}
    objectives = {name: params.objective_weights(name) for name in params.objectives}
    margins = ranking.over_no_proxy(predictions, swarm_runs, objectives, params.regression)
    with writing(out) as scratch:
        write_json(scratch / "scores.json", joined)
        write_csv(scratch / "scores.csv", pd.DataFrame(table, columns=columns))
        write_csv(scratch / "margins.csv", margins)
        write_csv(
            scratch / "weights.csv", ranking.weight_correlations(swarm_runs.of("random"), list(swarm_runs.losses))
        )


if __name__ == "__main__":
    run(regression_compare)
