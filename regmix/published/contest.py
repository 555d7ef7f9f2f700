"""The tournament on the published runs: scores and differences of all regressors on all domains' losses.

On the objective's loss also early stopping, the test mixtures with hardly any of its domain, and fits to training
runs with hardly any of it (RegMix's Tables 2 and 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regmix.core.runs import Runs
from regmix.published import low_weight, tournament
from regmix.published.settings import Published
from regmix.regression import assess, interface

CV = "cv"  # the split of the training runs, each predicted by a fit that did not see it


@dataclass(frozen=True)
class Contest:
    scores: pd.DataFrame  # as tournament.judged
    margins: pd.DataFrame  # as tournament.margins
    restricted: pd.DataFrame  # as restricted.ranked
    trees: dict[str, int]  # where each early stop stopped
    stops: pd.DataFrame  # as tournament.stops_by_part


def held(
    train: str,
    near: str,
    printed: Mapping[str, Runs],
    divided: Mapping[str, Runs],
    told: Mapping[str, pd.DataFrame],
    metrics: Mapping[str, Mapping[str, Any]],
    settings: Published,
) -> Contest:
    """``printed`` and ``divided`` hold the sets by name, with weights as printed and over their sums: ``train``,
    the tests, and among these ``near``, of models as small as the training runs.

    ``told`` (objective, split, run, predicted) and ``metrics`` (objective -> split) are the regressors' of
    published_fit, by name. Raises InputError if one of these misses a split.
    """
    tests = {name: runs for name, runs in printed.items() if name != train}
    sets = {CV: printed[train], **tests}
    scores, margins = [], []
    for objective in sets[CV].losses:
        entrants = tournament.entrants(_by_split(told, objective), settings.ensemble, sets, objective)
        for name, of in metrics.items():
            found = assess.parsed(of[objective], sets)
            scores.append(tournament.listed(name, objective, found, sets))
        orders = {name: entrants[name] for name in entrants if name not in told}
        scores.append(tournament.judged(sets, orders, objective, settings.regression))
        if objective != settings.objective:
            against = settings.paper_regressor
            margins.append(tournament.margins(tests, entrants, objective, against, settings.regression))
            continue
        margins.append(tournament.margins(sets, entrants, objective, None, settings.regression))
        part = tournament.starved(sets, entrants, objective, settings.starved)
        scores.append(tournament.judged(*part, objective, settings.regression))
        margins.append(tournament.margins(*part, objective, None, settings.regression))
    options = interface.options(settings.paper_regressor, settings.regressors[settings.paper_regressor])
    weights, exact = ({name: runs.mixtures for name, runs in of.items()} for of in (printed, divided))
    losses = {name: runs.objective({settings.objective: 1.0}) for name, runs in printed.items()}
    trees, stopped = tournament.stops(weights, exact, losses, train, near, options, settings.stop)
    scores.append(tournament.judged(sets, stopped, settings.objective, settings.regression))
    return Contest(
        pd.concat(scores, ignore_index=True),
        pd.concat(margins, ignore_index=True),
        low_weight.ranked(
            [interface.bind(name, entry) for name, entry in settings.regressors.items()],
            sets[CV], sets[near], settings.objective, settings.starved, settings.regression,
        ),
        trees,
        tournament.stops_by_part(printed, train, settings.objective, options, settings.stop),
    )  # fmt: skip


def _by_split(told: Mapping[str, pd.DataFrame], objective: str) -> tournament.Told:
    return {
        name: {
            str(split): part["predicted"].to_numpy()
            for split, part in frame[frame["objective"] == objective].groupby("split", sort=False)
        }
        for name, frame in told.items()
    }
