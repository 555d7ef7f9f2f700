"""Which acquisition rule finds the better mixture: on the published runs as a table, and with proxies trained here."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.choosing import acquisition_lookup, acquisition_proxies
from benchmarks.choosing.acquisition_rules import RULES
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.params import Params
from regmix.regression.interface import bind

LEVEL = 0.95
SINGLE = ("pile_cc", "wikipedia_en", "github")
AIMS = {name: Objective.loss(name) for name in SINGLE} | {"mean": Objective.mean(dict.fromkeys(SINGLE, 1.0))}
SEEDS = dict.fromkeys(SINGLE, 20) | {"mean": 10}  # first designs; the mean takes three times as long
DESIGNS = 2
STOPS = (0.005, 0.01, 0.02, 0.04)  # nats; stop where no more is expected of another round


def published(params: Params, table: Runs, workers: int = 2) -> dict[str, Any]:
    """The lookup, by the default ensemble with one start per Gaussian process, which takes a third of the time."""
    jobs = [(name, seed) for name, count in SEEDS.items() for seed in range(count)]
    with ProcessPoolExecutor(workers) as pool:
        return lookup_summary(pd.concat(pool.map(partial(_lookup, params, table), jobs), ignore_index=True))


def _lookup(params: Params, table: Runs, job: tuple[str, int]) -> pd.DataFrame:
    regressors = [bind(name, _quick(params.regressors[name])) for name in params.mixture.ensemble]
    name, seed = job
    with threadpool_limits(limits=1):
        rows = list(acquisition_lookup.trajectories(table, AIMS[name], regressors, seed))
    return pd.DataFrame(rows).assign(objective=name)


def _quick(entry: Kind) -> Kind:
    return Kind(**entry.model_dump() | ({"starts": 1} if entry.kind == "gp" else {}))


def lookup_summary(rows: pd.DataFrame) -> dict[str, Any]:
    """By objective, rule and number of runs: the mean regret over first designs, nats, and half its interval;
    ``average`` is over the single losses, and ``best`` the same of the best run trained.

    ``minus_bootstrap`` has the differences from the same first design, over all rounds and the single losses.
    """
    out: dict[str, Any] = {"designs": rows.groupby("objective")["seed"].nunique().to_dict()}
    single = rows[rows["objective"].isin(SINGLE)]
    average = single.groupby(["seed", "rule", "runs"], as_index=False)[["regret", "best"]].mean()
    shown = pd.concat([rows, average.assign(objective="average")]).groupby("objective", sort=False)
    out["regret"] = {str(name): _by_size(part, "regret") for name, part in shown}
    out["best"] = _by_size(average, "best")
    later = average[average["runs"] > acquisition_lookup.SIZES[0]]
    over = later.pivot_table(["regret", "best"], "seed", "rule")
    out["minus_bootstrap"] = {
        measure: {
            rule: _mean(over[measure, rule] - over[measure, "bootstrap"]) for rule in RULES if rule != "bootstrap"
        }
        for measure in ("regret", "best")
    }
    return out | {"stopping": stopping(rows[rows["rule"] == "bootstrap"])}


def _by_size(rows: pd.DataFrame, measure: str) -> dict[str, dict[str, list[float]]]:
    table = rows.pivot(index="seed", columns=["rule", "runs"], values=measure)
    return {rule: {str(size): _mean(table[rule, size]) for size in acquisition_lookup.SIZES} for rule in RULES}


def stopping(rows: pd.DataFrame) -> dict[str, Any]:
    """By threshold: the mean number of runs when no more than it is expected of another round, and the mean regret
    then minus that after the last round, over all objectives and first designs. By what the expectation is made of.
    """
    last = rows[rows["runs"] == rows["runs"].max()].set_index(["objective", "seed"])
    out: dict[str, Any] = {}
    for measure in ("expected", "improvement"):
        out[measure] = {}
        for threshold in STOPS:
            stops = rows[(rows[measure] <= threshold) | (rows["runs"] == rows["runs"].max())]
            first = stops.sort_values("runs").groupby(["objective", "seed"]).first()
            cost = _mean(first["regret"] - last["regret"])
            out[measure][str(threshold)] = {"runs": round(float(first["runs"].mean()), 1), "cost": cost}
    return out


def trained(params: Params, designs: int = DESIGNS) -> dict[str, Any]:
    """The rounds of trained proxies: data/ must hold the default corpus and sample."""
    return trained_summary(*acquisition_proxies.measure(params, designs))


def trained_summary(lowest: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """By objective and rule: by design, the lowest loss of a proposal, and the mean loss over seeds at the
    recommendation minus that at the best mixture known; over designs and seeds the mean of this and half its interval,
    and the same of a rule minus bootstrap. Pairs share a seed.
    """
    out: dict[str, Any] = {}
    for name, part in rows.groupby("objective", sort=False):
        best = part[part["rule"] == acquisition_proxies.BEST].set_index("seed")["loss"]
        table = part[part["rule"] != acquisition_proxies.BEST].pivot_table("loss", ["design", "seed"], "rule")
        over = table.sub(best, axis=0, level="seed")
        minimum = lowest[lowest["objective"] == name].pivot_table("loss", "design", "rule")
        out[str(name)] = {
            rule: {
                "minus_best": _mean(over[rule]),
                "minus_bootstrap": _mean(over[rule] - over["bootstrap"]),
                "designs": over[rule].groupby("design").mean().round(4).tolist(),
                "lowest": minimum[rule].round(4).tolist(),
            }
            for rule in over
        }
    return out


def _mean(values: Sequence[float]) -> list[float]:
    """Their mean, and half the interval of ``LEVEL`` coverage."""
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values) if len(values) > 1 else np.nan
    return [round(float(np.mean(values)), 4), round(float(half), 4)]
