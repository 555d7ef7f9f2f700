"""Run a simulation from settings, whole or by regressor, with each regressor's votes in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture.search import Search
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import Result, Votes, simulate
from regmix.regression import interface
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules

REGRESSORS = "all-regressors.json"  # those of a simulation, by name; no objective can have this name


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
    regressors = [member(name, entries[name]) for name in settings.ensemble]
    losses = {name: runs.objective(weights) for name, weights in objectives.items()}
    return simulate(runs.mixtures, losses, regressors, rules, search(settings), level, workers)


def search(settings: Mixture) -> Search:
    """The search that ``settings`` describes."""
    return Search(
        candidates=settings.candidates,
        top_k=settings.top_k,
        risk=settings.risk,
        refits=settings.refits.count,
        refit_candidates=settings.refits.candidates,
        seed=settings.seed,
    )


def member(name: str, entry: Kind) -> Regressor:
    """The regressor ``name`` of the ensemble. Raises InputError if its optimum is always a single domain."""
    regressor = interface.bind(name, entry)
    if regressor.monotone:
        raise InputError(
            f"params.yaml: mixture.ensemble: {name} is monotone along any direction, so its optimum is always a single "
            "domain; use a regressor of kind gp or lightgbm"
        )
    return regressor


def write_votes(folder: Path, entry: Kind, search: Search, votes: Votes) -> None:
    """<objective>.npy: twice the ranks, which are then whole numbers, of all streams one after the other.

    regressor.json holds the ``entry`` of params.yaml's regressors and the ``search`` whose candidates it ranked.
    """
    write_json(folder / "regressor.json", {"regressor": entry.model_dump(), "search": _candidates(search)})
    for name in votes[0]:
        doubled = np.concatenate([2 * stream[name] for stream in votes])
        np.save(folder / f"{name}.npy", doubled.astype(np.uint32))


def read_entry(folder: Path, search: Search) -> Kind:
    """The regressor whose votes are in ``folder``. Raises InputError if it ranked the candidates of another search."""
    value = read_json(folder / "regressor.json")
    if value["search"] != _candidates(search):
        raise InputError(f"{folder}: ranks other candidates than params.yaml describes; run `dvc repro mixture_score`")
    return Kind.model_validate(value["regressor"])


def read_votes(folder: Path, objectives: Mapping[str, object], search: Search) -> Votes:
    """The votes in ``folder``. Raises InputError for a file that is missing or damaged."""
    ends = np.cumsum([search.size(stream)[0] for stream in range(search.refits)])
    files = {name: _load(folder / f"{name}.npy") for name in objectives}
    streams = {name: np.split(file, ends) for name, file in files.items()}
    return [{name: parts[stream] / 2 for name, parts in streams.items()} for stream in range(search.refits + 1)]


def _candidates(search: Search) -> dict[str, Any]:
    """What of a search decides the candidates and their ranks."""
    return {name: value for name, value in vars(search).items() if name != "top_k"}


def _load(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run `dvc repro mixture_score`") from None
