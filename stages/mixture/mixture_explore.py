"""Write the ensemble that chose the mixtures as data that the report's page can predict with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regmix.core import runs
from regmix.core.files import write_json, writing
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind, Name
from regmix.engine.machine import Machine
from regmix.mixture.from_settings import evidence
from regmix.mixture.portable import ensemble
from regmix.mixture.settings import Mixture
from regmix.objectives import ObjectiveSections, resolve
from stages.common.rules import read_rules
from stages.common.run import run


class Settings(ObjectiveSections):
    mixture: Mixture
    regressors: dict[Name, Kind]
    machine: Machine


def mixture_explore(params: Settings, *, swarm: Path, confirmed: Path, sample: Path, out: Path) -> None:
    """Fit the ensemble again, to every loss of the runs behind the chosen mixtures, and write OUT/models.json."""
    domains = params.corpus.trained
    trained, rules = runs.read(swarm, domains), read_rules(sample, domains)
    learnt = trained.of(*LEARNT)
    if params.mixture.refit:
        learnt = learnt.joined(runs.read(confirmed, domains))
    objectives = resolve(params.objectives, trained)
    known = evidence(learnt, objectives, rules, params.mixture, params.regressors, params.machine.processes)
    losses = {name: column.to_numpy() for name, column in learnt.losses.items() if np.isfinite(column).all()}
    kinds = {name: params.regressors[name].kind for name in params.mixture.ensemble}
    with writing(out) as scratch:
        write_json(scratch / "models.json", ensemble(known, losses, kinds))


if __name__ == "__main__":
    run(mixture_explore)
