"""What the functions of the API take: names of regressors, constraints, runs. N runs, K domains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.constraints import build
from regmix.constraints.region import Region
from regmix.constraints.settings import Constraints
from regmix.core.errors import Faults, InputError
from regmix.core.inputs import Aim, Losses, Mixtures, Weights, need, run_table, shares_and_bounds
from regmix.core.plugins import checked
from regmix.core.settings import Kind
from regmix.mixture.optima import Evidence
from regmix.mixture.search import Search
from regmix.regression.interface import Regressor, bind
from regmix.sampling import draws
from regmix.sampling.rules import Rules

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
SAME = 0.01  # L1 distance below which two mixtures count as equal
Constrained = Constraints | Mapping[str, Any] | None


def regressors_of(chosen: Iterable[str | Regressor], runs: int) -> list[Regressor]:
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


def constraints_of(constraints: Constrained, domains: list[str]) -> Constraints:
    """The constraints as an object, whose domains are known. Raises Faults."""
    if not isinstance(constraints, Constraints):
        constraints = checked(Constraints, constraints or {}, "constraints")
    if faults := list(constraints.of_domains(domains)):
        raise Faults(*faults)
    return constraints


def region_of(
    prior: Weights, bounds: Weights | None, constraints: Constrained, domains: list[str] | None = None,
    where: str = "constraints",
) -> tuple[Region, float]:  # fmt: skip
    """The mixtures that keep all constraints, and the price of a nat of distance to the prior.

    Errors name ``where`` the constraints are. Raises InputError.
    """
    shares, highest = shares_and_bounds(prior, bounds, domains)
    constraints = constraints_of(constraints, list(shares))
    return build.around(constraints, shares, highest, where), constraints.kl_reg


def evidence_of(
    mixtures: Mixtures, losses: Losses, prior: Weights | None, objective: Aim | None, domains: Sequence[str] | None,
    bounds: Weights | None, regressors: Iterable[str | Regressor], search: Search, workers: int, worst_case: bool,
    limits: Weights | None, constraints: Constrained,
) -> tuple[Evidence, pd.Index]:  # fmt: skip
    """The checked arguments of ``recommend`` and ``propose``, and the domains. Raises InputError."""
    need(workers >= 1, f"workers = {workers}: must be at least 1")
    limit = None if limits is None else dict(limits.items())
    table, parts = run_table(mixtures, losses, objective, domains, worst_case=worst_case, limits=limit)
    chosen = regressors_of(regressors, len(table))
    for name in (regressor.name for regressor in chosen if regressor.monotone):
        raise InputError(f"regressors: the optimum of {name} is always a single domain; use effective_tokens or gp")
    constraints = constraints_of(constraints, list(table.columns))
    if prior is None:
        prior = dict(constraints.available_tokens) or table.mean()
    region, kl_reg = region_of(prior, bounds, constraints, list(table.columns))
    rules = Rules.within(region, kl_reg=kl_reg)
    return Evidence(table.to_numpy(), {"objective": parts}, chosen, rules, search, workers), table.columns


def too_tight(error: draws.Infeasible, rules: Rules) -> InputError:
    bound = rules.by_domain(rules.bounds)[error.domain]
    return InputError(
        f"bounds: {error.domain} = {bound:.3g}: {error.share:.0%} of the draws around the prior are above it; raise it"
    )
