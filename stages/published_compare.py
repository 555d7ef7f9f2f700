"""Join the regressors' scores on the published runs, and compare them pair by pair."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix import tournament
from regmix.params import Published
from regmix.published import DOMAINS, SOURCES
from regmix.regressors import _interface
from stages.harness import prune, read_csv, run, write_csv, write_json, writing
from stages.published_sets import TRAIN, read_sets


def published_compare(settings: Published, *, fits: Path, runs: Path, tables: Path, out: Path) -> None:
    """Every regressor, a vote, and no proxy at all on every domain's loss; early stopping on the objective's."""
    prune(fits, settings.regressors)
    sets = read_sets(runs)
    sets = {"cv": sets.pop(TRAIN), **sets}
    frames = {name: read_csv(fits / name / "predictions.csv") for name in settings.regressors}
    table, margins = [], []
    for objective in sets["cv"].losses:
        told = tournament.entrants(
            {name: {split: part["predicted"].to_numpy()
                    for split, part in frame[frame["objective"] == objective].groupby("split", sort=False)}
             for name, frame in frames.items()},
            settings.ensemble, sets, objective,
        )  # fmt: skip
        table.append(tournament.judged(sets, told, objective, settings.regression))
        main = objective == settings.objective
        baseline = None if main else settings.paper_regressor
        margins.append(tournament.margins(sets, told, objective, baseline, settings.regression))
        if main:
            poor = tournament.starved(sets, told, objective, settings.starved)
            table.append(tournament.judged(*poor, objective, settings.regression))
            margins.append(tournament.margins(*poor, objective, None, settings.regression))
    # The notebook takes the weights as they are printed, which miss 1 in their sums.
    printed = {split: read_csv(tables / source.mixtures).sort_values("index") for split, source in SOURCES.items()}
    weights = {split: frame[[f"train_the_pile_{d}" for d in DOMAINS]].to_numpy() for split, frame in printed.items()}
    losses = {split: sets.get(split, sets["cv"]).objective({settings.objective: 1.0}) for split in SOURCES}
    options = _interface.options(settings.paper_regressor, settings.regressors[settings.paper_regressor])
    trees, stopped = tournament.stops(weights, losses, TRAIN, "test_1m", options, settings.stop)
    table.append(tournament.judged(sets, stopped, settings.objective, settings.regression))
    with writing(out) as scratch:
        write_csv(scratch / "scores.csv", pd.concat(table, ignore_index=True))
        write_csv(scratch / "margins.csv", pd.concat(margins, ignore_index=True))
        write_json(scratch / "trees.json", trees)


if __name__ == "__main__":
    run(published_compare)
