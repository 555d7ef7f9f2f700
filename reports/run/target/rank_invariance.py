"""Whether mixtures keep their order from proxy to target (the paper's Figure 15 and its hypothesis)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs, objective_losses
from reports.page import style
from reports.page.formats import NOTED, counted, fixed, interval, listed, marked, spanned, units
from reports.page.section import Figure, Section, Table


def rank_invariance(
    table: pd.DataFrame,
    proxies: Runs,
    targets: pd.DataFrame,
    same: Mapping[str, str],
    objectives: Mapping[str, Objective],
    level: float,
) -> Section:
    """``table`` and ``same`` are target_compare's ranks.csv and pairs.json.

    ``proxies`` are the confirming runs, ``targets`` target_evaluate's losses.
    """
    n = len(same)
    if table.empty:
        trained = f"{counted(n, 'mixture')} {'was' if n == 1 else 'were'} trained at both scales"
        return Section("Rank invariance", (f"{trained}; a ranking needs at least three, so nothing is compared.",))
    shown = pd.DataFrame(
        {
            "Loss": table["measure"],
            "Spearman ρ": [
                marked(spanned(row, 2), NOTED, p < 1 - level)
                for row, p in zip(table[["value", "low", "high"]].to_numpy().tolist(), table["p"], strict=True)
            ],
            "p": table["p"].map(lambda p: fixed(p, 3)),
            "n": table["n"].astype(str),
        }
    )
    parts = (
        _prose(table, list(objectives), _apart(proxies, same), n, level),
        Table(
            "invariance",
            "Rank correlation of mean proxy loss and mean target loss over the mixtures trained at both scales (the "
            f"paper's Figure 15). The interval is over seeds, for these mixtures; p is the share of all orders of {n} "
            f"mixtures that agree or disagree as much, {NOTED} where it is below {1 - level:.2g}, uncorrected for the "
            f"{len(table)} rows.",
            shown,
            table,
        ),
        Figure(
            "invariance",
            "Mean target loss against mean proxy loss of the mixtures trained at both scales, ± one sd over seeds.",
            "Scatter plots of target loss against proxy loss, one panel per objective.",
            _scatter(proxies, targets, same, objectives),
        ),
    )
    return Section("Rank invariance", parts)


def _apart(proxies: Runs, same: Mapping[str, str]) -> float:
    """The smallest L1 distance between two of the mixtures."""
    mixtures = [proxies.of(kind).mixtures[0] for kind in same.values()]
    return float(min(np.abs(a - b).sum() for a, b in itertools.combinations(mixtures, 2)))


def _prose(table: pd.DataFrame, objectives: Sequence[str], apart: float, n: int, level: float) -> str:
    """``apart`` is the smallest distance between two of the ``n`` mixtures."""
    own, rest = (table[table["measure"].isin(objectives) == flag] for flag in (True, False))
    lines = listed(
        f"{row.measure} ρ {interval(row.value, row.low, row.high, 2)}" for row in own.itertuples(index=False)
    )
    beyond = own["p"] < 1 - level
    words = {
        "preserved beyond chance": own[beyond & (own["value"] > 0)],
        "reversed beyond chance": own[beyond & (own["value"] < 0)],
        "not distinguishable from chance": own[~beyond],
    }
    verdict = "; ".join(f"{word} for {listed(part['measure'])}" for word, part in words.items() if len(part))
    single = (
        f" Over the losses on {counted(len(rest), 'other single domain')}, ρ runs from "
        f"{fixed(rest['value'].min(), 2)} to {fixed(rest['value'].max(), 2)}, median "
        f"{fixed(rest['value'].median(), 2)}."
        if len(rest)
        else ""
    )
    return (
        f"The paper's hypothesis is that mixtures rank the same at every scale. {n} mixtures were trained both as "
        f"proxies and as targets: {lines}. The order is {verdict}.{single}\n\nRead this with care: the mixtures were "
        f"not drawn at random but chosen, some by the method under test, and the nearest two are {fixed(apart, 3)} "
        f"apart (L1, at most 2). The paper has up to 256 mixtures per pair of scales; here n = {n}."
    )


def _scatter(
    proxies: Runs, targets: pd.DataFrame, same: Mapping[str, str], objectives: Mapping[str, Objective]
) -> style.Figure:
    figure, axes = style.panels(1, len(objectives), 3.5)
    colour, marker = style.colours(list(same)), style.markers(list(same))
    for plot, (name, objective) in zip(axes[0], objectives.items(), strict=True):
        for method, kind in same.items():
            small = proxies.of(kind).objective(objective)
            part = targets[targets["method"] == method]
            large = objective_losses(part.assign(run=part["method"]), objective)
            plot.errorbar(
                small.mean(), large.mean(), _sd(large), _sd(small), color=colour[method], marker=marker[method],
                markersize=6.5, linestyle="none", elinewidth=1.1, label=method,
            )  # fmt: skip
        plot.set_title(name)
        plot.set_xlabel(f"proxy loss, {objective.unit}")
        plot.locator_params(nbins=5)
    axes[0, 0].set_ylabel(f"target loss, {units(objectives)}")
    style.legend_above(figure)
    return figure


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0
