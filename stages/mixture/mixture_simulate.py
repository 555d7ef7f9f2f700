"""Choose a mixture for every objective by the votes of the regressors."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import prune, write_csv, write_json, writing
from regmix.core.runs import runs
from regmix.core.tables import read_csv
from regmix.engine.machine import Machine
from regmix.mixture import choose
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import elect
from regmix.objectives import ObjectiveSections
from regmix.regression.settings import Regression
from stages.rules import read_rules
from stages.run import run


class Settings(ObjectiveSections):
    mixture: Mixture
    regression: Regression
    machine: Machine


def mixture_simulate(params: Settings, *, scores: Path, swarm: Path, sample: Path, out: Path) -> None:
    """Average the ranks in SCORES over the regressors, and the best candidates; estimate how certain the choice is."""
    names = params.mixture.ensemble
    prune(scores, names)
    trained = runs(read_csv(swarm / "mixtures.csv"), read_csv(swarm / "losses.csv"), params.corpus.trained)
    known, rules = trained.of("random", "anchor"), read_rules(sample, params.corpus.trained)
    losses = {name: known.objective(params.objective_weights(name)) for name in params.objectives}
    search = choose.search(params.mixture)
    entries = {name: choose.read_entry(scores / name, search) for name in names}
    regressors = [choose.member(name, entry) for name, entry in entries.items()]
    votes = [choose.read_votes(scores / name, losses, search) for name in names]
    level, workers = params.regression.interval, params.machine.processes
    result = elect(known.mixtures, losses, regressors, votes, rules, search, level, workers)
    with writing(out) as scratch:
        for name, simulation in result.simulations.items():
            write_json(scratch / f"{name}.json", {"objective": name, **simulation.to_json(rules.domains)})
        write_json(scratch / choose.REGRESSORS, {name: entry.model_dump() for name, entry in entries.items()})
        write_csv(scratch / "candidates.csv", result.candidates)
        write_csv(scratch / "refits.csv", result.refit_tables())


if __name__ == "__main__":
    run(mixture_simulate)
