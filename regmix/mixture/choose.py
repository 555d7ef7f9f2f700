"""Run a simulation from settings: which regressors rank, with what risk, over how many candidates."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.core.errors import InputError
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture.search import Search
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import Result, simulate
from regmix.regression import interface
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules


def choose(
    runs: Runs,
    objectives: Mapping[str, Mapping[str, float]],
    rules: Rules,
    settings: Mixture,
    entries: Mapping[str, Kind],
    level: float,
    workers: int,
) -> Result:
    """``simulate`` for objectives given as weights over domains, with params.yaml's ``mixture`` and ``regressors``.

    ``level`` and ``workers`` are as in ``simulate``. Raises InputError.
    """
    regressors = members(settings, entries)
    losses = {name: runs.objective(weights) for name, weights in objectives.items()}
    return simulate(runs.mixtures, losses, regressors, rules, search(settings), level, workers)


def search(settings: Mixture) -> Search:
    """The search that ``settings`` describes; the paper's mode adds no risk."""
    return Search(
        candidates=settings.candidates,
        top_k=settings.top_k,
        risk=0.0 if settings.mode == "paper" else settings.risk,
        refits=settings.refits.count,
        refit_candidates=settings.refits.candidates,
        seed=settings.seed,
    )


def members(settings: Mixture, entries: Mapping[str, Kind]) -> list[Regressor]:
    """The regressors that rank candidates, by ``mixture.mode``.

    Raises InputError for a regressor whose optimum is always a single domain.
    """
    paper = settings.mode == "paper"
    names = [settings.paper_regressor] if paper else settings.ensemble
    chosen = [interface.bind(name, entries[name]) for name in names]
    key = "paper_regressor" if paper else "ensemble"
    for regressor in chosen:
        if regressor.monotone:
            raise InputError(
                f"params.yaml: mixture.{key}: {regressor.name} is monotone along any direction, so its optimum is "
                f"always a single domain; use a regressor of kind gp or lightgbm"
            )
    return chosen
