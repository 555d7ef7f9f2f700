"""Replay the papers' simulation on the published runs (Table 7, Figure 14), and ask how firm its answer is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from regmix import replay
from regmix.published_params import Published
from regmix.regressors import _interface
from stages.harness import read_csv, run, write_csv, writing
from stages.published_sets import TRAIN, read_sets


def published_simulate(settings: Published, *, runs: Path, tables: Path, out: Path) -> None:
    """The recommended mixture of every replay and seed with its refits; neighbours of the published mixture."""
    sets, level, plan = read_sets(runs), settings.regression.interval, settings.simulate
    losses = {name: part.objective({settings.objective: 1.0}) for name, part in sets.items()}
    domains = list(sets[TRAIN].domains)
    bind = {name: _interface.bind(name, entry) for name, entry in settings.regressors.items()}
    sizes = read_csv(tables / "regmix_1_pile.csv").set_index("domain")["gib"].loc[domains].to_numpy()
    weights, refits = [], []
    for name, entry in plan.replays.items():
        for seed in entry.seeds:
            found = replay.optimum(
                sets[entry.runs], losses[entry.runs], bind[entry.regressor], plan.draws[entry.draws],
                sizes / sizes.sum(), plan.refits, seed, level, settings.workers,
            )  # fmt: skip
            key = {"replay": name, "seed": seed}
            cells = zip(domains, found.weights, found.spread, strict=True)
            weights += [{**key, "domain": domain, "weight": w, "spread": s} for domain, w, s in cells]
            refits.append(found.refits.assign(**key))
    printed = read_csv(tables / "regmix_7_mixtures.csv").set_index("domain")["regmix"].loc[domains].to_numpy()
    printed = printed / printed.sum()
    column = domains.index(settings.objective)
    grid = replay.along(printed, column, plan.neighbours)

    def told(name: str) -> pd.DataFrame:
        less, sd = replay.differences(
            sets[TRAIN], losses[TRAIN], bind[name], printed, grid, plan.neighbour_refits, settings.regression.seed
        )
        return pd.DataFrame({"regressor": name, "weight": plan.neighbours, "value": less, "sd": sd})

    with threadpool_limits(limits=1), ThreadPoolExecutor(settings.workers) as pool:
        near = list(pool.map(told, settings.regressors))
    with writing(out) as scratch:
        write_csv(scratch / "weights.csv", pd.DataFrame(weights))
        write_csv(scratch / "refits.csv", pd.concat(refits, ignore_index=True))
        write_csv(scratch / "neighbours.csv", pd.concat(near, ignore_index=True))


if __name__ == "__main__":
    run(published_simulate)
