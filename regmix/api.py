"""RegMix in a notebook: sample mixtures, compare and fit regressors, recommend a mixture. No params.yaml is read.

>>> import regmix
>>> prior = {"web": 0.6, "books": 0.3, "code": 0.1}
>>> mixtures = regmix.sample_mixtures(prior, 32)  # train a proxy at each row; a formula stands in for them here
>>> losses = 3 + ((mixtures - [0.2, 0.5, 0.3]) ** 2).sum(axis=1)
>>> regmix.compare(mixtures, losses, ["ridge", "gp"]).index[0]
'gp'
>>> best = regmix.recommend(mixtures, losses, prior, regressors=["gp"])
>>> best.verdict, best.weights.idxmax()  # print(best) shows more
('better than the prior', 'books')

All functions take these:

- ``mixtures``: a frame (N, K) with one column per domain and one row per run, or an array, with the domain names in
  ``domains``. For a frame, ``domains`` selects the columns. Rows are non-negative and sum to 1.
- ``losses``: a frame with one row per run, a series, or an array (N,), in nats per token or any unit where lower is
  better. If both are pandas objects, rows are matched by their index.
- ``objective``: the column of ``losses`` to minimise, or weights over its columns, which are normalised and each
  fitted by itself. Needed only if there are several columns.
- ``regressors``: names from ``REGRESSORS``, or your own regressors (``regmix.regression.interface.Regressor``).
- ``prior``: the domains' natural shares, or their token counts. ``bounds``: the largest weight of each domain.
- ``constraints``: what every mixture must keep, with the keys of regmix/constraints/settings.py: floors, groups,
  ratios, available tokens and so on.

Bad input raises InputError with one line that names the argument, the row or column, the value and the fix.

N runs, K domains, M mixtures to predict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.constraints import build
from regmix.constraints.region import Region
from regmix.constraints.settings import Constraints
from regmix.core.errors import Faults, InputError
from regmix.core.inputs import Aim, Losses, Mixtures, Weights, mixture_table, need, run_table, shares_and_bounds
from regmix.core.objective import Objective
from regmix.core.plugins import checked
from regmix.core.settings import Kind
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.propose import propose as propose_round
from regmix.mixture.search import Search
from regmix.mixture.simulate import simulate
from regmix.public import NAMES
from regmix.regression.assess import out_of_fold
from regmix.regression.ensemble import Ensemble, NoPosterior, ObjectiveModel, by_part, stack, together
from regmix.regression.interface import Model, Regressor, TooFewRuns, bind, grouped_folds
from regmix.sampling import draws
from regmix.sampling.rules import STRENGTHS, TEMPERATURE, Rules
from regmix.statistics import metrics
from regmix.statistics.intervals import Score

__all__ = NAMES

# Options for a swarm of dozens of runs; each kind is a file in regmix/regressors, which explains its options.
_LENGTHS = {"features": "sqrt", "length_scale": {"low": 0.1, "high": 10.0}}
_PROCESS = {"kind": "gp", **_LENGTHS, "starts": 3}
_LAW = {"kind": "effective_tokens", "starts": 4, "shrinkage": 0.01}
REGRESSORS: dict[str, dict[str, Any]] = {
    "gp": {**_PROCESS, "target": "loss"},
    "gp_log": {**_PROCESS, "target": {"log_excess": 0.5}},
    "lightgbm": {"kind": "lightgbm", "trees": 150, "lr": 0.05, "leaves": 6, "min_rows": 5, "bags": 6},
    "lightgbm_paper": {"kind": "lightgbm", "trees": 1000, "lr": 0.01, "leaves": 31, "min_rows": 20, "bags": 0},
    "ridge": {"kind": "ridge", "alphas": {"low": 1e-3, "high": 1e3, "points": 13}, "folds": 5},
    "log_linear": {"kind": "log_linear", "starts": 4},
    "bimix": {"kind": "bimix", "starts": 3},
    "autoscale": {"kind": "autoscale", "starts": 3, "shrinkage": 0.01},
    "effective_tokens": _LAW,
    "gp_on_law": {"kind": "gp_on_law", "law": {"starts": 4, "shrinkage": 0.01}, **_LENGTHS, "starts": 1},
}
ENSEMBLE = ("effective_tokens", "gp_log")
MANY = 256  # runs from which a Gaussian process has one start: others end where it does, and a fit takes seconds
SEARCH = Search()
SAME = 0.01  # L1 distance below which a run had a mixture, but for rounding
Constrained = Constraints | Mapping[str, Any] | None


@dataclass(frozen=True)
class Fitted:
    """A regressor fitted to runs over ``domains`` (K)."""

    regressor: str
    domains: tuple[str, ...]
    model: Model = field(repr=False)

    def predict(self, mixtures: Mixtures) -> pd.DataFrame:
        """loss, sd (M rows): predicted loss of ``mixtures`` (M, K), and the standard deviation of a run around it."""
        table = mixture_table(mixtures, self.domains)
        mean, sd = self.model.predict(table.to_numpy())
        return pd.DataFrame({"loss": mean, "sd": sd}, index=table.index)


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


def sample_mixtures(
    prior: Weights,
    n: int,
    seed: int = 0,
    *,
    bounds: Weights | None = None,
    constraints: Constrained = None,
    temperature: float = TEMPERATURE,
    strengths: Sequence[float] | np.ndarray = STRENGTHS,
) -> pd.DataFrame:
    """``n`` mixtures to train proxies at (n, K), drawn as RegMix's published code draws them.

    Each is a Dirichlet draw around ``prior**temperature`` with a strength from ``strengths``; small strengths give
    extreme mixtures. Mixture i depends only on ``seed`` and i. Raises InputError.
    """
    need(n >= 1, f"n = {n}: must be at least 1")
    need(len(strengths) > 0, "strengths: none given; give at least one")
    for name, value in [("temperature", temperature), *(("strengths", strength) for strength in strengths)]:
        need(0 < value < math.inf, f"{name}: {value} is not a positive number")
    region, kl_reg = _region(*shares_and_bounds(prior, bounds), constraints)
    rules = Rules.within(region, temperature=temperature, strengths=strengths, seed=seed, kl_reg=kl_reg)
    try:
        rows = [draws.draw(rules, draws.RANDOM, i) for i in range(n)]
    except draws.Infeasible as error:
        raise _too_tight(error, rules) from None
    return pd.DataFrame(rows, columns=list(rules.domains))


def fit(
    mixtures: Mixtures,
    losses: Losses,
    regressor: str | Regressor = "gp",
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    seed: int = 0,
) -> Fitted:
    """``regressor`` fitted to all runs. Raises InputError."""
    table, parts = run_table(mixtures, losses, objective, domains)
    (chosen,) = _regressors([regressor], len(table))
    with threadpool_limits(limits=1):  # such small matrices are slower with more threads
        return Fitted(
            chosen.name,
            tuple(table.columns),
            by_part(chosen.fit, parts.objective)(table.to_numpy(), parts.losses, seed),
        )


def compare(
    mixtures: Mixtures,
    losses: Losses,
    regressors: Iterable[str | Regressor] = tuple(REGRESSORS),
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    folds: int = 5,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    worst_case: bool = False,
) -> pd.DataFrame:
    """One row per regressor, best first: spearman, mae and their intervals (_low, _high), and n, by cross-validation.

    Runs of one mixture share a fold, and all regressors use the same folds. Intervals have ``level`` coverage, from
    ``resamples`` of the runs. NaN for a regressor that needs more runs. Raises InputError.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    need(folds >= 2, f"folds = {folds}: must be at least 2")
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case)
    weights, values = table.to_numpy(), parts.total
    grouped_folds(weights, folds, seed)  # raises if there are too few mixtures for the folds
    rows = []
    for regressor in _regressors(regressors, len(table)):
        try:
            with threadpool_limits(limits=1):
                fit = by_part(regressor.fit, parts.objective)
                mean = out_of_fold(fit, weights, parts.losses, folds, seed, deviations=False).mean
        except TooFewRuns:
            mean = np.full(len(values), math.nan)
        scores = metrics.score(values, mean, k=1, resamples=resamples, level=level, seed=seed)
        rows.append([regressor.name, *scores["spearman"], *scores["mae"], len(values)])
    columns = [f"{name}{end}" for name in ("spearman", "mae") for end in ("", "_low", "_high")]
    scored = pd.DataFrame(rows, columns=["regressor", *columns, "n"]).set_index("regressor")
    return scored.sort_values("spearman", ascending=False, kind="stable")


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
    says. ``level`` is the coverage of the gain's interval; the number of ``workers`` (threads) changes only the time.
    Raises InputError, also for a regressor whose optimum is always a single domain.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    evidence, columns = _evidence(
        mixtures, losses, prior, objective, domains, bounds, regressors, search, workers, worst_case, limits,
        constraints,
    )  # fmt: skip
    rules = evidence.rules
    try:
        result = simulate(evidence, level)
    except draws.Infeasible as error:
        raise _too_tight(error, rules) from None
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


def propose(
    mixtures: Mixtures,
    losses: Losses,
    n: int,
    prior: Weights | None = None,
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    bounds: Weights | None = None,
    regressors: Iterable[str | Regressor] = ENSEMBLE,
    search: Search = SEARCH,
    workers: int = 1,
    worst_case: bool = False,
    limits: Weights | None = None,
    constraints: Constrained = None,
) -> pd.DataFrame:
    """``n`` mixtures to train next, where the most is expected to be gained: <domains>, predicted, sd (n rows).

    The noisy expected improvement of a batch, by the regressors' posterior; docs/acquisitions.md compares it with
    others. The other arguments are those of ``recommend``. Raises InputError, also for regressors without a posterior.
    """
    need(n >= 1, f"n = {n}: must be at least 1")
    evidence, columns = _evidence(
        mixtures, losses, prior, objective, domains, bounds, regressors, search, workers, worst_case, limits,
        constraints,
    )  # fmt: skip
    try:
        table = propose_round(evidence, n, "expected_improvement")
    except draws.Infeasible as error:
        raise _too_tight(error, evidence.rules) from None
    except NoPosterior:
        raise InputError(
            "regressors: one has no posterior to propose from; use effective_tokens, gp, gp_log or gp_on_law"
        ) from None
    return table[[*columns, "predicted", "sd"]]


def compare_mixtures(
    mixtures: Mixtures,
    losses: Losses,
    candidates: Mixtures,
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    regressors: Iterable[str | Regressor] = ENSEMBLE,
    level: float = 0.95,
    worst_case: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """What all runs say of ``candidates`` (M, K), mixtures in question, a row each.

    predicted, sd: the objective of a run there. gain, low, high: predicted for the first candidate minus that, with an
    interval of coverage ``level`` for a run at each. distance: L1 to the nearest run. trained, realised: how many runs
    had this mixture, within an L1 distance of ``SAME``, and their mean; NaN without any. Raises InputError.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case)
    asked = mixture_table(candidates, tuple(table.columns))
    chosen, runs, points = _regressors(regressors, len(table)), table.to_numpy(), asked.to_numpy()
    with threadpool_limits(limits=1):
        weights = stack(chosen, runs, {"objective": parts}, seed)
        model = together(chosen, weights, runs, parts, seed)
        means, sds = model.parts(points)
    mean, sd = model.predict(points)
    gains = means[:, :1] - means
    gain = weights @ gains
    claimed = np.sqrt(weights @ (sds**2 + sds[:, :1] ** 2 + (gains - gain) ** 2))
    claimed[0] = 0  # the first has no gain over itself
    half = NormalDist().inv_cdf((1 + level) / 2) * claimed
    apart = np.abs(points[:, None] - runs).sum(axis=2)
    same = apart < SAME
    with np.errstate(invalid="ignore"):
        realised = (same @ parts.total) / same.sum(axis=1)
    values = {"predicted": mean, "sd": sd, "gain": gain, "low": gain - half, "high": gain + half,
              "distance": apart.min(axis=1), "trained": same.sum(axis=1), "realised": realised}  # fmt: skip
    return pd.DataFrame(values, index=asked.index)


def _evidence(
    mixtures: Mixtures, losses: Losses, prior: Weights | None, objective: Aim | None, domains: Sequence[str] | None,
    bounds: Weights | None, regressors: Iterable[str | Regressor], search: Search, workers: int, worst_case: bool,
    limits: Weights | None, constraints: Constrained,
) -> tuple[Evidence, pd.Index]:  # fmt: skip
    """The checked arguments of ``recommend`` and ``propose``, and the domains. Raises InputError."""
    need(workers >= 1, f"workers = {workers}: must be at least 1")
    limit = None if limits is None else dict(limits.items())
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case, limits=limit)
    chosen = _regressors(regressors, len(table))
    for name in (regressor.name for regressor in chosen if regressor.monotone):
        raise InputError(f"regressors: the optimum of {name} is always a single domain; use effective_tokens or gp")
    known = _known(constraints, list(table.columns))
    if prior is None:
        prior = dict(known.available_tokens) or table.mean()
    region, kl_reg = _region(*shares_and_bounds(prior, bounds, list(table.columns)), known)
    rules = Rules.within(region, kl_reg=kl_reg)
    return Evidence(table.to_numpy(), {"objective": parts}, chosen, rules, search, workers), table.columns


def _known(given: Constrained, domains: list[str]) -> Constraints:
    """The constraints as an object, whose domains are known. Raises Faults."""
    known = given if isinstance(given, Constraints) else checked(Constraints, given or {}, "constraints")
    if faults := list(known.of_domains(domains)):
        raise Faults(*faults)
    return known


def _region(shares: dict[str, float], highest: dict[str, float], given: Constrained) -> tuple[Region, float]:
    """The mixtures that keep all constraints, and the price of a nat of distance to the prior. Raises InputError."""
    known = _known(given, list(shares))
    return build.around(known, shares, highest, "constraints"), known.kl_reg


def _check_limits(known: Evidence) -> None:
    """Raises InputError, naming the limit, if even the best mixture is predicted to exceed one."""
    _, (best,) = optima(known, known.whole())
    above = best.model.excess(best.weights[None])[0]
    worst = int(np.argmax(above))
    if above[worst] > 0:
        name = best.model.members[0].objective.names[worst]
        raise InputError(
            f"limits: no mixture keeps them; at the best one {name} is predicted {above[worst]:.3g} above its limit; "
            "raise it by as much"
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


def _regressors(chosen: Iterable[str | Regressor], runs: int) -> list[Regressor]:
    bound = []
    for entry in [chosen] if isinstance(chosen, str) else chosen:
        if isinstance(entry, str):
            need(entry in REGRESSORS, f"regressors: {entry!r} is not one of {', '.join(REGRESSORS)}; use one of these")
            options = REGRESSORS[entry]
            if options["kind"] == "gp" and runs >= MANY:
                options = options | {"starts": 1}
            bound.append(bind(entry, Kind(**options), f"regressor {entry}"))
        else:
            bound.append(entry)
    need(len(bound) > 0, "regressors: none given; name at least one")
    return bound


def _too_tight(error: draws.Infeasible, rules: Rules) -> InputError:
    bound = rules.by_domain(rules.bounds)[error.domain]
    return InputError(
        f"bounds: {error.domain} = {bound:.3g}: {error.share:.0%} of the draws around the prior are above it; raise it"
    )
