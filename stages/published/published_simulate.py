"""Replay the papers' simulation on the published runs (Table 7, Figures 2 and 14), and test how firm its answer is."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import write_csv, writing
from regmix.core.objective import Objective
from regmix.core.tables import read_csv
from regmix.published import replay
from regmix.published.settings import Published
from regmix.regression import interface
from stages.common.run import run
from stages.published.published_sets import TRAIN, read_sets

CHOSEN = "regmix"  # the column of Table 7 that all others are compared with


def published_simulate(settings: Published, *, runs: Path, tables: Path, out: Path) -> None:
    """The recommended mixture of every replay and seed with its refits; a sample of candidates with their predictions;
    the published mixture against its neighbours and against the other methods' mixtures of Table 7."""
    sets, plan = read_sets(runs), settings.simulate
    train, domains = sets[TRAIN], list(sets[TRAIN].domains)
    losses = {name: part.parts(Objective.loss(settings.objective)) for name, part in sets.items()}
    bound = {name: interface.bind(name, entry) for name, entry in settings.regressors.items()}
    sizes = read_csv(tables / "regmix_1_pile.csv").set_index("domain")["gib"].loc[domains].to_numpy()
    prior = sizes / sizes.sum()
    weights, refits = replay.optima(sets, losses, bound, plan, prior, settings.regression.interval, settings.workers)
    printed = read_csv(tables / "regmix_7_mixtures.csv").set_index("domain").loc[domains]
    mixtures = {name: (column / column.sum()).to_numpy() for name, column in printed.items()}
    chosen = mixtures.pop(CHOSEN)
    grid = replay.along(chosen, domains.index(settings.objective), plan.neighbours)
    fitted = train, losses[TRAIN].total, list(bound.values())
    others = dict(zip(plan.neighbours, grid, strict=True)) | mixtures
    compared = replay.apart(*fitted, chosen, others, plan.neighbour_refits, settings.regression.seed, settings.workers)
    near = compared["other"].isin(plan.neighbours)
    drawn = replay.rules(domains, prior, plan.draws[plan.cloud.draws])
    cloud = replay.cloud(*fitted, drawn, plan.cloud.candidates, plan.cloud.seed, settings.workers)
    with writing(out) as scratch:
        write_csv(scratch / "weights.csv", weights)
        write_csv(scratch / "refits.csv", refits)
        write_csv(scratch / "neighbours.csv", compared[near].rename(columns={"other": "weight"}))
        write_csv(scratch / "methods.csv", compared[~near].rename(columns={"other": "method"}))
        write_csv(scratch / "candidates.csv", cloud)


if __name__ == "__main__":
    run(published_simulate)
