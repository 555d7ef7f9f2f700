"""Sampling, proposing and comparing mixtures. N runs, K domains, M mixtures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.api.arguments import (
    ENSEMBLE,
    SAME,
    SEARCH,
    Constrained,
    evidence_of,
    region_of,
    regressors_of,
    too_tight,
)
from regmix.core.errors import InputError
from regmix.core.inputs import Aim, Losses, Mixtures, Weights, mixture_table, need, run_table
from regmix.mixture.propose import propose as propose_round
from regmix.mixture.search import Search
from regmix.regression.ensemble import NoPosterior, stack, together
from regmix.regression.interface import Regressor
from regmix.sampling import draws
from regmix.sampling.rules import STRENGTHS, TEMPERATURE, Rules


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
    region, kl_reg = region_of(prior, bounds, constraints)
    rules = Rules.within(region, temperature=temperature, strengths=strengths, seed=seed, kl_reg=kl_reg)
    try:
        rows = [draws.draw(rules, draws.RANDOM, i) for i in range(n)]
    except draws.Infeasible as error:
        raise too_tight(error, rules) from None
    return pd.DataFrame(rows, columns=list(rules.domains))


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
    evidence, columns = evidence_of(
        mixtures, losses, prior, objective, domains, bounds, regressors, search, workers, worst_case, limits,
        constraints,
    )  # fmt: skip
    try:
        table = propose_round(evidence, n, "expected_improvement")
    except draws.Infeasible as error:
        raise too_tight(error, evidence.rules) from None
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
    """``candidates`` (M, K) compared by all runs, one row each.

    predicted, sd: the objective of a run there. gain, low, high: predicted for the first candidate minus that, with an
    interval of coverage ``level`` for a run at each. distance: L1 to the nearest run. trained, realised: how many runs
    had this mixture, within an L1 distance of ``SAME``, and their mean; NaN without any. Raises InputError.
    """
    need(0 < level < 1, f"level = {level}: must lie between 0 and 1")
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case)
    compared = mixture_table(candidates, tuple(table.columns))
    chosen, runs, points = regressors_of(regressors, len(table)), table.to_numpy(), compared.to_numpy()
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
    return pd.DataFrame(values, index=compared.index)
