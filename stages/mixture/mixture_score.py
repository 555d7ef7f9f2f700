"""Let one regressor of the ensemble rank the candidate mixtures for every objective."""

from __future__ import annotations

from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import writing
from regmix.core.runs import runs
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.engine.machine import Machine
from regmix.mixture import choose
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import vote
from regmix.objectives import ObjectiveSections
from stages.rules import read_rules
from stages.run import run


class Settings(ObjectiveSections):
    mixture: Mixture
    regressors: dict[Name, Kind]
    machine: Machine


def mixture_score(params: Settings, *, regressor: str, swarm: Path, sample: Path, out: Path) -> None:
    """Fit REGRESSOR to the swarm and to part of its runs; write the ranks of the candidates by its predictions to OUT.

    OUT/regressor.json says how it was fitted.
    """
    if regressor not in params.mixture.ensemble:
        members = ", ".join(params.mixture.ensemble)
        raise InputError(f"--regressor {regressor}: not in mixture.ensemble of params.yaml; use one of {members}")
    trained = runs(read_csv(swarm / "mixtures.csv"), read_csv(swarm / "losses.csv"), params.corpus.trained)
    known, rules = trained.of("random", "anchor"), read_rules(sample, params.corpus.trained)
    losses = {name: known.objective(params.objective_weights(name)) for name in params.objectives}
    entry, search = params.regressors[regressor], choose.search(params.mixture)
    member = choose.member(regressor, entry)
    votes = vote(known.mixtures, losses, member, rules, search, params.machine.processes)
    with writing(out) as scratch:
        choose.write_votes(scratch, entry, search, votes)


if __name__ == "__main__":
    run(mixture_score)
