"""RegMix-D on our own runs: proxies and granularity, beta, regressor and label, switched proxies (Tables 1 and 3)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regmix.ablations.paired_targets import Results
from reports.ablation_study.results import Base, Row, against, floor
from reports.page import style
from reports.page.formats import MISSING, fixed, listed, spanned
from reports.page.section import Figure, Part, Section, Table

BOTH = ("offline", "online")


def natural(comparison: str) -> Base:
    return lambda row: f"{comparison}/natural"


def static(results: Results, comparison: str) -> Base:
    """The static mixture fitted to the same part of the swarm, or else the comparison's only one."""
    return lambda row: (
        results.first_target(comparison, "regmix", proxies=row["proxies"]) or results.first_target(comparison, "regmix")
    )


def bases(results: Results, comparison: str) -> dict[str, tuple[Base, str]]:
    return {
        "minus natural": (natural(comparison), "natural"),
        "minus static RegMix": (static(results, comparison), "regmix"),
    }


def efficiency(results: Results, sizes: dict[str, int], steps: pd.DataFrame) -> Section:
    """``sizes`` are the numbers of random proxies by part of the swarm; ``steps`` is steps.csv of ablation_errors."""
    comparison = "efficiency"
    rows = results.rows(comparison, "uniform", "regmix", *BOTH)
    table = against(
        results, "efficiency",
        "Final loss on the objective, nats per token, minus that of natural and of the static mixture that RegMix "
        "chose from the same proxies; negative is better, in bold where the interval excludes zero.",
        rows, {"Method": "entry", "Proxies": "proxies", "N": "granularity"}, bases(results, comparison),
        measures=("objective", "mean"),
    )  # fmt: skip
    counts = listed(f"`{part}` has {count}" for part, count in sizes.items())
    prose = (
        f"Of the random proxies, {counts}; every part includes all anchors. N is the granularity, the number of times "
        f"that RegMix-D can switch. {floor(results, comparison).capitalize()}. The static mixture is RegMix's "
        "risk-aware choice; RegMix-D searches by the predicted mean, as in its paper."
    )
    parts: list[Part] = [prose, *_matrix(results, rows, list(sizes)), table]
    own = _usual(steps[steps["proxies"].isin(sizes) & (steps["tested"] == "heldout")])
    if len(own):
        parts.append(_errors("efficiency_errors", own, "held-out proxies of one mixture"))
    return Section("Number of proxies and granularity", tuple(parts))


def _matrix(results: Results, rows: list[dict], parts: list[str]) -> tuple[Part, ...]:
    """Differences from natural, methods by parts of the swarm."""
    lines = [row for row in rows if row["entry"] in ("regmix", *BOTH)]
    labels = list(dict.fromkeys(_label(row) for row in lines))
    values = np.full((len(labels), len(parts)), np.nan)
    texts = [[MISSING for _ in parts] for _ in labels]
    for row in lines:
        difference = results.loss_difference(row["id"], "efficiency/natural")
        if difference and row["proxies"] in parts:
            i, j = labels.index(_label(row)), parts.index(row["proxies"])
            values[i, j], texts[i][j] = difference.mean, fixed(difference.mean, sign=True)
    if not np.isfinite(values).any():
        return ()
    limit = float(np.nanmax(np.abs(values))) or 1.0
    figure, axes = style.panels(1, 1, 0.34 * len(labels) + 1.3)
    style.heat(axes[0, 0], values, labels, parts, cmap="RdBu_r", span=(-limit, limit), texts=texts)
    return (
        Figure(
            "efficiency",
            "Mean difference from natural on the objective, nats per token, by method and part of the swarm; blue is "
            "better (RegMix-D's Tables 1 and 3).",
            "Heat map of loss differences, methods by parts of the swarm.",
            figure,
        ),
    )


def _label(row: Row) -> str:
    return row["entry"] if row["entry"] == "regmix" else f"{row['entry']}, N = {row['granularity']:g}"


def beta(results: Results, fitted: pd.DataFrame, support: pd.DataFrame) -> Section:
    """``fitted`` is the comparison's beta.csv, ``support`` its support.csv."""
    comparison = "beta"
    table = against(
        results, "beta",
        "Online RegMix-D by the exponent that converts the target's loss to the proxies' size: final objective loss "
        "minus that of natural and of the static mixture.",
        results.rows(comparison, "online"), {"beta": "beta"}, bases(results, comparison),
    )  # fmt: skip
    free = fitted[fitted["low"].notna()]
    row = free.iloc[0] if len(free) else None
    value = f"Fitted to {row['runs']:.0f} targets, beta is {spanned([row['value'], row['low'], row['high']])}." if (
        row is not None
    ) else "No beta was fitted."  # fmt: skip
    queries = support.merge(fitted[["method", "value"]].rename(columns={"value": "beta"}), on="method")
    queries = queries.groupby(["method", "beta"], sort=False)[["queries", "outside"]].sum().reset_index()
    shown = pd.DataFrame({"beta": queries["beta"].map(fixed), "queries": queries["queries"].map(str),
                          "off the support": queries["outside"].map(str)})  # fmt: skip
    return Section(
        "Beta",
        (
            f"{value} {floor(results, comparison).capitalize()}.",
            table,
            Table("beta_support", "Queries of the online runs, and how many were about a mixture or a loss outside "
                  "the range of the proxies.", shown, queries),
        ),
    )  # fmt: skip


def learners(results: Results, steps: pd.DataFrame) -> Section:
    """``steps`` is steps.csv of ablation_errors."""
    comparison = "learners"
    table = against(
        results, "learners",
        "RegMix-D by regressor and by its label, the next loss (the paper) or the drop to it: final objective loss "
        "minus that of natural and of the static mixture.",
        results.rows(comparison, *BOTH), {"Method": "entry", "Regressor": "regressor", "Label": "label"},
        bases(results, comparison),
    )  # fmt: skip
    parts: list[Part] = [
        f"{floor(results, comparison).capitalize()}. The paper's regressor is LightGBM on the loss.",
        table,
    ]
    whole = steps[(steps["proxies"] == "all") & (steps["tested"] == "heldout")]
    kinds = whole.groupby("granularity")[["regressor", "label"]].apply(lambda rows: len(rows.drop_duplicates()))
    if len(kinds):  # the granularity with the most regressors and labels
        own = whole[whole["granularity"] == kinds.idxmax()]
        parts.append(_errors("learners_errors", own, "held-out proxies of one mixture"))
    return Section("Regressor and label", tuple(parts))


def switched(results: Results, steps: pd.DataFrame, sizes: dict[str, tuple[int, int]]) -> Section:
    """``sizes`` are the numbers of random and switched proxies in each part of the swarm."""
    comparison = "switched"
    rows = results.rows(comparison, *BOTH)
    table = against(
        results, "switched",
        "RegMix-D by its training proxies: final objective loss minus that of natural, of the static mixture, and of "
        "the same method without switched proxies.",
        rows, {"Method": "entry", "Proxies": "proxies"},
        bases(results, comparison)
        | {"minus without switched": (
            lambda row: results.first_target(comparison, str(row["entry"]), proxies="all"), "all")},
    )  # fmt: skip
    counts = listed(f"`{p}` {sizes[p][0]} + {sizes[p][1]}" for p in dict.fromkeys(r["proxies"] for r in rows))
    parts: list[Part] = [
        "The paper's proxies keep one mixture, so every query after a switch is about a history that no proxy had. "
        f"Random + switched proxies: {counts}; `traded` has as many runs as `all`, so it shows the effect of switching "
        f"and not of more runs. {floor(results, comparison).capitalize()}.",
        table,
    ]
    own = _usual(steps[steps["proxies"].isin([row["proxies"] for row in rows])])
    if len(own):
        own = own[own["granularity"].isin(own.loc[own["proxies"] != "all", "granularity"])]
        parts.append(_errors("switched_errors", own, "held-out proxies, of one mixture and switched (unseen)"))
    return Section("Proxies that switch their mixture", tuple(parts))


def _usual(steps: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first regressor and label."""
    if steps.empty:
        return steps
    first = steps.iloc[0]
    return steps[(steps["regressor"] == first["regressor"]) & (steps["label"] == first["label"])]


def _errors(name: str, steps: pd.DataFrame, on: str) -> Table:
    """Errors at the last step, model and baseline side by side."""
    keys = ["proxies", "regressor", "label", "granularity", "tested", "kind"]
    last = steps[steps["step"] == steps["step"].max()]
    rows = []
    for key, errors in last.groupby(keys, sort=False):
        named: Row = dict(zip(keys, key, strict=True))
        cells = {k: str(v) for k, v in named.items()} | {"n": str(int(errors["n"].iloc[0]))}
        for predictor, row in errors.set_index("predictor").iterrows():
            title = {"model": "MAE", "mean_drop": "MAE of the mean drop"}[str(predictor)]
            cells[title] = spanned([row["mae"], row["mae_low"], row["mae_high"]])
        rows.append(cells)
    return Table(
        name,
        f"Mean absolute error, nats per token, of the loss at the last logged step, on {on}: from the actual loss one "
        "step before (one_step), and from the first one through all predictions (rolled_out). The mean drop predicts "
        "the training runs' mean change. Intervals are over the held-out runs.",
        pd.DataFrame(rows),
        last,
    )
