"""Check the simulated mixtures with proxies trained on them, and choose the mixtures that targets train on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.files import read_json, write_csv, write_json, write_metrics, writing
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.engine.machine import Machine
from regmix.mixture.confirmation import confirm
from regmix.mixture.confirmation.calibrate import calibration
from regmix.mixture.from_settings import evidence
from regmix.mixture.propose import earlier
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import simulate
from regmix.objectives import ObjectiveSections, resolve
from regmix.regression.settings import Regression
from stages.common.rules import read_rules
from stages.common.run import run


class Settings(ObjectiveSections):
    mixture: Mixture
    regression: Regression
    regressors: dict[Name, Kind]
    machine: Machine


def mixture_choose(
    params: Settings, *, simulated: Path, confirmed: Path, swarm: Path, sample: Path, out: Path, metrics: Path
) -> None:
    """Compare predicted with realised loss; with mixture.refit, simulate again with the confirming runs."""
    domains = params.corpus.trained
    confirming = runs.read(confirmed, domains)
    chosen = {name: read_json(simulated / f"{name}.json") for name in params.objectives}
    trained = runs.read(swarm, domains)
    objectives = resolve(params.objectives, trained)
    summary, table = {}, []
    calibrated = calibration(earlier(swarm), trained, confirming, objectives, chosen, params.regression.interval)
    for name, simulation in chosen.items():
        realised = confirm.realised(confirming, name, objectives[name], simulation)
        summary[name] = confirm.summary(confirming, name, objectives[name], simulation, params.regression.interval)
        table.append(realised)
    if params.mixture.refit:
        rules = read_rules(sample, params.corpus.trained)
        learnt, workers = trained.of(*LEARNT).joined(confirming), params.machine.processes
        all_runs = evidence(learnt, objectives, rules, params.mixture, params.regressors, workers)
        again = simulate(all_runs, params.regression.interval)
        for name, simulation in again.simulations.items():
            chosen[name] = {"objective": name, **simulation.to_json(rules.domains)}
            summary[name]["refit"] = confirm.predicted(chosen[name])
    seeds = read_csv(confirmed / "mixtures.csv")["seed"].to_numpy()
    with writing(out) as scratch:
        for name, value in chosen.items():
            write_json(scratch / f"{name}.json", value)
        write_csv(scratch / "realised.csv", pd.concat(table, ignore_index=True))
        write_csv(scratch / "calibration.csv", calibrated)
        write_csv(scratch / "noise.csv", confirm.noise(confirming, seeds, objectives))
        write_json(scratch / "confirmed-gains.json", summary)  # a name that no objective can have
    write_metrics(metrics, {name: confirm.leading(value) for name, value in chosen.items()})


if __name__ == "__main__":
    run(mixture_choose)
