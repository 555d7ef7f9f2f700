"""Figures of the targets: loss curves, and what each method costs each domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import objective_losses
from regmix.evaluation.summary import BASELINE
from reports.page import style
from reports.page.formats import fixed


def loss_curves(trajectories: Mapping[str, pd.DataFrame], objectives: Mapping[str, Objective]) -> style.Figure:
    """Losses, and below them each run's loss minus that of the baseline's run of the same seed."""
    rows = 2 if BASELINE in trajectories and len(trajectories) > 1 else 1
    figure, axes = style.panels(rows, len(objectives), 0.7 + 2.7 * rows, sharex=True)
    colour, marker = style.colours(list(trajectories)), style.markers(list(trajectories))
    for (over, *under), (aim, objective) in zip(axes.T, objectives.items(), strict=True):
        losses = {name: _logged(frame, objective) for name, frame in trajectories.items()}
        for name, values in losses.items():
            drawn = [(over, values)] + [(plot, values - losses[BASELINE]) for plot in under]
            for plot, table in drawn:
                line = table.groupby("step").agg(["mean", "min", "max"])
                plot.fill_between(line.index, line["min"], line["max"], color=colour[name], alpha=0.1, linewidth=0)
                plot.plot(
                    line.index, line["mean"], color=colour[name], marker=marker[name], markersize=4, label=name,
                    linewidth=1.3,
                )  # fmt: skip
        over.set_title(aim)
        axes[-1, list(objectives).index(aim)].set_xlabel("step")
    axes[0, 0].set_ylabel("validation loss, nats per token")
    if rows > 1:
        axes[1, 0].set_ylabel(f"minus {BASELINE}'s, nats per token")
    style.legend_above(figure)
    return figure


def _logged(frame: pd.DataFrame, objective: Objective) -> pd.Series:
    """The objective's losses by run and step."""
    return pd.Series(objective_losses(frame, objective), pd.MultiIndex.from_frame(frame[["run", "step"]]))


def by_domain_map(by_domain: pd.DataFrame, methods: Sequence[str], domains: Sequence[str]) -> style.Figure:
    values = by_domain.set_index("method").loc[list(methods), list(domains)]
    rest = [m for m in methods if m != BASELINE]
    apart = (values.loc[rest] - values.loc[BASELINE]).to_numpy()
    limit = float(np.abs(apart).max()) or 1.0
    figure, axes = style.panels(1, 1, 0.4 * len(rest) + 1.3)
    texts = [[fixed(value, 2, sign=True) for value in row] for row in apart]
    style.heat(axes[0, 0], apart, rest, list(domains), cmap="RdBu_r", span=(-limit, limit), texts=texts)
    return figure
