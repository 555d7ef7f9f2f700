"""Figures of how well regressors rank mixtures: predicted against actual loss, and learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.core.objective import Objective
from regmix.regression.ranking import NO_PROXY, score
from reports.page import style
from reports.page.formats import fixed, units


def scatter(
    predictions: Mapping[str, pd.DataFrame], scores: pd.DataFrame, objectives: Mapping[str, Objective], quoted: str
) -> style.Figure:
    """``quoted`` is the split whose correlation is printed in the panels."""
    drawing, axes = style.panels(len(objectives), len(predictions), 1.72 * len(objectives) + 0.5, sharey="row")
    for row, (line, objective) in enumerate(zip(axes, objectives, strict=True)):
        frames = {name: frame[frame["objective"] == objective] for name, frame in predictions.items()}
        true = next(iter(frames.values()))["true"]
        span = _padded(true.min(), true.max())
        predicted = pd.concat([frame["predicted"] for frame in frames.values()])
        height = _padded(min(predicted.min(), true.min()), max(predicted.max(), true.max()))
        for plot, (name, frame) in zip(line, frames.items(), strict=True):
            plot.plot(span, span, color=style.MUTED, linewidth=0.8, zorder=1)
            for split, kind, size in (("cv", "random", 9), ("heldout", "heldout", 18)):
                part = frame[frame["split"] == split]
                plot.scatter(
                    part["true"], part["predicted"], s=size, color=style.KINDS[kind], linewidths=0, alpha=0.8,
                    zorder=2 + (split == "heldout"), marker="^" if split == "heldout" else "o",
                )  # fmt: skip
            plot.set_xlim(span)
            plot.set_ylim(height)
            plot.text(
                0.06, 0.94, f"ρ {fixed(score(scores, name, objective, quoted).value, 2)}", va="top",
                transform=plot.transAxes, fontsize=8.5,
            )  # fmt: skip
            plot.locator_params(nbins=4)
            if row == 0:
                plot.set_title(name, fontsize=8.5)
        line[0].set_ylabel(f"{objective}\npredicted")
    drawing.supxlabel(f"actual loss, {units(objectives)}", fontsize=9)
    return drawing


def _padded(low: float, high: float) -> tuple[float, float]:
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def learning_curves(
    curves: Mapping[str, pd.DataFrame], scores: pd.DataFrame, objectives: Sequence[str]
) -> style.Figure:
    drawing, axes = style.panels(1, len(objectives), 3.3, sharey=True)
    colour, marker = style.colours(list(curves)), style.markers(list(curves))
    for plot, objective in zip(axes[0], objectives, strict=True):
        for name, curve in curves.items():
            own = curve[curve["objective"] == objective].dropna(subset="spearman")
            if own.empty:
                continue
            by_size = own.groupby("proxies")["spearman"].agg(["mean", "min", "max"])
            plot.fill_between(
                by_size.index, by_size["min"], by_size["max"], color=colour[name], alpha=0.08, linewidth=0
            )
            plot.plot(
                by_size.index, by_size["mean"], color=colour[name], marker=marker[name], markersize=4.5, label=name
            )
        without = score(scores, NO_PROXY, objective, "heldout").value
        if math.isfinite(without):
            plot.axhline(without, color=style.INK, linestyle=(0, (4, 3)), linewidth=1, label="no_proxy")
        plot.set_title(objective)
        plot.set_xlabel("proxies")
        plot.set_xticks(sorted({size for curve in curves.values() for size in curve["proxies"]}))
    axes[0, 0].set_ylabel("Spearman ρ, held out")
    style.legend_above(drawing)
    return drawing
