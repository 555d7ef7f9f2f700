"""The swarm's design: where its mixtures lie, and how far the held-out ones are from the training ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regmix.core.runs import LEARNT
from regmix.mixture.judge import nearest
from reports.page import style
from reports.page.formats import count, counted, fixed, listed
from reports.page.section import Figure, Section, Table

EDGES = [0, 0.01, 0.05, 0.2, 0.5, 1]  # of the weights on the strip plot's axis


def design(mixtures: pd.DataFrame, domains: Sequence[str], prior: dict[str, float]) -> Section:
    """``mixtures`` is the swarm's mixtures.csv: run, kind, seed, ``domains``."""
    designed = mixtures[mixtures["kind"] != "repeat"]
    by_kind = {kind: designed.loc[designed["kind"] == kind, list(domains)].to_numpy() for kind in style.KINDS}
    train = np.concatenate([by_kind[kind] for kind in LEARNT])
    random = by_kind["random"]
    values = pd.DataFrame(
        {
            "domain": list(domains),
            "prior": [prior[domain] for domain in domains],
            "zero": (random == 0).mean(axis=0),
            "median": np.median(random, axis=0),
            "mean": random.mean(axis=0),
            "highest": random.max(axis=0),
            "above_half": (random > 0.5).sum(axis=0),
            "heldout_mean": by_kind["heldout"].mean(axis=0) if len(by_kind["heldout"]) else np.nan,
            "heldout_highest": by_kind["heldout"].max(axis=0) if len(by_kind["heldout"]) else np.nan,
        }
    )
    labels = {
        "prior": "Prior", "zero": "Share of zeros", "median": "Median", "mean": "Mean", "highest": "Highest",
        "heldout_mean": "Held-out mean", "heldout_highest": "Held-out highest",
    }  # fmt: skip
    shown = pd.DataFrame({"Domain": values["domain"]})
    for key, label in labels.items():
        if values[key].isna().all():
            continue
        shown[label] = values[key].map(lambda value: fixed(value, 3))
    shown.insert(6, "Runs above 0.5", values["above_half"].map(count))

    counts = mixtures["kind"].value_counts()
    near = nearest(by_kind["heldout"], train)
    typical = nearest(random, train)
    distance = (
        f" The median held-out mixture lies {fixed(float(np.median(near)), 2)} (L1, at most 2) from the nearest "
        f"training mixture, the median random one {fixed(float(np.median(typical)), 2)} from its nearest neighbour."
        if len(near)
        else ""
    )
    nouns = {
        "random": ("random mixture", ""),
        "anchor": ("anchor", " (the natural and the uniform mixture and single domains)"),
        "proposal": ("proposal", " made by the regressors from the earlier runs"),
        "heldout": ("held-out mixture", " that no regressor is fitted to"),
        "repeat": ("repeat", " of held-out mixtures under other seeds, to measure the noise"),
    }
    trained = listed(counted(counts[kind], noun) + more for kind, (noun, more) in nouns.items() if kind in counts)
    prose = (
        f"The swarm trains {trained}. Dirichlet draws with a low concentration lie in the corners of the simplex, "
        "those with a high one near their centre"
        + (", and the anchors keep the regressors from extrapolating to the corners." if "anchor" in counts else ".")
        + distance
    )
    return Section(
        "The swarm's design",
        (
            prose,
            Figure(
                "coverage_weights",
                "Sampled weights by domain, on a square-root axis; the tick is the natural mixture.",
                "Strip plot of the weights of random, anchor and held-out mixtures for every domain.",
                _strips(by_kind, domains, prior),
            ),
            Figure(
                "coverage_runs",
                "One column per random mixture, sorted by largest domain; the shade is the square root of the weight.",
                "Heat map of domains by runs.",
                _map(random, domains),
            ),
            Table(
                "coverage",
                "Weights of the random mixtures by domain, and of the held-out ones if there are any (section 3.1 of "
                "the paper asks for weights over the whole range from 0 to 1).",
                shown,
                values,
            ),
        ),
    )


def _strips(by_kind: dict[str, np.ndarray], domains: Sequence[str], prior: dict[str, float]) -> style.Figure:
    figure, axes = style.panels(1, 1, 0.36 * len(domains) + 1.0)
    plot = axes[0, 0]
    rng = np.random.default_rng(0)
    places = np.arange(len(domains))
    for (kind, weights), offset in zip(by_kind.items(), (0.0, 0.3, 0.2, -0.3), strict=True):
        if not len(weights):
            continue
        spread = 0.16 if kind == "random" else 0.05
        height = places[None] + offset + rng.uniform(-spread, spread, weights.shape)
        plot.scatter(
            np.sqrt(weights), height, s=13, color=style.KINDS[kind], alpha=0.75, linewidths=0,
            marker=style.KIND_MARKERS[kind], label=style.KIND_LABELS[kind],
        )  # fmt: skip
    plot.scatter(
        np.sqrt([prior[d] for d in domains]), places, marker="|", s=170, color=style.INK, label="natural", zorder=3
    )
    plot.set_yticks(places, domains)
    plot.set_xticks(np.sqrt(EDGES), [f"{edge:g}" for edge in EDGES])
    plot.set_xlim(-0.02, 1.02)
    plot.invert_yaxis()
    plot.set_xlabel("weight in the mixture")
    plot.grid(visible=False, axis="y")
    style.legend_above(figure)
    return figure


def _map(random: np.ndarray, domains: Sequence[str]) -> style.Figure:
    figure, axes = style.panels(1, 1, 0.24 * len(domains) + 0.9)
    order = np.lexsort((-random.max(axis=1), random.argmax(axis=1)))
    plot = axes[0, 0]
    image = style.heat(plot, np.sqrt(random[order].T), domains, [], cmap="Blues", span=(0, 1))
    plot.set_xlabel(f"{len(random)} random mixtures")
    bar = figure.colorbar(image, ax=plot, pad=0.01, aspect=12)
    bar.set_ticks(np.sqrt(EDGES).tolist(), labels=[f"{edge:g}" for edge in EDGES])
    bar.outline.set_visible(False)
    return figure
