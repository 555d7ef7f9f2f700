"""The mixture that the simulation recommends: Table 7 and Figure 14, and how well the runs determine it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.page import style
from reports.page.formats import bold, fixed, listed, plus_minus
from reports.page.section import Figure, Section, Table
from reports.papers.claims import Claim, verdict

SHOWN = 1e-4  # lowest weight on the log axis
SPAN = 2.0  # a difference beyond this many standard deviations counts


def figures(weights: pd.DataFrame, neighbours: pd.DataFrame) -> dict[str, Any]:
    """table7: <replay>_<domain>, the mean over seeds, and the standard deviation over seeds and refits; neighbours."""
    out: dict[str, Any] = {}
    for row in pooled(weights).itertuples(index=False):
        out |= {f"{row.replay}_{row.domain}": row.weight, f"{row.replay}_{row.domain}_sd": row.sd}
    near: dict[str, Any] = {}
    for row in neighbours.itertuples(index=False):
        name = f"at_{row.weight:.2f}".replace(".", "_")
        near.setdefault(row.regressor, {}).update({name: row.value, f"{name}_sd": row.sd})
    return {"table7": out, "neighbours": near}


def pooled(weights: pd.DataFrame) -> pd.DataFrame:
    """replay, domain, weight, sd, seeds: mean over seeds; sd combines the variances over refits and over seeds."""
    grouped = weights.groupby(["replay", "domain"], sort=False)
    means = grouped.agg(weight=("weight", "mean"), between=("weight", "std"), seeds=("seed", "nunique")).reset_index()
    within = grouped["spread"].apply(lambda s: (s**2).mean()).to_numpy()
    return means.assign(sd=np.sqrt(within + means["between"].fillna(0) ** 2)).drop(columns="between")


def optimum(
    weights: pd.DataFrame,
    neighbours: pd.DataFrame,
    printed: pd.DataFrame,
    replays: Mapping[str, str],
    nearby: pd.DataFrame,
) -> Section:
    """``weights`` and ``neighbours`` are published_simulate's; ``printed`` is Table 7.

    ``replays`` describes each replay; ``nearby`` has each regressor's error on the best tenth of the 1M test set.
    """
    table = pooled(weights).set_index(["replay", "domain"])
    domains, names = list(printed["domain"]), list(replays)
    shown = pd.DataFrame({"Domain": domains, "*as published*": printed["regmix"].map(lambda v: fixed(v, 3))})
    for name in names:
        shown[name] = [_spread(table.loc[(name, d)], "weight", 3) for d in domains]
    drawing, axes = style.panels(1, 1, 3.6)
    colour, marker = style.colours(["paper", *names]), style.markers(["paper", *names])
    places = np.arange(len(domains))
    published = printed["regmix"].to_numpy()
    axes[0, 0].scatter(
        places, np.maximum(published, SHOWN), marker="_", s=160, color=style.INK, label="published", zorder=3
    )
    for i, name in enumerate(names):
        values = np.maximum([table.loc[(name, d), "weight"] for d in domains], SHOWN)
        axes[0, 0].scatter(
            places + (i - (len(names) - 1) / 2) * 0.14,
            values,
            s=18,
            color=colour[name],
            marker=marker[name],
            label=name,
        )
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_xticks(places, domains, rotation=40, ha="right", rotation_mode="anchor")
    axes[0, 0].set_ylabel("weight")
    style.legend_above(drawing)
    regressors = list(dict.fromkeys(neighbours["regressor"]))
    near = neighbours.set_index(["regressor", "weight"])
    grid = sorted(set(neighbours["weight"]))
    apart = pd.DataFrame({"Regressor": regressors})
    for weight in grid:
        apart[fixed(weight, 2)] = [
            bold(_spread(near.loc[(n, weight)], "value", 3), _apart(near.loc[(n, weight)])) for n in regressors
        ]
    apart["RMSE, best tenth"] = [fixed(nearby.set_index("regressor").loc[n, "rmse"], 3) for n in regressors]
    lines, panels = style.panels(1, len(regressors), 2.5, sharey=True)
    for plot, name in zip(panels[0], regressors, strict=True):
        part = neighbours[neighbours["regressor"] == name].sort_values("weight")
        plot.axhline(0, color=style.MUTED, linewidth=0.8)
        plot.fill_between(part["weight"], part["value"] - SPAN * part["sd"], part["value"] + SPAN * part["sd"],
                          color=style.PALETTE[0], alpha=0.15, linewidth=0)  # fmt: skip
        plot.plot(part["weight"], part["value"], color=style.PALETTE[0], marker="o", markersize=3.5)
        plot.set_title(name, fontsize=8.5)
        plot.locator_params(nbins=3)
    panels[0, 0].set_ylabel("loss minus that at 0.87")
    lines.supxlabel("Pile-CC weight", fontsize=9)
    far = [
        f"{fixed(float(np.abs(published - table.loc[name].loc[domains, 'weight'].to_numpy()).sum()), 2)} ({name})"
        for name in names
    ]
    means = "\n".join(f"- *{name}*: {text}" for name, text in replays.items())
    return Section(
        "Table 7 and Figure 14: the chosen mixture",
        (
            f"The published code draws candidates at random and averages the best. Replays:\n\n{means}\n\nThe standard "
            "deviation is over candidates' seeds and over refits to bootstrap resamples of the runs; it estimates how "
            "much a second experiment would differ. L1 distance (at most 2) of the published weights from the "
            f"replays: {listed(far)}.",
            Table("table7", "Weights chosen for Pile-CC's loss, ± one sd; in italics the paper's Table 7.",
                  shown, pooled(weights)),
            Figure("figure14", "The same on a log axis; weights below 0.0001 are drawn at 0.0001 (the paper's Figure "
                   "14, whose 60M proxies have no published training runs; here both sizes learn from the 256 test "
                   "mixtures).",
                   "Points of weight by domain for the published mixture and every replay.", drawing),
            "Can 0.87 be distinguished from its neighbours? These are the published mixture with other Pile-CC "
            "weights, the other domains in proportion. The standard deviation is that of the difference over refits. "
            "Linear models and single exponentials have no optimum inside the simplex: they always choose a single "
            "domain, or none of it.",
            Table("neighbours", "Predicted Pile-CC loss minus that of the published mixture, nats per token, ± one sd "
                                f"over refits; in bold beyond {SPAN:g} of them. Last: the regressor's error on the "
                                "best tenth of the 1M test mixtures, which shows its accuracy in that "
                                "region.", apart, neighbours),
            Figure("neighbours", f"The same; the band is ± {SPAN:g} sd.",
                   "Lines of predicted loss difference against Pile-CC weight, one panel per regressor.", lines),
        ),
    )  # fmt: skip


def claims(numbers: Mapping[str, Any], neighbours: pd.DataFrame, printed: pd.DataFrame, objective: str) -> list[Claim]:
    """Section 5.3, appendices C.3 and F."""
    table = numbers["table7"]
    published = printed.set_index("domain")["regmix"][objective]
    inside = {
        name: abs(table[f"{name}_{objective}"] - published) <= SPAN * table[f"{name}_{objective}_sd"]
        for name in ("paper", "notebook")
    }
    words = "; ".join(
        f"{name}: {plus_minus(table[f'{name}_{objective}'], table[f'{name}_{objective}_sd'], 3)}" for name in inside
    )
    trees = neighbours[(neighbours["regressor"] == "lightgbm_paper") & (neighbours["weight"] >= 0.7)]
    clear = [row.weight for row in trees.itertuples(index=False) if abs(row.value) > SPAN * row.sd]
    same = [row.weight for row in trees.itertuples(index=False) if row.weight not in clear]
    pair = [(table[f"{n}_{objective}"], table[f"{n}_{objective}_sd"]) for n in ("proxies_1m", "proxies_60m")]
    gap, both = abs(pair[0][0] - pair[1][0]), SPAN * np.hypot(pair[0][1], pair[1][1])
    return [
        Claim("RegMix", "§5.3, Table 7", f"the simulation gives Pile-CC a weight of {published}", words,
              "3 seeds of candidates, refits to bootstrap resamples; ± one sd", verdict(*inside.values()),
              f"The published weight lies within {SPAN:g} sd of {listed(n for n, flag in inside.items() if flag)}: the "
              "region is confirmed, not the point."),
        Claim("RegMix", "Appendix C.3", f"{published} Pile-CC is the optimum, and differs from its neighbours",
              f"LightGBM's predicted loss at Pile-CC weights of {listed(fixed(w, 2) for w in same)} is not "
              f"distinguishable from that at {published}; at {listed(fixed(w, 2) for w in clear)} it is",
              f"{len(trees)} neighbours from 0.7 on, 10 refits", verdict(*(w in clear for w in trees["weight"])),
              "The regressor's differences there are smaller than their change when it is fitted to a resample."),
        Claim("RegMix", "Appendix F, Figure 14", "1M and 60M proxies recommend similar mixtures",
              f"Pile-CC {plus_minus(*pair[0], 2)} from 1M, {plus_minus(*pair[1], 2)} from 60M",
              "the same 256 mixtures at both sizes; 1 seed, 4 refits", verdict(bool(gap <= both)),
              f"They differ by {fixed(gap, 3)}, {'within' if gap <= both else 'beyond'} {SPAN:g} sd of the difference "
              f"({fixed(both, 3)})."),
    ]  # fmt: skip


def _spread(row: pd.Series, name: str, digits: int) -> str:
    return plus_minus(row[name], row["sd"], digits)


def _apart(row: pd.Series) -> bool:
    return bool(abs(row["value"]) > SPAN * row["sd"])
