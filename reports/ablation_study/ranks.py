"""Whether mixtures keep their order across sizes and budgets (Figure 15); how losses relate to scores (Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regmix.ablations.mixture_ranks import labels as setting_labels
from regmix.evaluation.summary import AVERAGE
from reports.page import style
from reports.page.formats import bold, count, counted, fixed, percent, spanned
from reports.page.section import Figure, Section, Table


def invariance(losses: pd.DataFrame, correlations: pd.DataFrame, bodies: Mapping[str, int]) -> Section:
    """``correlations`` is from regmix.ablations.mixture_ranks; ``bodies`` are the models' body parameters by size."""
    names = list(dict.fromkeys(correlations["objective"]))
    labels = list(dict.fromkeys(setting_labels(losses)))
    figure, axes = style.panels(1, len(names), 0.42 * len(labels) + 1.4)
    for plot, name in zip(axes[0], names, strict=True):
        values = np.eye(len(labels))
        for row in correlations[correlations["objective"] == name].itertuples(index=False):
            i, j = labels.index(row.first), labels.index(row.second)
            values[i, j] = values[j, i] = row.value
        texts = [[fixed(value, 2) for value in line] for line in values]
        style.heat(plot, values, labels, labels, cmap="viridis", span=(0, 1), texts=texts)
        plot.set_title(name)
    shown = pd.DataFrame(
        {
            "Objective": correlations["objective"],
            "First": correlations["first"],
            "Second": correlations["second"],
            "Spearman ρ": [
                bold(spanned(row, 2), row[1] > 0) for row in correlations[["value", "low", "high"]].to_numpy().tolist()
            ],
        }
    )
    n, seeds = int(correlations["n"].iloc[0]), losses["seed"].nunique()
    prose = (
        f"{n} random mixtures, the swarm's held-out ones, trained at {len(bodies)} sizes "
        f"({', '.join(f'{name} {count(body)}' for name, body in bodies.items())} body parameters) and "
        f"{losses['budget'].nunique()} numbers of steps, {counted(seeds, 'seed')} each. Losses are means over the "
        "seeds; intervals are over resamples of the mixtures."
    )
    return Section(
        "Rank invariance",
        (
            prose,
            Figure("ranks", "Spearman correlation of each pair of settings, × is the budget (the paper's Figure 15).",
                   "Heat maps of rank correlations between model sizes and budgets, one panel per objective.", figure),
            Table("ranks", "The same with intervals; in bold where the interval lies above zero.", shown, correlations),
        ),
    )  # fmt: skip


def downstream(spreads: pd.DataFrame, related: pd.DataFrame, n: int, items: int, seeds: int) -> Section:
    """``spreads`` and ``related`` are from ``spread`` and ``losses_and_scores``, over n mixtures."""
    tasks, domains = (list(dict.fromkeys(related[key])) for key in ("task", "domain"))
    values = related.pivot(index="domain", columns="task", values="value").loc[domains, tasks].to_numpy()
    figure, axes = style.panels(1, 1, 0.32 * len(domains) + 1.8)
    texts = [[fixed(value, 2) for value in line] for line in values]
    labels = [task.removeprefix("heldout_").replace("_", " ") for task in tasks]
    style.heat(axes[0, 0], values, domains, labels, cmap="RdBu", span=(-1, 1), texts=texts)
    average = related[related["task"] == AVERAGE].sort_values("value", ascending=False, kind="stable")
    first = pd.DataFrame({"Domain": average["domain"], "r with the average": [
        spanned(row, 2) for row in average[["value", "low", "high"]].to_numpy().tolist()],
        "first in": average["first"].map(percent)})  # fmt: skip
    shown = pd.DataFrame({"Task": spreads["task"].str.removeprefix("heldout_"),
                          **{key.capitalize(): spreads[key].map(lambda v: fixed(v, 1))
                             for key in ("worst", "best", "delta")}, "p": spreads["p"].map(fixed)})  # fmt: skip
    return Section(
        "Losses and downstream scores",
        (
            f"The {n} mixtures at the target's size and budget 1, {counted(seeds, 'seed')} each, tasks of up to "
            f"{items} items: the tasks are made from held-out text, because models this small are at chance on the "
            "paper's tasks. The worst and the best of many differ by noise alone, so p is the probability that equal "
            "mixtures would spread as much, given the spread over seeds (one-way analysis of variance); it is not "
            "defined for one seed.",
            Table("task_range", "Worst and best mixture on each task, percent, mean over seeds (the paper's Table 3).",
                  shown, spreads),
            Figure("losses_scores", "Correlation (Pearson's r) of minus a domain's validation loss with task scores "
                   "over the mixtures (the paper's Figure 5).",
                   "Heat map of correlations, domains by tasks.", figure),
            Table("losses_scores", f"The same with the average score; n = {n}, intervals over resamples of the "
                  "mixtures; *first in*: share of resamples in which a domain comes first.", first, related),
        ),
    )  # fmt: skip
