"""What a simulation and a round of proposals start from, by the settings of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture.optima import Evidence
from regmix.mixture.search import Search
from regmix.mixture.settings import Mixture
from regmix.regression import interface
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules


def evidence(
    runs: Runs,
    objectives: Mapping[str, Objective],
    rules: Rules,
    settings: Mixture,
    entries: Mapping[str, Kind],
    workers: int,
) -> Evidence:
    """What the objectives' mixtures follow from, by params.yaml's ``mixture`` and ``regressors``. Raises InputError."""
    regressors = [member(name, entries[name]) for name in settings.ensemble]
    losses = {name: runs.parts(objective) for name, objective in objectives.items()}
    return Evidence(runs.mixtures, losses, regressors, rules, search(settings), workers)


def search(settings: Mixture) -> Search:
    """The search that ``settings`` describes."""
    return Search(
        candidates=settings.candidates,
        top_k=settings.top_k,
        risk=settings.risk,
        local_steps=settings.local.steps,
        local_candidates=settings.local.candidates,
        refits=settings.refits.count,
        refit_candidates=settings.refits.candidates,
        seed=settings.seed,
    )


def member(name: str, entry: Kind) -> Regressor:
    """The regressor ``name`` of the ensemble. Raises InputError if its optimum is always a single domain."""
    regressor = interface.bind(name, entry)
    if regressor.monotone:
        raise InputError(
            f"mixture.ensemble: {name} is monotone along any direction, so its optimum is always a single domain; "
            "use a regressor of kind effective_tokens, gp or lightgbm",
            file="params.yaml",
        )
    return regressor
