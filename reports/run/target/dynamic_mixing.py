"""Dynamic mixing: schedules that change the mixture, against the static methods (RegMix-D, arXiv 2606.18663)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.schedule import Schedule
from regmix.evaluation import summary
from regmix.evaluation.dynamic_mixing import COUNTS, one_target
from regmix.params import Params
from regmix.statistics.verdicts import against, apart_from_zero, dynamic_pays
from regmix.target.trained_methods import Method
from reports.page.formats import MISSING, bold, count, counted, fixed, interval, listed, plus_minus, power, relative
from reports.page.section import Figure, Section, Table
from reports.run.target import regressor_queries, schedules, trajectory_errors


def dynamic_mixing(
    params: Params,
    methods: Mapping[str, Method],
    comparisons: Mapping[str, Mapping[str, Any]],
    means: pd.DataFrame,
    paired: pd.DataFrame,
    errors: pd.DataFrame,
    target: Mapping[str, Any],
) -> Section:
    """``comparisons``, ``means`` and ``paired`` are target_compare's dynamic.json, means.csv and differences.csv.

    ``errors`` is trajectory_fit's errors.csv, ``target`` a target's meta.json.
    """
    level = params.regression.interval
    parts: list[str | Table | Figure] = []
    if not comparisons:
        parts.append("No method changes the mixture while its target trains, so dynamic mixing is not compared here.")
    for objective, part in comparisons.items():
        parts.append(_answer(objective, part, methods, level))
        parts.append(_results(objective, part, methods, means, paired))
    if comparisons:
        parts.append("Loss curves of all methods are in the section on targets.")
    if cost_table := _cost_table(methods, target):
        parts += ["### Cost of choosing the mixtures", cost_table]
    if figure := schedules.weights(methods, _recommended(methods, comparisons)):
        parts.append(figure)
    for heading, content in (
        ("What the regressors were queried about", regressor_queries.asked(methods)),
        ("From the target's loss to a proxy's", regressor_queries.exponents(methods)),
        ("How well trajectories are predicted", trajectory_errors.errors(errors)),
        ("How often text was repeated", schedules.epochs(methods, params.constraints.max_epochs)),
    ):
        if content:
            text, *rest = content
            parts += [f"### {heading}\n\n{text}", *rest]
    return Section("Dynamic mixing", tuple(parts))


def _recommended(methods: Mapping[str, Method], comparisons: Mapping[str, Mapping[str, Any]]) -> dict[str, Schedule]:
    """Dynamic method -> the mixture that RegMix recommends for its objective, if a method trains on that mixture."""
    return {
        name: next(iter(methods[part["regmix"]].schedules.values()))
        for part in comparisons.values()
        for name in part["methods"]
        if part["regmix"] and methods[name].objective
    }


def _answer(objective: str, part: Mapping[str, Any], methods: Mapping[str, Method], level: float) -> str:
    best, regmix = part["best_static"], part["regmix"]
    text = (
        f"**Does it pay, on `{objective}`, to change the mixture while a target trains? {dynamic_pays(part)}.** The "
        f"static method with the lowest mean loss is `{best}`; picking it after the fact favours it. Differences from "
        f"its loss, in nats per token: {_all(part, best)}."
    )
    if regmix and regmix != best:
        text += f" Differences from `{regmix}`, the static mixture that RegMix recommends: {_all(part, regmix)}."
    lines = [_line(name, result, part, methods[name]) for name, result in part["methods"].items()]
    return "\n\n".join([text, "\n".join(lines), _noise(part, level)])


def _all(part: Mapping[str, Any], other: str) -> str:
    return "; ".join(f"`{name}` {_difference(result, other)}" for name, result in part["methods"].items())


def _line(name: str, result: Mapping[str, Any], part: Mapping[str, Any], method: Method) -> str:
    who = {part["alone"]: " (the objective's own domains alone)", part["regmix"]: " (the chosen mixture)"}
    pairs = "; ".join(f"minus `{other}`{who.get(other, '')} {_difference(result, other)}" for other in result["less"])
    cost = result["cost"]
    cost_text = (
        f" Choosing its mixtures cost {relative(cost['body'])} one target counted body only and "
        f"{relative(cost['full'])} one counted in full."
        if cost["full"]
        else " Choosing its mixtures cost nothing."
    )
    aim = "" if method.objective else " It aims at no objective."
    return f"- **`{name}`**: loss {fixed(result['loss'])}; {pairs}.{cost_text}{aim}"


def _difference(result: Mapping[str, Any], other: str) -> str:
    less = result["less"][other]
    return f"{interval(less['value'], less['low'], less['high'], sign=True)}: {against(result, other)}"


def _noise(part: Mapping[str, Any], level: float) -> str:
    """How large differences by chance are."""
    n = part["n"]
    if n < 2:
        return "Each method has one seed: there is no interval, and any of these differences may be chance."
    pairs = [less for result in part["methods"].values() for less in result["less"].values()]
    halves = [(less["high"] - less["low"]) / 2 for less in pairs]
    return (
        f"Every method has {counted(n, 'seed')}. Over seeds the loss of one method has a standard deviation of "
        f"{fixed(part['noise'])} nats (pooled over methods, {part['noise_free']} degrees of freedom, fewer in effect, "
        "because runs with the same seed share initial weights and draws). Pairing by seed removes what they share; "
        f"the rest gives {level:.0%} intervals of ± {fixed(min(halves))} to ± {fixed(max(halves))} nats, and a smaller "
        f"difference cannot be distinguished from zero. The {len(pairs)} intervals are not corrected for multiple "
        "comparisons."
    )


def _results(
    objective: str, part: Mapping[str, Any], methods: Mapping[str, Method], means: pd.DataFrame, paired: pd.DataFrame
) -> Table:
    """All methods on the objective, on the domains trained on, and on tasks."""
    kinds = [f"{objective}_loss", f"{summary.TRAINED}_loss", summary.AVERAGE]
    others = list(dict.fromkeys([part["natural"], part["regmix"] or part["best_static"]]))
    means = means[means["measure"].isin(kinds)]
    paired = pd.concat([paired[(paired["less"] == other) & paired["measure"].isin(kinds)] for other in others])
    values = pd.concat([means.assign(less=""), paired], ignore_index=True)
    cells = {(r.less, r.method, r.measure): r for r in values.itertuples(index=False)}

    def mean(name: str, measure: str, digits: int) -> str:
        row = cells["", name, measure]
        return plus_minus(row.mean, row.sd, digits)

    def less(name: str, other: str) -> str:
        row = cells.get((other, name, kinds[0]))
        if row is None:
            return MISSING
        return bold(interval(row.mean, row.low, row.high, 3, sign=True), apart_from_zero(row.low, row.high))

    names = means.loc[means["measure"] == kinds[0]].sort_values("mean", kind="stable")["method"]
    shown = pd.DataFrame(
        {
            "Method": [f"{name}{' (changes)' if methods[name].changes else ''}" for name in names],
            f"{objective} loss": [mean(name, kinds[0], 3) for name in names],
            **{f"minus {other}": [less(name, other) for name in names] for other in others},
            "Trained domains": [mean(name, kinds[1], 3) for name in names],
            "Tasks, %": [mean(name, kinds[2], 1) for name in names],
        }
    )
    return Table(
        f"dynamic_{objective}",
        f"All methods by their mean loss on `{objective}`, nats per token, ± sd over n = {part['n']}, and their paired "
        "differences, in bold where the interval excludes zero; the mean loss over the domains trained on; the "
        "average task score. *Changes*: the mixture changes while the target trains.",
        shown,
        values,
    )


def _cost_table(methods: Mapping[str, Method], target: Mapping[str, Any]) -> Table | None:
    """The cost of choosing mixtures, one row per method and kind of model trained or scored."""
    rows = []
    for name, method in methods.items():
        for entry in method.spent:
            flops = {f"flops_{key}": entry["flops"][key] for key in COUNTS}
            shares = {f"targets_{key}": entry["flops"][key] / one_target(target, key) for key in COUNTS}
            rows.append({"method": name, "what": entry["what"], "trained": entry["trained"],
                         "scored": entry["scored"], **flops, **shares})  # fmt: skip
    if not rows:
        return None
    table = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "Method": table["method"],
            "What": table["what"],
            "Tokens trained": table["trained"].map(count),
            "Tokens scored": table["scored"].map(lambda v: count(v) if v else MISSING),
            "FLOPs, body": table["flops_body"].map(power),
            "FLOPs, full": table["flops_full"].map(power),
            "Targets' worth, body": table["targets_body"].map(lambda v: fixed(v, 2)),
            "Targets' worth, full": table["targets_full"].map(lambda v: fixed(v, 2)),
        }
    )
    free = listed(f"`{name}`" for name, method in methods.items() if not method.spent)
    runs = int(np.max([len(method.schedules) for method in methods.values()]))
    return Table(
        "spent",
        "Compute that each method spent on choosing its mixtures, beyond training its targets, in FLOPs counted in "
        f"two ways and in multiples of one target's training. Without such compute: {free}. It is spent once for all "
        f"{counted(runs, 'seed')}, and proxies that several methods learn from are counted for each. Fitting "
        "regressors and searching mixtures is not counted.",
        shown,
        table,
    )
