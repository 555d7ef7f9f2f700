"""How well regressors rank the published test mixtures: Table 2, Figures 4 and 9, and a tournament."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.statistics.verdicts import apart_from_zero
from reports.page import style
from reports.page.formats import BEST, MISSING, bold, fixed, listed, marked, spanned
from reports.page.section import Figure, Section, Table

SPLITS = {"cv": "training runs, out of fold", "test_1m": "1M", "test_60m": "60M", "test_1b": "1B"}
TESTS = ("test_1m", "test_60m", "test_1b")
EDGES = ["value", "low", "high"]


def table2(
    scores: pd.DataFrame, printed: pd.DataFrame, trees: Mapping[str, int], stops: Mapping[str, float], objective: str,
    level: float,
) -> Section:  # fmt: skip
    """``scores`` and ``trees`` are from published_compare; ``stops`` is from figures.stops; ``printed`` is Table 2."""
    own = scores[scores["objective"] == objective]
    names = list(dict.fromkeys(own["regressor"]))
    cells = own.set_index(["regressor", "split", "metric"])[EDGES]
    rows = [
        {"Regressor": f"*paper: {row['method']}*"}
        | {label: fixed(row[f"spearman_{label.lower()}"], 2) for label in ("1M", "60M", "1B")}
        | {"out of fold": MISSING}
        for row in printed.to_dict("records")
    ]
    errors = [
        {"Regressor": f"*paper: {row['method']}*", "MSE": fixed(row["mse_1m"], 2), "MAE": MISSING, "RMSE": MISSING}
        for row in printed.to_dict("records")
    ]
    ranks = own[(own["metric"] == "spearman") & own["split"].isin(SPLITS)]
    best = ranks.groupby("split")["value"].max()
    for name in names:
        line = {"Regressor": name}
        for split, label in (("test_1m", "1M"), ("test_60m", "60M"), ("test_1b", "1B"), ("cv", "out of fold")):
            key = (name, split, "spearman")
            cell = cells.loc[key] if key in cells.index else None
            line[label] = MISSING if cell is None else marked(_rho(cell), BEST, cell["value"] == best[split])
        rows.append(line)
        if (name, "test_1m", "mse") in cells.index:
            values = {
                metric.upper(): spanned(cells.loc[(name, "test_1m", metric)].tolist(), digits)
                for metric, digits in (("mse", 4), ("mae", 3), ("rmse", 3))
            }
            errors.append({"Regressor": name, **values})
    poor = [split for split in (f"{s}_starved" for s in TESTS) if split in set(own["split"])]
    shown = {"Regressor": [n for n in names if (n, poor[0], "spearman") in cells.index]}
    for split in poor:
        n = int(own[own["split"] == split]["n"].iloc[0])
        shown[f"{SPLITS[split.removesuffix('_starved')]}, n = {n}"] = [
            _rho(cells.loc[(name, split, "spearman")], 1) for name in shown["Regressor"]
        ]
    prose = (
        "Each regressor is fitted to the 512 1M runs and ranks 256 mixtures at 1M, the same 256 at 60M, and 64 others "
        "at 1B. *no_proxy* sorts by the Pile-CC weight and trains nothing; *ensemble* weighs its members by their "
        "errors in cross-validation. "
        "*lightgbm_notebook* stops early on the 1M test set as the published notebook does, which is a leak, after "
        f"{trees['lightgbm_notebook']} trees; *lightgbm_stopped* stops early on the last tenth of the training runs, "
        f"which it is not fitted to, after {trees['lightgbm_stopped']}. The choice of that tenth is arbitrary: over "
        f"all {stops['parts']} tenths, its ρ ranges from {fixed(stops['spearman_1b_min'], 1)} to "
        f"{fixed(stops['spearman_1b_max'], 1)} at 1B and from {fixed(stops['spearman_1m_min'], 1)} to "
        f"{fixed(stops['spearman_1m_max'], 1)} at 1M. All are fitted to the weights as printed, to three digits; "
        "*lightgbm_divided* is the paper's LightGBM on weights divided by their sums, which is equally valid and "
        "makes equal weights differ slightly: the change of its ρ is noise that applies to all trees here. Intervals "
        f"are at {100 * level:g}%."
    )
    return Section(
        "Table 2: ranking unseen mixtures",
        (
            prose,
            Table("table2", f"Spearman x 100 with bootstrap intervals over the mixtures, of the Pile-CC loss; {BEST} "
                  "marks the best of each column. The two rows in italics are the paper's.",
                  pd.DataFrame(rows), own[~own["split"].str.endswith("_starved")].reset_index(drop=True)),
            Table("table2_errors", "Errors at 1M, n = 256, of the Pile-CC loss in nats per token. *no_proxy* "
                  "predicts an order but no loss.", pd.DataFrame(errors),
                  own[(own["split"] == "test_1m") & own["metric"].isin(["mse", "mae", "rmse"])].reset_index(drop=True)),
            Table("starved", "The same for mixtures with almost no Pile-CC (weight below 0.01): its weight alone "
                  "cannot rank these, so regressors must know the other domains.",
                  pd.DataFrame(shown), own[own["split"].isin(poor)].reset_index(drop=True)),
        ),
    )  # fmt: skip


def tournament(scores: pd.DataFrame, margins: pd.DataFrame, objective: str, baseline: str, k: int) -> Section:
    """``margins`` is published_compare's margins.csv."""
    own = scores[(scores["objective"] == objective) & scores["split"].isin(SPLITS)]
    pairs = margins[(margins["objective"] == objective) & margins["split"].isin(SPLITS)]
    names = [n for n in dict.fromkeys(own["regressor"]) if n in {*pairs["first"], *pairs["second"]}]
    clear = {split: pairs[(pairs["split"] == split)] for split in TESTS}
    matrix = pd.DataFrame({"row minus column": names})
    for second in names:
        matrix[second] = [_pair(clear, first, second) for first in names]
    measures = own[own["metric"].isin(["regret", "top_k"]) & own["split"].isin(TESTS)]
    spread = measures.set_index(["regressor", "split", "metric"])[EDGES]
    choice = pd.DataFrame({"Regressor": names})
    for metric, label, digits in (("top_k", f"top-{k} overlap", 2), ("regret", "regret, nats", 4)):
        for split in TESTS:
            choice[f"{label}, {SPLITS[split]}"] = [
                spanned(spread.loc[(n, split, metric)].tolist(), digits) for n in names
            ]
    rho = scores[(scores["metric"] == "spearman") & scores["split"].isin(SPLITS) & scores["regressor"].isin(names)]
    domains = list(dict.fromkeys(rho["objective"]))
    table = rho.pivot_table(index="objective", columns=["split", "regressor"], values="value", sort=False).loc[domains]
    lines = [(domain, split) for domain in domains for split in TESTS]
    shown = pd.DataFrame({"Objective": [d for d, _ in lines], "Tested at": [SPLITS[split] for _, split in lines]})
    for name in names:
        shown[name] = [
            marked(fixed(100 * table.loc[domain].get((split, name), np.nan), 1), BEST,
                 table[split].loc[domain].idxmax() == name)
            for domain, split in lines
        ]  # fmt: skip
    first = {split: table[split].idxmax(axis=1).value_counts() for split in TESTS}
    leaders = "\n".join(
        f"- {SPLITS[split]}: " + listed(f"`{name}` on {n}" for name, n in first[split].items()) for split in TESTS
    )
    over = margins[(margins["second"] == baseline) & (margins["objective"] != objective)]
    words = "\n".join(
        f"- `{name}`: "
        + listed(
            f"{SPLITS[s]} {int((part['low'] > 0).sum())} better, {int((part['high'] < 0).sum())} worse"
            for s, part in over[over["first"] == name].groupby("split", sort=False) if s in TESTS
        )
        for name in names if name != baseline
    )  # fmt: skip
    prose = (
        f"All regressors on all {len(domains)} validated domains. First by Spearman, of {len(domains)} "
        f"domains:\n\n{leaders}\n\nAgainst `{baseline}`, domains other than Pile-CC on which the interval of the "
        f"difference excludes zero:\n\n{words}"
    )
    return Section(
        "The tournament: every regressor on every domain",
        (
            prose,
            Table("tournament_pairs", "Pile-CC: Spearman x 100 of the row minus that of the column at 1M / 60M / 1B, "
                                      "on the same resamples of the mixtures; in bold where the interval excludes "
                                      "zero.",
                  matrix, pairs.reset_index(drop=True)),
            Table("tournament_choice", f"Pile-CC: how many of the truly best {k} mixtures are among the {k} predicted "
                                       "best, and the actual loss of the one predicted best minus the lowest.",
                  choice, measures.reset_index(drop=True)),
            Table("tournament_domains", f"Spearman x 100 with each domain's loss as the objective; {BEST}: the best.",
                  shown, rho.reset_index(drop=True)),
        ),
    )  # fmt: skip


def figure4(table: pd.DataFrame, domain_curves: pd.DataFrame, scores: pd.DataFrame, objective: str) -> Section:
    """``table`` is published_compare's curves.csv; ``domain_curves`` and ``scores`` are its tables of those names."""
    names, sizes = list(dict.fromkeys(table["regressor"])), sorted(set(table["proxies"]))
    drawing, axes = style.panels(1, len(TESTS), 3.4, sharey=False)
    colour, marker = style.colours(names), style.markers(names)
    cells = table.set_index(["split", "regressor", "proxies"]).sort_index()
    for plot, split in zip(axes[0], TESTS, strict=True):
        for name in names:
            curve = cells.loc[(split, name)].dropna(subset="mean")
            low, high = curve["low"].fillna(curve["mean"]), curve["high"].fillna(curve["mean"])
            plot.fill_between(curve.index, low, high, color=colour[name], alpha=0.15, linewidth=0)
            plot.plot(curve.index, curve["mean"], color=colour[name], marker=marker[name], markersize=4.5, label=name)
        key = (scores["regressor"] == "no_proxy") & (scores["objective"] == objective) & (scores["split"] == split)
        without = 100 * scores[key & (scores["metric"] == "spearman")]["value"].iloc[0]
        plot.axhline(without, color=style.INK, linestyle=(0, (4, 3)), linewidth=1, label="no_proxy")
        plot.set_xscale("log", base=2)
        plot.set_xticks(sizes, minor=False)
        plot.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        plot.set_title(SPLITS[split])
        plot.set_xlabel("proxies")
    axes[0, 0].set_ylabel("Spearman x 100")
    style.legend_above(drawing)
    lines = [(split, name) for split in TESTS for name in names]
    shown = pd.DataFrame({"Tested at": [SPLITS[split] for split, _ in lines], "Regressor": [name for _, name in lines]})
    for size in sizes:
        shown[f"{size} proxies"] = [
            spanned(cells.loc[(*line, size), ["mean", "low", "high"]].tolist(), 1) for line in lines
        ]
    unfitted = table[(table["split"] == "test_1m") & (table["subsets"] == 0)]
    flat = listed(
        f"`{n}` with {listed(str(s) for s in part['proxies'])}" for n, part in unfitted.groupby("regressor", sort=False)
    )
    prose = (
        f"Regressors fitted to random subsets of the 512 runs, {table['subsets'].max()} of each size, the same for all "
        f"regressors; there is one subset of all 512. Not fitted, for lack of runs: {flat}. LightGBM needs 20 runs on "
        "both sides of a split, so with 32 runs its model is a constant, which has no rank correlation. The token "
        "axis of Figure 4 cannot be drawn, because only losses at the end of training are published."
    )
    return Section(
        "Figure 4: how many proxies",
        (
            prose,
            Figure("figure4", "Spearman x 100 against the number of proxies: mean over subsets and its t interval.",
                   "Lines of rank correlation against number of proxies, one panel per test set.", drawing),
            Table("figure4", "The numbers behind the figure: mean over subsets, with its t interval.", shown, table),
            Table("figure4_domains", "All validated domains' losses, each with regressors of its own: the mean of "
                  "Spearman x 100 over the domains, and after the slash the lowest of them, each a mean over subsets; "
                  f"{BEST} marks the best mean at each size and scale.",
                  _domain_table(domain_curves, lines, sizes), domain_curves),
        ),
    )  # fmt: skip


def _domain_table(table: pd.DataFrame, lines: Sequence[tuple[str, str]], sizes: Sequence[int]) -> pd.DataFrame:
    cells = table.set_index(["split", "regressor", "proxies"])
    best = table.groupby(["split", "proxies"])["mean"].max()
    shown = pd.DataFrame({"Tested at": [SPLITS[split] for split, _ in lines], "Regressor": [name for _, name in lines]})
    for size in sizes:
        entries = [(cells.loc[(*line, size)], best[line[0], size]) for line in lines]
        shown[f"{size} proxies"] = [
            marked(f"{fixed(cell['mean'], 1)} / {fixed(cell['lowest'], 1)}", BEST, cell["mean"] == top)
            for cell, top in entries
        ]
    return shown


def figure9(predictions: Mapping[str, pd.DataFrame], objective: str, names: Sequence[str]) -> Section:
    """Predicted against actual loss; ``predictions`` are the predictions.csv of the regressors."""
    drawing, axes = style.panels(len(TESTS), len(names), 5.6, sharex="row", sharey="row")
    for line, split in zip(axes, TESTS, strict=True):
        for plot, name in zip(line, names, strict=True):
            frame = predictions[name]
            part = frame[(frame["objective"] == objective) & (frame["split"] == split)]
            plot.scatter(part["true"], part["predicted"], s=7, color=style.KINDS["heldout"], linewidths=0, alpha=0.7)
            if split == "test_1m":
                span = [part["true"].min(), part["true"].max()]
                plot.plot(span, span, color=style.MUTED, linewidth=0.8)
                plot.set_title(name)
            plot.locator_params(nbins=4)
        line[0].set_ylabel(f"{SPLITS[split]}\npredicted at 1M")
    drawing.supxlabel("actual Pile-CC loss, nats per token", fontsize=9)
    return Section(
        "Figure 9: predicted against actual loss",
        (
            "The regressors predict the loss of a 1M model; only the order carries over to the larger ones. The paper "
            "only shows 1M.",
            Figure("figure9", "Predicted against actual Pile-CC loss at each size; the line is equality, at 1M.",
                   "Scatter plots of predicted against actual loss, one row per test set, one column per regressor.",
                   drawing),
        ),
    )  # fmt: skip


def table6(restricted: pd.DataFrame, printed: pd.DataFrame, share: float) -> Section:
    """``restricted`` is published_compare's restricted.csv; ``printed`` the paper's Table 6."""
    rows = [
        {"Regressor": f"*paper: {row['method']}*", "ρ x 100": fixed(row["spearman_1m"], 2),
         "MSE": fixed(row["mse_1m"], 2), "MAE": MISSING}
        for row in printed.to_dict("records")
    ]  # fmt: skip
    for name, part in restricted.groupby("regressor", sort=False):
        cells = part.set_index("metric")[EDGES]
        errors = {metric.upper(): spanned(cells.loc[metric].tolist(), 4) for metric in ("mse", "mae")}
        rows.append({"Regressor": str(name), "ρ x 100": _rho(cells.loc["spearman"]), **errors})
    first = restricted.iloc[0]
    return Section(
        "Table 6: without Pile-CC in training",
        (
            "The paper trains 512 further proxies on mixtures of the other 16 domains and publishes none of them, so "
            f"Table 6 cannot be reproduced. The nearest substitute: {int(first['trained'])} of the published runs have "
            f"a Pile-CC weight below {share:g}. Regressors fitted only to these, with that weight removed and the "
            f"others renormalised, rank the {int(first['n'])} test mixtures of the same kind. There are fewer runs, "
            "the mixtures differ, and some contain a little Pile-CC: this addresses the same question but is no "
            "replication.",
            Table("table6", "Spearman x 100 and errors at 1M on mixtures with almost no Pile-CC.", pd.DataFrame(rows),
                  restricted),
        ),
    )  # fmt: skip


def nearby(predictions: Mapping[str, pd.DataFrame], objective: str) -> pd.DataFrame:
    """regressor, n, rmse: the error on the tenth of the 1M test mixtures that it predicts best."""
    rows = []
    for name, frame in predictions.items():
        part = frame[(frame["objective"] == objective) & (frame["split"] == "test_1m")]
        best = part.nsmallest(len(part) // 10, "predicted")
        rows.append([name, len(best), float(np.sqrt(((best["true"] - best["predicted"]) ** 2).mean()))])
    return pd.DataFrame(rows, columns=["regressor", "n", "rmse"])


def _rho(row: pd.Series, digits: int = 2) -> str:
    return spanned((100 * row).tolist(), digits)


def _pair(clear: Mapping[str, pd.DataFrame], first: str, second: str) -> str:
    if first == second:
        return ""
    cells = []
    for part in clear.values():
        row = part[(part["first"] == first) & (part["second"] == second)]
        sign = 1
        if row.empty:
            row, sign = part[(part["first"] == second) & (part["second"] == first)], -1
        value, low, high = row[EDGES].iloc[0]
        cells.append(bold(fixed(100 * sign * value, 2, sign=True), apart_from_zero(low, high)))
    return " / ".join(cells)
