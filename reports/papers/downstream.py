"""Losses and task scores of the 64 models of 1B parameters: Figure 5a, Table 3, and scores from mixtures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.statistics.verdicts import apart_from_zero
from reports.page import style
from reports.page.formats import bold, fixed, listed, spanned
from reports.page.section import Figure, Section, Table
from reports.papers.claims import Claim, untested, verdict

EDGES = ["value", "low", "high"]
AVERAGE = "average"
PREDICTORS = {
    "ridge": "ridge, 17 weights",
    "gp": "GP, 17 weights",
    "weight": "line, Pile-CC weight",
    "loss": "line, own Pile-CC loss",
}
SURE = 0.95  # share of resamples in which a domain must be first


def figures(related: pd.DataFrame, predicted: pd.DataFrame, span: pd.DataFrame, objective: str) -> dict[str, Any]:
    """figure5a: <domain>_<task> with edges, and each task's best domain; scores from mixtures by predictor; table3."""
    out: dict[str, Any] = {"best": {}, "first": {}}
    for row in related.itertuples(index=False):
        out |= _triple(f"{row.domain}_{row.task}", row)
    best = related.loc[related.groupby("task", sort=False)["value"].idxmax()].set_index("task")
    out["best"] = best["domain"].to_dict()
    out["first"] = related[related["domain"] == objective].set_index("task")["first"].to_dict()
    straight: dict[str, Any] = {}
    for row in predicted.itertuples(index=False):
        straight.setdefault(row.predictor, {}).update(_triple(row.task, row))
    ranges = {row.task: {"worst": row.min, "best": row.max} for row in span.itertuples(index=False)}
    return {"figure5a": out, "scores_from_mixtures": straight, "table3": ranges}


def downstream(
    related: pd.DataFrame, predicted: pd.DataFrame, span: pd.DataFrame, printed: pd.DataFrame, objective: str
) -> Section:
    """``related``, ``predicted`` and ``span`` are from published_downstream; ``printed`` is the paper's Table 3."""
    domains, tasks = list(dict.fromkeys(related["domain"])), list(dict.fromkeys(related["task"]))
    square = related.pivot(index="task", columns="domain", values="value").loc[tasks, domains]
    low, high = (related.pivot(index="task", columns="domain", values=edge).loc[tasks, domains] for edge in EDGES[1:])
    drawing, axes = style.panels(1, 1, 4.7)
    texts = [
        [fixed(v, 2) + ("" if apart_from_zero(a, b) else " ·") for v, a, b in zip(*row, strict=True)]
        for row in zip(square.to_numpy(), low.to_numpy(), high.to_numpy(), strict=True)
    ]
    style.heat(axes[0, 0], square.to_numpy(), tasks, domains, cmap="RdBu_r", span=(-1, 1), texts=texts)
    own = related[related["domain"] == objective].set_index("task").loc[tasks]
    best = related.loc[related.groupby("task", sort=False)["value"].idxmax()].set_index("task").loc[tasks]
    second = {t: part.nlargest(2, "value").iloc[1] for t, part in related.groupby("task", sort=False)}
    table = pd.DataFrame(
        {
            "Task": tasks,
            f"r with {objective}": [_marked(row) for row in own[EDGES].to_numpy()],
            "strongest domain": best["domain"].tolist(),
            "its r": [_marked(row) for row in best[EDGES].to_numpy()],
            "first in resamples": [f"{100 * v:.0f}%" for v in best["first"]],
            "next": [f"{second[t]['domain']} {fixed(second[t]['value'], 2)}" for t in tasks],
        }
    )
    values = predicted.set_index(["task", "predictor"])
    straight = pd.DataFrame({"Score": tasks})
    for name, label in PREDICTORS.items():
        straight[label] = [_marked(values.loc[(t, name), EDGES]) for t in tasks]
    sure = [t for t in tasks if values.loc[(t, "gp"), "over_low"] > 0 and values.loc[(t, "gp"), "low"] > 0]
    worse = [t for t in tasks if values.loc[(t, "gp"), "over_high"] < 0 and values.loc[(t, "loss"), "low"] > 0]
    merged = span.merge(printed, on="task")
    agree = (merged[["min", "max"]].to_numpy() - merged[["worst", "best"]].to_numpy()).round(2)
    ranges = pd.DataFrame({"Task": merged["task"]})
    for ours, theirs in (("min", "worst"), ("max", "best")):
        ranges[f"{theirs}, Appendix G"] = merged[ours].map(lambda v: fixed(v, 2))
        ranges[f"{theirs}, Table 3"] = merged[theirs].map(lambda v: fixed(v, 1))
    n = int(predicted["n"].iloc[0])
    flat = [t for t in tasks if not apart_from_zero(*own.loc[t, ["low", "high"]])]
    firm = [t for t in tasks if t != AVERAGE and best.loc[t, "first"] >= SURE]
    prose = (
        f"Appendix G prints the mixtures and the scores of 64 models of 1B parameters; their losses are published. {n} "
        "models have all their digits. Signs are flipped so that a positive r means that a lower loss goes with a "
        f"higher score. {len(firm)} of {len(tasks) - 1} tasks have a domain that is first in at least {100 * SURE:.0f} "
        f"% of the resamples: {listed(firm)}. For {listed(flat)} the correlation with the Pile-CC loss is not "
        "distinguishable from zero: there, choosing a mixture by loss is choosing by noise, or by something else."
    )
    from_mixtures = (
        "A regression straight from the mixture to the score, which the paper does not do: each model's score is "
        "predicted by a fit to the others. The share of explained variance is relative to predicting the others' "
        "mean: 0 is as good as that mean, negative is worse. Against a line on the model's own loss, which costs a "
        f"training run of 1B parameters, the GP on weights alone is better for {listed(sure)} and worse for "
        f"{listed(worse)}; elsewhere the two cannot be distinguished, or neither beats the mean."
    )
    return Section(
        "Figure 5a and Table 3: from loss to task",
        (
            prose,
            Figure("figure5a", "Pearson correlation of minus the validation loss of a domain (columns) with the score "
                               "on a task (rows); a dot marks intervals that include zero.",
                   "Heat map of correlations, tasks by domains.", drawing),
            Table("figure5a", "The strongest domain of every task, with intervals over models and the share of "
                              "resamples in which it is first; in bold where the interval excludes "
                              "zero.", table, related),
            from_mixtures,
            Table("scores_from_mixtures", "Share of the variance of scores explained for models left out.",
                  straight, predicted),
            Table("table3", "Worst and best of the 64 models. Largest difference from Table 3: "
                            f"{fixed(np.abs(agree).max(), 2)}, where the extreme is one of the three models that lost "
                            "a digit, or a half is rounded.",
                  ranges, merged),
        ),
    )  # fmt: skip


def claims(numbers: Mapping[str, Any], printed: pd.DataFrame, objective: str) -> list[Claim]:
    """Sections 5.1 and 5.2; ``printed`` is Table 3."""
    corr, table = numbers["figure5a"], numbers["table3"]
    tasks = [t for t in corr["best"] if t != AVERAGE]
    mine = [t for t in tasks if corr["best"][t] == objective]
    firm = [t for t in mine if corr["first"][t] >= SURE]
    swag = [corr[f"{objective}_hellaswag{end}"] for end in ("", "_low", "_high")]
    average = [corr[f"{objective}_average{end}"] for end in ("", "_low", "_high")]
    wiki = [corr[f"wikipedia_en_average{end}"] for end in ("", "_low", "_high")]
    gaps = {t: cell["best"] - cell["worst"] for t, cell in table.items() if t != AVERAGE}
    widest = max(gaps, key=lambda t: gaps[t])
    published = printed.set_index("task")["difference"].drop(AVERAGE)
    off = max(abs(gaps[t] - published[t]) for t in gaps)
    basis = "61 of 64 models (three lost a digit), 1 seed"
    return [
        Claim("RegMix", "§5.1, Table 3", f"the mixture moves scores by up to {published.max()} points (Lambada)",
              f"{widest}: {fixed(gaps[widest], 1)} points", "64 models, Appendix G",
              verdict(bool(abs(gaps[widest] - published.max()) < 0.1 and widest == published.idxmax())),
              f"All {len(gaps)} differences agree within {fixed(math.ceil(10 * off) / 10, 1)}. Best and worst of 64 "
              "also include noise of evaluation and training: one seed per mixture."),
        Claim("RegMix", "§5.2, Figure 5a", "the Pile-CC loss correlates most strongly with most tasks",
              f"strongest on {len(mine)} of {len(tasks)} tasks, and in 95% of resamples on {len(firm)}; with the "
              "average "
              f"r {spanned(average, 2)}", basis, verdict(len(mine) > len(tasks) / 2, len(firm) > len(tasks) / 2),
              f"Not on {listed(t for t in tasks if t not in mine)}, where no loss is informative."),
        Claim("RegMix", "§5.2", "the correlation of HellaSwag with the Pile-CC loss is remarkably close to 1",
              f"r {spanned(swag, 2)}", basis, verdict(swag[0] >= 0.9),
              f"r is {'at least' if swag[0] >= 0.9 else 'below'} 0.9."),
        Claim("RegMix", "§5.2", "Wikipedia's loss is not the most representative one",
              f"r with the average: Wikipedia {spanned(wiki, 2)}, Pile-CC {spanned(average, 2)}", basis,
              verdict(wiki[2] < average[1]), "The two intervals "
              + ("do not overlap." if wiki[2] < average[1] else "overlap.")),
        untested("RegMix", "§5.2, Figure 5b, Appendix D", "over 85% of URL domains of C4 correlate like Pile-CC",
                 "Losses by URL domain are not published."),
    ]  # fmt: skip


def _marked(row: Any) -> str:
    value, low, high = row
    return bold(spanned([value, low, high], 2), apart_from_zero(low, high))


def _triple(name: str, row: Any) -> dict[str, float]:
    return {name: row.value, f"{name}_low": row.low, f"{name}_high": row.high}
