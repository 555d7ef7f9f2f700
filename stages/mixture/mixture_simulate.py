"""Choose a mixture for every objective by the fits of the ensemble's regressors."""

from __future__ import annotations

from pathlib import Path

from regmix.core import runs
from regmix.core.files import write_csv, write_json, writing
from regmix.core.runs import LEARNT, Runs
from regmix.core.settings import Kind, Name
from regmix.engine.machine import Machine
from regmix.mixture.from_settings import evidence
from regmix.mixture.front import fronts
from regmix.mixture.hindsight import before_rounds, heldout_scores
from regmix.mixture.optima import Evidence
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


def mixture_simulate(params: Settings, *, swarm: Path, sample: Path, out: Path) -> None:
    """Weigh the regressors, search for the mixture they predict to be best, and estimate how certain the choice is.

    Also score the regressors together on held-out mixtures, and what each round was expected to gain.
    """
    trained = runs.read(swarm, params.corpus.trained)
    learnt, rules = trained.of(*LEARNT), read_rules(sample, params.corpus.trained)
    objectives, workers = resolve(params.objectives, learnt), params.machine.processes

    def fitted(part: Runs) -> Evidence:
        return evidence(part, objectives, rules, params.mixture, params.regressors, workers)

    proxies = fitted(learnt)
    level, settings = params.regression.interval, params.mixture.fronts
    result = simulate(proxies, level)
    table = fronts(settings.pairs, result, proxies, settings.points, level)
    with writing(out) as scratch:
        for name, simulation in result.simulations.items():
            write_json(scratch / f"{name}.json", {"objective": name, **simulation.to_json(rules.domains)})
        write_json(
            scratch / "regressor-weights.json", dict(zip(params.mixture.ensemble, result.weights.tolist(), strict=True))
        )
        write_csv(scratch / "candidates.csv", result.candidates)
        write_csv(scratch / "fronts.csv", table)
        write_csv(scratch / "refits.csv", result.refit_tables())
        write_csv(scratch / "outlooks.csv", before_rounds(learnt, earlier(swarm), fitted))
        heldout = heldout_scores(result.models, trained.of("heldout"), objectives, params.regression)
        write_csv(scratch / "scores.csv", heldout)


if __name__ == "__main__":
    run(mixture_simulate)
