"""Join the regressors' scores on the published runs, and compare them pair by pair."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from regmix import crossval, restricted, tournament
from regmix.published_params import Published
from regmix.regressors import _interface
from stages.harness import prune, read_csv, read_json, run, write_csv, write_json, writing
from stages.published_sets import TRAIN, as_printed, read_sets


def published_compare(settings: Published, *, fits: Path, runs: Path, tables: Path, out: Path) -> None:
    """Every regressor, a vote, and no proxy at all, on every domain's loss.

    On the objective's loss also early stopping, and mixtures with hardly any of its domain (Table 6).
    """
    prune(fits, settings.regressors)
    divided = read_sets(runs)
    sets = as_printed(divided, tables)
    tests = {name: part for name, part in sets.items() if name != TRAIN}
    sets = {"cv": sets[TRAIN], **tests}
    frames = {name: read_csv(fits / name / "predictions.csv") for name in settings.regressors}
    metrics = {name: read_json(fits / name / "metrics.json") for name in frames}
    table, margins = [], []
    for objective in sets["cv"].losses:
        told = tournament.entrants(
            {name: {split: part["predicted"].to_numpy()
                    for split, part in frame[frame["objective"] == objective].groupby("split", sort=False)}
             for name, frame in frames.items()},
            settings.ensemble, sets, objective,
        )  # fmt: skip
        for name in frames:
            found = crossval.parsed(metrics[name][objective], sets)
            table.append(tournament.listed(name, objective, found, sets))
        others = {name: told[name] for name in told if name not in frames}
        table.append(tournament.judged(sets, others, objective, settings.regression))
        main = objective == settings.objective
        margins.append(
            tournament.margins(sets, told, objective, None, settings.regression)
            if main
            else tournament.margins(tests, told, objective, settings.paper_regressor, settings.regression)
        )
        if main:
            part = tournament.starved(sets, told, objective, settings.starved)
            table.append(tournament.judged(*part, objective, settings.regression))
            margins.append(tournament.margins(*part, objective, None, settings.regression))
    bound = [_interface.bind(name, settings.regressors[name]) for name in settings.regressors]
    with threadpool_limits(limits=1):  # the same bits on any number of cores
        poor = restricted.ranked(
            bound, sets["cv"], sets["test_1m"], settings.objective, settings.starved, settings.regression
        )
    weights, exact = (
        {split: part.mixtures for split, part in of.items()} for of in (as_printed(divided, tables), divided)
    )
    losses = {split: part.objective({settings.objective: 1.0}) for split, part in divided.items()}
    options = _interface.options(settings.paper_regressor, settings.regressors[settings.paper_regressor])
    trees, stopped = tournament.stops(weights, exact, losses, TRAIN, "test_1m", options, settings.stop)
    table.append(tournament.judged(sets, stopped, settings.objective, settings.regression))
    with writing(out) as scratch:
        write_csv(scratch / "scores.csv", pd.concat(table, ignore_index=True))
        write_csv(scratch / "margins.csv", pd.concat(margins, ignore_index=True))
        write_csv(scratch / "restricted.csv", poor)
        write_json(scratch / "trees.json", trees)


if __name__ == "__main__":
    run(published_compare)
