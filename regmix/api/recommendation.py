"""The recommended mixture and how certain it is. K domains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regmix.api.arguments import (
    ENSEMBLE,
    SEARCH,
    Constrained,
    evidence_of,
    too_tight,
)
from regmix.core.errors import InputError
from regmix.core.inputs import Aim, Losses, Mixtures, Weights, need
from regmix.core.objective import Objective
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.search import Search
from regmix.mixture.simulate import simulate
from regmix.regression.ensemble import Ensemble, ObjectiveModel
from regmix.regression.interface import Regressor
from regmix.sampling import draws
from regmix.statistics.intervals import Score


@dataclass(frozen=True, repr=False, eq=False)
class Recommendation:
    """A recommended mixture and how certain it is; ``print`` shows a summary.

    Its gain is the best of many predictions: train a few proxies at the mixture before believing it.
    """

    weights: pd.Series  # (K,) by domain
    spread: pd.Series  # (K,), standard deviation over refits to part of the runs
    gain: Score  # predicted loss at the prior minus that at the mixture, with the interval of ``level`` coverage
    level: float
    loss: float  # predicted
    prior: pd.Series  # (K,)
    prior_loss: float  # predicted
    distance: float  # L1 to the nearest run
    typical_distance: float  # median over the runs of the L1 distance to the nearest other mixture
    verdict: str  # better than, worse than, or not distinguishable from the prior
    expected_gain: float  # of knowing the truth, so at most what another round of runs gains; NaN if not known
    losses: pd.DataFrame  # of the objective, by name: predicted, sd, and the same at the prior
    bounds: pd.Series  # (K,), the largest weights that tokens, bounds and ceilings allow

    @property
    def decision(self) -> str:
        """What to do with it: use it, or why not."""
        if not self.gain.low > 0:
            return "cannot be told from the prior"
        return "extrapolates" if self.distance > self.typical_distance else "use it"

    def __repr__(self) -> str:
        places = max(0, 1 - math.floor(math.log10(max(self.gain.high - self.gain.value, 1e-9))))
        value, low, high = (f"{part:.{places}f}" for part in self.gain)
        pairs = sorted(zip(self.weights, self.spread, self.weights.index, strict=True), reverse=True)
        weights = ", ".join(f"{name} {weight:.2f} ± {spread:.2f}" for weight, spread, name in pairs)
        return (
            f"{self.verdict}: predicted gain {value} ({self.level:.0%} interval {low} to {high})\n"
            f"weights: {weights}\n"
            f"L1 distance to the nearest run: {self.distance:.2f} (typical between runs: {self.typical_distance:.2f})"
        )


def recommend(
    mixtures: Mixtures,
    losses: Losses,
    prior: Weights | None = None,
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    bounds: Weights | None = None,
    regressors: Iterable[str | Regressor] = ENSEMBLE,
    search: Search = SEARCH,
    level: float = 0.95,
    workers: int = 1,
    worst_case: bool = False,
    limits: Weights | None = None,
    constraints: Constrained = None,
) -> Recommendation:
    """The mixture within all bounds that ``regressors`` predict to be best, and its gain over ``prior``.

    With ``worst_case`` the objective is the largest excess of its losses over the lowest that any run has of each;
    ``limits`` are the largest allowed losses, by column, of these or other columns. Candidates are drawn around
    ``prior`` (default: the shares of available tokens, else the mean of the runs' mixtures) and searched as ``search``
    says. ``level`` is the coverage of the gain's interval; the number of ``workers`` changes only the time.
    Raises InputError, also for a regressor whose optimum is always a single domain.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    evidence, columns = evidence_of(
        mixtures, losses, prior, objective, domains, bounds, regressors, search, workers, worst_case, limits,
        constraints,
    )  # fmt: skip
    rules = evidence.rules
    try:
        result = simulate(evidence, level)
    except draws.Infeasible as error:
        raise too_tight(error, rules) from None
    except InputError:
        _check_limits(evidence)
        raise
    simulation = result.simulations["objective"]
    loss, prior_loss = simulation.predicted.mean.tolist()
    return Recommendation(
        weights=pd.Series(simulation.weights, columns),
        spread=pd.Series(simulation.spread, columns),
        gain=simulation.gain,
        level=level,
        loss=loss,
        prior=pd.Series(rules.prior, columns),
        bounds=pd.Series(rules.bounds, columns),
        prior_loss=prior_loss,
        distance=simulation.distance,
        typical_distance=simulation.typical_distance,
        verdict=simulation.verdict,
        expected_gain=simulation.expected_gain,
        losses=_each(result.models["objective"], np.stack([simulation.weights, rules.prior])),
    )


def _check_limits(evidence: Evidence) -> None:
    """Raises InputError, naming the limit, if even the best mixture is predicted to exceed one."""
    _, (best,) = optima(evidence, evidence.whole())
    above = best.model.excess(best.weights[None])[0]
    worst = int(np.argmax(above))
    if above[worst] > 0:
        name = best.model.members[0].objective.names[worst]
        raise InputError(
            f"limits: no mixture satisfies them; at the best one {name} is predicted {above[worst]:.3g} above its "
            "limit; raise it by as much"
        )


def _each(model: Ensemble, pair: np.ndarray) -> pd.DataFrame:
    """The losses of an objective at two mixtures (2, K), and their standard deviations."""
    names = model.members[0].objective.names
    rows = []
    for place, name in enumerate(names):
        own = [ObjectiveModel([member.models[place]], Objective.loss(name)) for member in model.members]
        (loss, prior), (sd, prior_sd) = Ensemble(own, model.weights).predict(pair)
        rows.append([loss, sd, prior, prior_sd])
    return pd.DataFrame(rows, index=pd.Index(names), columns=["predicted", "sd", "prior", "prior_sd"])
