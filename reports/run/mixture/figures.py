"""Figures of the chosen mixtures: their weights, the proxies that confirm them, and the candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from reports.page import style
from reports.page.formats import units


def weight_dots(chosen: Mapping[str, Mapping[str, Any]], prior: Mapping[str, float]) -> style.Figure:
    domains = list(prior)
    figure, axes = style.panels(1, len(chosen), 0.28 * len(domains) + 0.9, sharey=True, sharex=True)
    places = np.arange(len(domains))
    for plot, (name, value) in zip(axes[0], chosen.items(), strict=True):
        plot.barh(places, [prior[d] for d in domains], height=0.62, color=style.PALE, label="natural")
        weights = np.array([value["weights"][d] for d in domains])
        spread = np.array([value["spread"][d] for d in domains])
        low = np.maximum(weights - spread, 0)
        plot.hlines(places, low, np.minimum(weights + spread, 1), color=style.PALETTE[0], linewidth=2)
        plot.scatter(weights, places, s=28, color=style.PALETTE[0], zorder=3, label="chosen")
        plot.set_title(name)
        plot.set_xlabel("weight")
        plot.set_xlim(-0.02, 1.05)
        plot.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(places, domains)
    axes[0, 0].invert_yaxis()
    style.legend_above(figure)
    return figure


def confirmed_dots(realised: pd.DataFrame, objectives: Mapping[str, Objective]) -> style.Figure:
    names = list(realised["mixture"].unique())
    figure, axes = style.panels(1, len(objectives), 0.34 * len(names) + 1.0, sharey=True)
    places = np.arange(len(names))
    for plot, objective in zip(axes[0], objectives, strict=True):
        part = realised[realised["objective"] == objective].set_index("mixture").loc[names]
        own = [name == f"regmix_{objective}" for name in names]
        colours = [style.PALETTE[1] if flag else style.PALETTE[0] for flag in own]
        sd = part["sd"].fillna(0)
        plot.hlines(places, part["realised"] - sd, part["realised"] + sd, color=colours, linewidth=2.4)
        plot.scatter(part["realised"], places, s=32, c=colours, zorder=3)
        has_prediction = part["predicted"].notna().to_numpy()
        heights = places[has_prediction] - 0.26
        predicted, predicted_sd = part.loc[has_prediction, ["predicted", "predicted_sd"]].to_numpy().T
        plot.hlines(heights, predicted - predicted_sd, predicted + predicted_sd, color=style.MUTED, linewidth=1.2)
        plot.scatter(predicted, heights, s=30, marker="x", color=style.INK, linewidths=1.3, zorder=3)
        plot.set_title(objective)
        plot.set_xlabel(f"loss, {objectives[objective].unit}")
        plot.grid(visible=False, axis="y")
        plot.locator_params(axis="x", nbins=5)
    axes[0, 0].set_yticks(places, names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.65)
    axes[0, 0].scatter([], [], s=32, color=style.PALETTE[0], label="actual")
    axes[0, 0].scatter([], [], s=32, color=style.PALETTE[1], label="actual, chosen for this objective")
    axes[0, 0].scatter([], [], s=30, marker="x", color=style.INK, linewidths=1.3, label="predicted")
    style.legend_above(figure)
    return figure


def candidate_clouds(
    chosen: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Mapping[str, Any]], candidates: pd.DataFrame,
    swarm: Runs, objectives: Mapping[str, Objective],
) -> style.Figure:  # fmt: skip
    figure, axes = style.panels(1, len(chosen), 3.6)
    for plot, (name, value) in zip(axes[0], chosen.items(), strict=True):
        leading = max(value["weights"], key=lambda d: value["weights"][d])
        x = swarm.mixtures[:, swarm.domains.index(leading)]
        y = swarm.objective(objectives[name])
        predicted = candidates[f"predicted_{name}"]
        plot.scatter(candidates[leading], predicted, s=5, color=style.PALE, linewidths=0, rasterized=True)
        for kind in style.KINDS:
            rows = swarm.kinds == kind
            if not rows.any():
                continue
            colour = style.INK if kind == "random" else style.KINDS[kind]
            plot.scatter(
                x[rows], y[rows], s=13, color=colour, linewidths=0, alpha=0.8,
                label=f"actual, {style.KIND_LABELS[kind]}", marker=style.KIND_MARKERS[kind],
            )  # fmt: skip
        weight, guess = value["weights"][leading], value["predicted"]
        plot.errorbar(
            weight, guess["mean"], guess["sd"], color=style.PALETTE[1], marker="*", markersize=13, elinewidth=1.3,
            linestyle="none", zorder=5, label="chosen, predicted", markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        plot.scatter(
            [weight], [summary[name]["realised"]["loss"]], s=44, marker="x", color=style.INK, linewidths=1.6, zorder=6,
            label="chosen, actual",
        )  # fmt: skip
        plot.scatter([], [], s=16, color=style.PALE, label="candidates, predicted")
        plot.set_title(name)
        plot.set_xlabel(f"weight of {leading}")
    axes[0, 0].set_ylabel(f"loss, {units(objectives)}")
    style.legend_above(figure, columns=6)
    return figure
