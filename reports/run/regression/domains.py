"""Which domains help each other, according to the swarm (the paper's Figures 7 and 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import BITS, Objective
from regmix.core.runs import Runs
from regmix.regression.ranking import score
from regmix.statistics.verdicts import apart_from_zero
from reports.page import style
from reports.page.formats import bold, counted, fixed, interval, listed, units
from reports.page.section import Figure, Section, Table


def domains(
    coefficients: Mapping[str, pd.DataFrame],
    judged: pd.DataFrame,
    correlations: pd.DataFrame,
    swarm: Runs,
    objectives: Mapping[str, Objective],
) -> Section:
    """``coefficients`` are the coefficients.csv of the regressors; only linear ones have rows.

    ``judged`` and ``correlations`` are regression_compare's scores.csv and weights.csv.
    """
    linear = {name: frame for name, frame in coefficients.items() if len(frame)}
    random = swarm.of("random")
    ranks = correlations.set_index("domain")
    tasks = {name for objective in objectives.values() if objective.unit == BITS for name in objective.names}
    validated = [loss for loss in ranks.columns if loss not in tasks]
    own = [d for d in swarm.domains if ranks.loc[d, d] < 0]
    helped = {
        d: [v for v in validated if v != d and ranks.loc[d, v] < -_noticeable(len(random.names))] for d in swarm.domains
    }
    means = {name: aim for name, aim in objectives.items() if aim.references is None}  # linear where losses are
    parts: list[str | Table | Figure] = []
    if linear and means:
        parts += [
            "Weights sum to 1, so a single coefficient of a linear model means nothing: raising one weight lowers "
            "others. The contrast is the change of the predicted loss when the mean mixture of the swarm is replaced "
            f"by one domain alone, in {units(objectives)}; negative is better. A model that ranks badly says little "
            f"about the domains, so its cross-validated ρ is shown next to it.\n\n{_prose(linear, judged)}",
            Figure(
                "contrasts",
                "Contrast of each domain against the mean mixture, by linear regression with percentile intervals "
                "over refits to resampled runs (the paper's Figure 7, which shows bare coefficients without "
                "intervals). Filled: the interval excludes zero.",
                "Dot plots with intervals of the contrast of every domain, one panel per objective.",
                _contrasts(linear, means, list(swarm.domains)),
            ),
            Table(
                "contrasts",
                "The numbers behind the figure; in bold where the interval excludes zero.",
                _table(linear, list(means), list(swarm.domains)),
                pd.concat([frame.assign(regressor=name) for name, frame in linear.items()], ignore_index=True)[
                    ["regressor", "objective", "domain", "contrast", "low", "high"]
                ],
            ),
        ]
    parts += [
        f"Without any model, over {counted(len(random.names), 'random mixture')}: more of a domain goes with a lower "
        f"loss on that domain for {len(own)} of {len(swarm.domains)} domains, and {sum(map(len, helped.values()))} of "
        f"{len(swarm.domains) * (len(validated) - 1)} pairs of different domains are correlated in that direction by "
        f"more than {fixed(_noticeable(len(random.names)), 2)} (what one pair alone would exceed by chance in 1 of 40 "
        "cases). These correlations are not causal: more of one domain is less of the others.",
        Figure(
            "rank_correlations",
            f"Rank correlation of each training weight (columns) with each validation loss{' and task' * bool(tasks)} "
            "(rows) over the random mixtures; blue: more weight, lower loss (the paper's Figure 7 for all domains, "
            "without a model).",
            "Heat map of rank correlations of losses with weights.",
            _correlations(ranks),
        ),
        Figure(
            "loss_weight",
            "Every domain's validation loss (log scale) against its own weight (the paper's Figure 8). The spread at "
            "a given weight is what a law in a domain's own weight cannot explain.",
            "Scatter plots of loss against own weight, one panel per domain.",
            _own(swarm),
        ),
        Figure(
            "objective_weight",
            "Every objective's loss (log scale) against every domain's weight, on a square-root axis (the paper's "
            "Figure 8, for the objectives).",
            "Scatter plots of each objective's loss against each domain's weight.",
            _objectives(swarm, objectives),
        ),
    ]
    return Section("Domains and their interactions", tuple(parts))


def _noticeable(n: int) -> float:
    return 1.96 / np.sqrt(max(n - 1, 1))


def _prose(linear: Mapping[str, pd.DataFrame], judged: pd.DataFrame) -> str:
    lines = []
    for name, frame in linear.items():
        for objective, part in frame.groupby("objective", sort=False):
            clear = part[[apart_from_zero(*edges) for edges in part[["low", "high"]].to_numpy()]]
            good = clear.loc[clear["contrast"] < 0].sort_values("contrast")["domain"]
            bad = clear.loc[clear["contrast"] > 0].sort_values("contrast", ascending=False)["domain"]
            ranks = fixed(score(judged, name, str(objective), "cv").value, 2)
            seen = [
                f"a {what} from {listed(f'`{d}`' for d in some)}"
                for what, some in (("gain", good), ("cost", bad))
                if len(some)
            ]
            what = listed(seen) if seen else "neither a gain nor a cost from any domain"
            lines.append(f"- **{objective}**: `{name}` (ρ {ranks}) sees {what}.")
    return "\n".join(lines)


def _contrasts(
    linear: Mapping[str, pd.DataFrame], objectives: Mapping[str, Objective], domains: Sequence[str]
) -> style.Figure:
    figure, axes = style.panels(1, len(objectives), 0.3 * len(domains) * max(1, len(linear) * 0.7) + 0.9, sharey=True)
    places = np.arange(len(domains))
    colour, marker = style.colours(list(linear)), style.markers(list(linear))
    for plot, objective in zip(axes[0], objectives, strict=True):
        plot.axvline(0, color=style.MUTED, linewidth=1)
        for i, (name, frame) in enumerate(linear.items()):
            part = frame[frame["objective"] == objective].set_index("domain").loc[list(domains)]
            heights = places + (i - (len(linear) - 1) / 2) * 0.3
            plot.hlines(heights, part["low"], part["high"], color=colour[name], linewidth=1.6)
            clear = [apart_from_zero(*edges) for edges in part[["low", "high"]].to_numpy()]
            faces = [colour[name] if flag else "white" for flag in clear]
            plot.scatter(
                part["contrast"], heights, s=24, c=faces, edgecolors=colour[name], marker=marker[name], zorder=3
            )
            plot.plot([], [], color=colour[name], marker=marker[name], markersize=5, label=name)
        plot.set_title(objective)
        plot.set_xlabel(f"contrast, {objectives[objective].unit}")
        plot.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(places, domains)
    axes[0, 0].invert_yaxis()
    if len(linear) > 1:
        style.legend_above(figure)
    return figure


def _table(linear: Mapping[str, pd.DataFrame], objectives: Sequence[str], domains: Sequence[str]) -> pd.DataFrame:
    columns: dict[str, list[str]] = {"Domain": list(domains)}
    for name, frame in linear.items():
        for objective in objectives:
            part = frame[frame["objective"] == objective].set_index("domain").loc[list(domains)]
            label = objective if len(linear) == 1 else f"{objective}, {name}"
            columns[label] = [
                bold(interval(c, low, high, 3, sign=True), apart_from_zero(low, high))
                for c, low, high in part[["contrast", "low", "high"]].to_numpy()
            ]
    return pd.DataFrame(columns)


def _correlations(ranks: pd.DataFrame) -> style.Figure:
    values = ranks.to_numpy().T
    figure, axes = style.panels(1, 1, 0.33 * len(values) + 1.1)
    texts = [[fixed(value, 2) for value in row] for row in values]
    image = style.heat(
        axes[0, 0],
        np.nan_to_num(values),
        list(ranks.columns),
        list(ranks.index),
        cmap="RdBu_r",
        span=(-1, 1),
        texts=texts,
    )
    axes[0, 0].set_xlabel("training weight")
    axes[0, 0].set_ylabel("validation loss")
    bar = figure.colorbar(image, ax=axes[0, 0], pad=0.01, aspect=25)
    bar.outline.set_visible(False)
    return figure


def _own(swarm: Runs) -> style.Figure:
    columns = min(4, len(swarm.domains))
    rows = -(-len(swarm.domains) // columns)
    figure, axes = style.panels(rows, columns, 1.75 * rows + 0.5, sharex=True)
    for plot, domain in zip(axes.flat, swarm.domains, strict=False):
        _points(plot, swarm, swarm.mixtures[:, swarm.domains.index(domain)], np.log(swarm.losses[domain].to_numpy()))
        plot.set_title(domain)
    for plot in axes.flat[len(swarm.domains) :]:
        plot.set_visible(False)
    for j in range(columns):
        low = max(i for i in range(rows) if i * columns + j < len(swarm.domains))
        axes[low, j].tick_params(labelbottom=True)
    figure.supxlabel("weight of the domain", fontsize=9)
    figure.supylabel("log of its loss", fontsize=9)
    style.legend_above(figure)
    return figure


def _objectives(swarm: Runs, objectives: Mapping[str, Objective]) -> style.Figure:
    figure, axes = style.panels(
        len(objectives), len(swarm.domains), 1.3 * len(objectives) + 0.9, sharex=True, sharey="row"
    )
    for row, (line, (name, objective)) in enumerate(zip(axes, objectives.items(), strict=True)):
        losses, scale = swarm.objective(objective), ""
        if objective.references is None:  # an excess can be 0
            losses, scale = np.log(losses), "log "
        for k, plot in enumerate(line):
            _points(plot, swarm, np.sqrt(swarm.mixtures[:, k]), losses, 5)
            plot.set_xlim(-0.08, 1.08)
            plot.set_xticks([0, np.sqrt(0.2), 1], ["0", ".2", "1"])
            plot.tick_params(labelsize=7, length=0)
            plot.locator_params(axis="y", nbins=4)
            if row == 0:
                plot.set_title(swarm.domains[k], fontsize=7.5, fontweight="normal")
        line[0].set_ylabel(f"{scale}{name}")
    figure.supxlabel("weight of the domain", fontsize=9)
    return figure


def _points(plot: style.Axes, swarm: Runs, x: np.ndarray, y: np.ndarray, size: float = 11) -> None:
    for kind in style.KINDS:
        rows = swarm.kinds == kind
        if rows.any():
            plot.scatter(
                x[rows], y[rows], s=size, color=style.KINDS[kind], alpha=0.8, linewidths=0,
                label=style.KIND_LABELS[kind], marker=style.KIND_MARKERS[kind],
            )  # fmt: skip
