"""Choose a mixture for every objective from the swarm's losses."""

from __future__ import annotations

from pathlib import Path

from regmix import mixtures, simulate
from regmix.objectives import runs
from regmix.params import Params
from stages.harness import read_csv, read_json, run, write_csv, write_json, writing


def mixture_simulate(params: Params, *, swarm: Path, sample: Path, out: Path) -> None:
    """Score candidate mixtures with the regressors of params.yaml's mixture section; average the best."""
    trained = runs(read_csv(swarm / "mixtures.csv"), read_csv(swarm / "losses.csv"), params.corpus.trained)
    rules = mixtures.rules(read_json(sample / "prior.json"), read_json(sample / "bounds.json"), params.swarm)
    weights = {name: params.objective_weights(name) for name in params.objectives}
    result = simulate.choose(trained.of("random", "anchor"), weights, rules, params)
    with writing(out) as scratch:
        for name, simulation in result.simulations.items():
            write_json(scratch / f"{name}.json", {"objective": name, **simulation.to_json(rules.domains)})
        write_csv(scratch / "candidates.csv", result.candidates)
        write_csv(scratch / "refits.csv", result.refit_tables())


if __name__ == "__main__":
    run(mixture_simulate)
