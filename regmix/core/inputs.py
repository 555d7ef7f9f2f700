"""Check mixtures, losses, a prior and bounds given in a notebook, and convert each to one form.

Every error is one line that names the argument, the row or column, the value and the fix.

N runs, K domains, M mixtures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import LossParts
from regmix.core.schedule import TOLERANCE, check_mixture

Mixtures: TypeAlias = pd.DataFrame | np.ndarray
Losses: TypeAlias = pd.DataFrame | pd.Series | np.ndarray
Aim: TypeAlias = str | Mapping[str, float]
Weights: TypeAlias = Mapping[str, float] | pd.Series

FEWEST = 5  # distinct mixtures that a fit needs


def need(holds: bool, message: str) -> None:
    """Raise InputError with ``message`` unless ``holds``."""
    if not holds:
        raise InputError(message)


def mixture_table(mixtures: Mixtures, domains: Sequence[str] | None) -> pd.DataFrame:
    """Mixtures as a frame (M, K) of floats on the simplex, one column per domain. Raises InputError.

    ``domains`` selects the columns of a frame and names the columns of an array.
    """
    if isinstance(mixtures, pd.DataFrame):
        for name in domains or ():
            need(name in mixtures, f"mixtures: no column {name!r}; it has {_list(mixtures.columns)}")
        frame = mixtures if domains is None else mixtures[list(domains)]
    else:
        if domains is None:
            raise InputError("domains: missing, and an array of mixtures has no column names; give one per column")
        shape = np.shape(mixtures)
        fits = len(shape) == 2 and shape[1] == len(domains)
        need(fits, f"mixtures: shape {shape} does not fit {len(domains)} domains; give one column per domain")
        frame = pd.DataFrame(np.asarray(mixtures), columns=list(domains))
    need(frame.shape[1] >= 2, "mixtures: fewer than two domains; a mixture needs two")
    frame = _numbers(frame, "mixtures", "correct it, or name the domain columns with `domains`")
    rows = frame.to_numpy()
    off = (rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1) > TOLERANCE)
    for place in np.flatnonzero(off)[:1]:
        check_mixture(rows[place], tuple(frame.columns), f"mixtures: row {frame.index[place]!r}")
    return frame


def run_table(
    mixtures: Mixtures,
    losses: Losses,
    objective: Aim | None,
    domains: Sequence[str] | None,
    *,
    worst_case: bool = False,
    limits: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, LossParts]:
    """The runs' mixtures (N, K) as ``mixture_table`` gives them, and the objective's losses. Raises InputError.

    If both are pandas objects, rows are matched by their index. With ``worst_case`` the objective is the largest excess
    of its losses over the lowest that any run has of each; ``limits`` are the largest allowed losses, by column.
    """
    table = mixture_table(mixtures, domains)
    distinct = len(np.unique(table.to_numpy(), axis=0))
    need(
        distinct >= FEWEST, f"mixtures: {distinct} distinct rows; a fit needs at least {FEWEST}, so train more proxies"
    )
    if not isinstance(losses, pd.DataFrame | pd.Series):
        shape = np.shape(losses)
        need(len(shape) == 1, f"losses: an array of shape {shape}; give one value per run, or a DataFrame")
    frame = losses if isinstance(losses, pd.DataFrame) else pd.Series(losses, name="loss").to_frame()
    labelled = isinstance(mixtures, pd.DataFrame) and isinstance(losses, pd.DataFrame | pd.Series)
    for label in table.index.symmetric_difference(frame.index, sort=False)[:1] if labelled else ():
        where = "mixtures" if label in table.index else "losses"
        raise InputError(f"{where}: row {label!r} is only here; give mixtures and losses the same index")
    need(len(frame) == len(table), f"losses: {len(frame)} rows for {len(table)} mixtures; give one row per run")
    weights, limits = objective_weights(objective, frame.columns), dict(limits or {})
    for name, limit in limits.items():
        need(name in frame, f"limits: losses have no column {name!r}; use one of {_list(frame.columns)}")
        need(math.isfinite(limit), f"limits: {name} = {limit}: must be a number")
    names = tuple(dict.fromkeys([*weights, *limits]))
    used = _numbers(frame[list(names)], "losses", "train that run again or drop it")
    columns = (used.loc[table.index] if labelled else used).to_numpy()
    for name in used.columns[np.ptp(columns, axis=0) == 0]:
        raise InputError(f"losses: column {name!r} is the same in all runs, so no mixture is better; leave it out")
    need(
        not (worst_case and set(limits) - set(weights)),
        "limits: a worst case already counts every loss; leave them out",
    )
    return table, LossParts(
        columns,
        Objective(
            names,
            np.array([weights.get(name, 0.0) for name in names]),
            references=columns.min(axis=0) if worst_case else None,
            limits=np.array([limits.get(name, np.inf) for name in names]) if limits else None,
        ),
    )


def objective_weights(objective: Aim | None, columns: pd.Index) -> dict[str, float]:
    """The objective as weights over ``columns`` that sum to 1. Raises InputError."""
    if objective is None:
        need(len(columns) == 1, f"objective: missing; name one of {_list(columns)}, or weights over them")
        return {columns[0]: 1.0}
    weights = {objective: 1.0} if isinstance(objective, str) else dict(objective.items())
    need(len(weights) > 0, f"objective: no weights; give some over {_list(columns)}")
    for name, weight in weights.items():
        need(name in columns, f"objective: losses have no column {name!r}; use one of {_list(columns)}")
        need(0 < weight < math.inf, f"objective: {name} = {weight}: must be positive; correct it or drop the column")
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def shares_and_bounds(
    prior: Weights, bounds: Weights | None, domains: Sequence[str] | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """The prior as shares that sum to 1, and the largest allowed weights, both by domain. Raises InputError.

    In the order of ``domains`` if given, else of ``prior``; a domain without a bound can have any weight.
    """
    shares, limits = dict(prior.items()), dict(() if bounds is None else bounds.items())
    order = list(shares) if domains is None else list(domains)
    need(len(order) >= 2, "prior: fewer than two domains; a mixture needs two")
    for what, values in (("prior", shares), ("bounds", limits)):
        for name, value in values.items():
            need(name in order, f"{what}: unknown domain {name!r}; use {_list(order)}")
            need(0 < value < math.inf, f"{what}: {name} = {value}: must be positive; correct it or drop the domain")
    for name in order:
        need(name in shares, f"prior: no share of {name!r}; give one per domain")
    total = sum(shares.values())
    limits = {name: min(1.0, float(limits.get(name, 1.0))) for name in order}
    room = sum(limits.values())
    need(room >= 1, f"bounds: they sum to {room:.3g}, but a mixture's weights sum to 1; raise one by {1 - room:.3g}")
    return {name: float(shares[name] / total) for name in order}, limits


def _numbers(frame: pd.DataFrame, what: str, fix: str) -> pd.DataFrame:
    """``frame`` as finite floats; row and column names must be unique. Raises InputError."""
    for kind, names in (("column", frame.columns), ("row", frame.index)):
        for name in names[names.duplicated()][:1]:
            raise InputError(f"{what}: {kind} {name!r} occurs twice; keep one of them")
    numbers = frame.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    for row, column in np.argwhere(~np.isfinite(numbers.to_numpy()))[:1]:
        value = frame.iloc[row, column]
        place = f"{what}: row {frame.index[row]!r}, column {frame.columns[column]!r}"
        raise InputError(f"{place}: {value} is not a finite number; {fix}")
    return numbers


def _list(names: Sequence[str] | pd.Index) -> str:
    return ", ".join(map(str, names))
