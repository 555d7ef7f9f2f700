"""Figure 2: the 64 large models among the candidates of a simulation, and how good the first pick is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from reports.page import style
from reports.page.formats import MISSING, count, fixed, percent
from reports.page.section import Figure, Section, Table

NO_PROXY = "no_proxy"
SPLIT = "test_1b"


def picks(
    predictions: Mapping[str, pd.DataFrame], candidates: pd.DataFrame, large: Runs, objective: str, names: Sequence[str]
) -> pd.DataFrame:
    """regressor, run, loss, best, above, beyond: the model predicted best, its loss, the lowest, how many are better.

    ``beyond`` is the share of ``candidates`` predicted better than every one of the ``large`` models.
    """
    true = large.objective(Objective.loss(objective))
    rows = []
    for name in [*names, NO_PROXY]:
        predicted = order(predictions, large, objective, name)
        first = int(np.argmin(predicted))
        beyond = np.nan if name == NO_PROXY else float((candidates[f"predicted_{name}"] < predicted.min()).mean())
        rows.append([name, large.names[first], true[first], true.min(), int((true < true[first]).sum()), beyond])
    return pd.DataFrame(rows, columns=["regressor", "run", "loss", "best", "above", "beyond"])


def order(predictions: Mapping[str, pd.DataFrame], large: Runs, objective: str, name: str) -> np.ndarray:
    """A regressor's predictions (64,) for the large models; for NO_PROXY, minus their weight on the objective."""
    if name == NO_PROXY:
        return -large.mixtures[:, large.domains.index(objective)]
    frame = predictions[name]
    part = frame[(frame["objective"] == objective) & (frame["split"] == SPLIT)]
    return part.set_index("run").loc[list(large.names), "predicted"].to_numpy()


def figures(table: pd.DataFrame) -> dict[str, Any]:
    """regressor -> loss of its pick, the best loss, how many are better; share of candidates beyond all 64."""
    return {
        row.regressor: {"loss": row.loss, "best": row.best, "better": int(row.above)}
        | ({} if row.regressor == NO_PROXY else {"candidates_beyond": row.beyond})
        for row in table.itertuples(index=False)
    }


def figure2(
    table: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], candidates: pd.DataFrame, large: Runs, objective: str
) -> Section:
    """``table`` is ``picks``; ``candidates`` published_simulate's candidates.csv."""
    names = list(table["regressor"])
    true, weight = large.objective(Objective.loss(objective)), large.mixtures[:, large.domains.index(objective)]
    drawing, axes = style.panels(2, len(names), 5.2, sharey="row")
    shades = None
    for cloud, plot, name in zip(*axes, names, strict=True):
        predicted = order(predictions, large, objective, name)
        ranked = np.argsort(predicted, kind="stable")
        plot.scatter(np.arange(1, len(true) + 1), true[ranked], s=10, color=style.KINDS["heldout"], linewidths=0)
        plot.scatter([1], true[ranked[:1]], s=90, color=style.PALETTE[1], marker="*", zorder=3)
        plot.set_xlabel("rank by prediction")
        cloud.set_title(name)
        if name == NO_PROXY:
            cloud.set_axis_off()
            cloud.text(0.72, 0.5, "predicts an order,\nno loss", transform=cloud.transAxes, ha="center", fontsize=9)
            continue
        cloud.scatter(candidates[objective], candidates[f"predicted_{name}"], s=2, color=style.PALE, linewidths=0,
                      rasterized=True)  # fmt: skip
        shades = cloud.scatter(weight, predicted, s=16, c=true, cmap="viridis", linewidths=0)
        cloud.scatter(weight[ranked[:1]], predicted[ranked[:1]], s=90, color=style.PALETTE[1], marker="*", zorder=3)
        cloud.set_xlabel(f"weight of {objective}")
    axes[0, 0].set_ylabel("predicted loss at 1M")
    axes[1, 0].set_ylabel("actual loss at 1B")
    if shades is not None:
        bar = axes[0, -1].inset_axes((0.0, 0.0, 0.07, 1.0))
        drawing.colorbar(shades, cax=bar, label="actual loss at 1B")
    shown = pd.DataFrame(
        {
            "Regressor": table["regressor"],
            "predicted best": table["run"],
            "its loss": table["loss"].map(lambda v: fixed(v, 4)),
            "best loss of 64": table["best"].map(lambda v: fixed(v, 4)),
            "models that are better": table["above"].astype(str),
            "candidates predicted better than all 64": [
                MISSING if np.isnan(v) else percent(v) for v in table["beyond"]
            ],
        }
    )
    return Section(
        "Figure 2: picking the best of 64 large models",
        (
            f"Above, {count(len(candidates))} candidates of the simulation, drawn as the published code draws them, by "
            "their Pile-CC weight and the loss that regressors fitted to the 512 runs predict, with the 64 mixtures "
            "of the 1B models among them. Below, the 64 by predicted rank and their actual loss. The star is the one "
            "predicted best. One pick of 64 is one trial; the baseline without proxies is shown next to it. The "
            f"largest of the 64 weights is {fixed(weight.max(), 2)}; a simulation can recommend a larger one, where no "
            "1B model was trained.",
            Figure("figure2", "Candidates (grey) and the 64 mixtures of 1B models (coloured by their actual Pile-CC "
                   "loss) by predicted loss; actual loss by predicted rank.",
                   "Scatter plots: above, predicted loss against Pile-CC weight for candidates and the 64 large "
                   "models; below, actual loss against predicted rank; the first pick is a star.", drawing),
            Table("figure2", "How good the first pick is, and the share of candidates predicted to be better than all "
                  "of the 64.", shown, table),
        ),
    )  # fmt: skip
