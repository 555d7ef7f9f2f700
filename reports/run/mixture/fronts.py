"""Fronts of two objectives: what a mixture must give up of one to gain in the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from reports.page import style
from reports.page.formats import interval, percent
from reports.page.section import Figure, Part, Section, Table

SHOWN = 4  # heaviest domains of a mixture in the table


def fronts(table: pd.DataFrame, swarm: Runs, objectives: Mapping[str, Objective], level: float) -> Section | None:
    """``table`` is mixture_simulate's fronts.csv, ``swarm`` the proxies. None if no front was asked for."""
    parts: list[Part] = []
    for (first, second), rows in table.groupby(["first", "second"], sort=False):
        lost = [float(rows[f"{place}_loss"].max() - rows[f"{place}_loss"].min()) for place in ("first", "second")]
        parts += [
            f"From the mixture chosen for {first} to that for {second}, the predicted value of {first} rises by "
            f"{lost[0]:.3f} nats and that of {second} falls by {lost[1]:.3f}. Between its ends the front is "
            "only predicted: no proxy was trained there to confirm it.",
            Figure(
                f"front_{first}_{second}",
                f"Mixtures that no other is predicted to beat for both {first} and {second}, with {percent(level)} "
                "intervals of a run there, and the proxies behind the prediction.",
                f"Scatter plot of {second} against {first}: the front as a line, the trained proxies as points.",
                _figure(str(first), str(second), rows, swarm, objectives),
            ),
            Table(
                f"front_{first}_{second}",
                f"The numbers behind the figure, in nats per token, with each mixture's {SHOWN} heaviest domains.",
                _shown(str(first), str(second), rows, swarm.domains),
                rows.reset_index(drop=True),
            ),
        ]
    return Section("Between two objectives", tuple(parts)) if parts else None


def _shown(first: str, second: str, rows: pd.DataFrame, domains: tuple[str, ...]) -> pd.DataFrame:
    def intervals(place: str) -> list[str]:
        columns = [f"{place}_loss", f"{place}_loss_low", f"{place}_loss_high"]
        return [interval(*row) for row in rows[columns].to_numpy().tolist()]

    heaviest = [row.nlargest(SHOWN) for _, row in rows[list(domains)].astype(float).iterrows()]
    mixtures = [", ".join(f"{name} {weight:.2f}" for name, weight in row.items()) for row in heaviest]
    return pd.DataFrame({first: intervals("first"), second: intervals("second"), "Mixture": mixtures})


def _figure(
    first: str, second: str, rows: pd.DataFrame, swarm: Runs, objectives: Mapping[str, Objective]
) -> style.Figure:
    figure, axes = style.panels(1, 1, 4.2, 6.4)
    plot, x, y = axes[0, 0], swarm.objective(objectives[first]), swarm.objective(objectives[second])
    for kind, colour in style.KINDS.items():
        rows_of_kind = swarm.kinds == kind
        if rows_of_kind.any():
            label = style.KIND_LABELS[kind]
            plot.scatter(
                x[rows_of_kind], y[rows_of_kind], s=14, color=colour, marker=style.KIND_MARKERS[kind], label=label
            )
    values = {place: rows[f"{place}_loss"].to_numpy() for place in ("first", "second")}
    half = {place: rows[f"{place}_loss_high"].to_numpy() - values[place] for place in values}
    plot.errorbar(
        values["first"], values["second"], half["second"], half["first"], color=style.PALETTE[1], marker="o",
        markersize=4, elinewidth=0.7, label="front, predicted",
    )  # fmt: skip
    worst = float(values["second"].max()), float(values["first"].max())
    plot.set_xlim(None, worst[1] + 0.5 * float(np.ptp(values["first"])) + 0.1)  # far proxies would flatten the front
    plot.set_ylim(None, worst[0] + 0.5 * float(np.ptp(values["second"])) + 0.1)
    plot.set_xlabel(f"{first}, nats per token")
    plot.set_ylabel(f"{second}, nats per token")
    style.legend_above(figure)
    return figure
