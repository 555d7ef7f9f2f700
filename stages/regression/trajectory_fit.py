"""Judge RegMix-D's stepwise regressors on the held-out proxies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.files import write_csv, writing
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.objectives import ObjectiveSections, resolve
from regmix.regression import interface
from regmix.regression.settings import Regression
from regmix.trajectory import next_loss, trajectories
from regmix.trajectory.settings import Trajectory
from stages.common.run import run


class Settings(ObjectiveSections):
    regression: Regression
    regressors: dict[Name, Kind]
    trajectory: Trajectory


def trajectory_fit(params: Settings, *, swarm: Path, out: Path) -> None:
    """Write errors over one step and over all, for every regressor and granularity in the trajectory section."""
    settings, judged = params.trajectory, params.regression
    mixtures, schedules, logged = (
        read_csv(swarm / f"{name}.csv") for name in ("mixtures", "schedules", "trajectories")
    )
    objective = resolve(params.objectives, runs.read(swarm, params.corpus.trained))[settings.objective]
    proxies = trajectories.read(mixtures, schedules, logged, params.corpus.trained, objective)
    frames = []
    for granularity in settings.granularities:
        steps = proxies.granularity(granularity)
        for name in settings.regressors:
            regressor = interface.bind(name, params.regressors[name])
            model = next_loss.fit(steps.of("random", "anchor", "switched"), regressor, settings.label, settings.seed)
            frame = next_loss.errors(
                model, steps.of("heldout"), resamples=judged.bootstrap, level=judged.interval, seed=settings.seed
            )
            frames.append(frame.assign(regressor=name, granularity=granularity, label=settings.label))
    errors = pd.concat(frames, ignore_index=True)
    first = ["regressor", "granularity", "label"]
    with writing(out) as scratch:
        write_csv(scratch / "errors.csv", errors[[*first, *errors.columns.difference(first, sort=False)]])


if __name__ == "__main__":
    run(trajectory_fit)
