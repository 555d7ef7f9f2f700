"""The papers' own tables as printed, with their averages recomputed, and the printed numbers behind Figure 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from reports.page import style
from reports.page.formats import BEST, MISSING, count, fixed, listed, marked, plus_minus
from reports.page.section import Figure, Section, Table

AVERAGE = "average"
SCORES = {  # table -> its caption, and the number of printed digits
    "regmix_4_methods": ("RegMix, Table 4", "1B models, %, mean of 0 to 5 shots", 1),
    "regmix_8_lighteval": ("RegMix, Table 8", "1B models, LightEval, zero shots, %, mean ± sd of five evaluations", 1),
    "regmix_10_seven_billion": ("RegMix, Table 10", "7B models on 100B tokens, %", 1),
    "regmix_11_larger_proxies": ("RegMix, Table 11", "7B models; mixtures by 128 proxies of 1B or 512 of 1M, %", 1),
    "regmix_d_1_methods": ("RegMix-D, Table 1", "1B models, %; the number is the number of proxies", 2),
}
LABELS = {"1": "RegMix, Table 1", "5": "RegMix, Table 5", "7": "RegMix, Table 7", "9": "RegMix, Table 9"}


def averages(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` (one row per task, one column per method) with a row ``recomputed``: the mean of its tasks."""
    scores = square(table)
    scores.loc["recomputed"] = scores.drop(index=AVERAGE).mean()
    return scores


def square(table: pd.DataFrame, values: str = "mean") -> pd.DataFrame:
    """Scores with one row per task and one column per method, both in the order printed."""
    if "method" not in table:
        return table.set_index("task")
    order = table["task"].unique(), table["method"].unique()
    return table.pivot(index="task", columns="method", values=values).loc[order]


def figure1(seven: pd.DataFrame) -> Section:
    """``seven`` is Table 10."""
    scores = square(seven).drop(index=AVERAGE)
    places = np.arange(len(scores))[::-1]
    drawing, axes = style.panels(1, 1, 3.6)
    low, high = scores.min(axis=1), scores.max(axis=1)
    axes[0, 0].hlines(places, low, high, color=style.PALE, linewidth=2.5)
    for name, colour, marker in zip(scores, style.PALETTE, style.MARKERS, strict=False):
        axes[0, 0].scatter(scores[name], places, s=32, color=colour, marker=marker, label=str(name), zorder=3)
    axes[0, 0].set_yticks(places, list(scores.index))
    axes[0, 0].set_xlabel("score, %")
    style.legend_above(drawing)
    return Section(
        "Figure 1: 7B models at the end of training",
        (
            "**These are the paper's numbers.** Figure 1 follows the scores of two 7B models over training; only the "
            "plot is printed, and Table 10 gives only its last points, at 100B tokens. Whether the gain is constant "
            "during training, or is reached with 50 % fewer tokens, cannot be checked with these.",
            Figure("figure1", "Scores at 100B tokens by task (Table 10, the paper's numbers).",
                   "Two points per task, Human and RegMix, joined by a line.", drawing),
        ),
    )  # fmt: skip


def tables(printed: Mapping[str, pd.DataFrame]) -> Section:
    """``printed`` are the transcribed tables by file name."""
    parts: list[str | Table] = [
        "**All numbers of this section are the papers' own**, transcribed, and nothing here is measured. The last row "
        "of a table of scores is the mean recomputed from the printed task scores; "
        f"{BEST} marks the best of each row, ties included. Tables 2, 3 and 6 are shown above next to results from the "
        "published data; RegMix-D's Table 3 and the costs of Table 4 follow below."
    ]
    for name, (label, description, digits) in SCORES.items():
        parts.append(_scores(name, f"{label}, the paper's numbers: {description}.", printed[name], digits))
    parts += [
        _pile(printed["regmix_1_pile"]),
        _hundred(printed["regmix_5_hundred_domains"]),
        _mixtures(printed["regmix_7_mixtures"]),
        _shapes(printed["regmix_9_shapes"]),
    ]
    return Section("The papers' tables as printed", tuple(parts))


def _scores(name: str, caption: str, table: pd.DataFrame, digits: int) -> Table:
    scores = averages(table)
    deviations = square(table, "sd") if "sd" in table else None
    shown = pd.DataFrame({"Task": [f"*{t}*" if t in (AVERAGE, "recomputed") else t for t in scores.index]})
    for method in scores:
        cells = []
        for task, value in scores[method].items():
            sd = None if deviations is None or task not in deviations.index else deviations.loc[task, method]
            text = plus_minus(value, sd, digits + (task == "recomputed"))
            cells.append(marked(text, BEST, value == scores.loc[task].max() and task != "recomputed"))
        shown[str(method)] = cells
    off = (scores.loc["recomputed"] - scores.loc[AVERAGE]).round(6)
    missed = [f"{m} ({fixed(v, 2, sign=True)})" for m, v in off.items() if abs(v) > 0.5 * 10**-digits + 1e-9]
    note = f" Printed averages that miss the mean by more than rounding: {listed(missed)}."
    return Table(f"printed_{name}", caption + note, shown, scores.rename_axis("task").reset_index())


def _pile(table: pd.DataFrame) -> Table:
    used = table["available"] == 1
    shown = pd.DataFrame({"Domain": table["domain"], "GiB, effective": table["gib"].map(lambda v: fixed(v, 2)),
                          "used": np.where(used, "yes", "no"),
                          "share of used domains": _shares(table["gib"].where(used))})  # fmt: skip
    shown.loc[len(shown)] = ["*sum*", fixed(table["gib"].sum(), 2), str(int(used.sum())), fixed(1, 4)]
    return Table("printed_regmix_1", f"{LABELS['1']}, the paper's numbers: the Pile; the last column and the sum are "
                 "computed from them. The share is the prior of the simulation above.", shown, table)  # fmt: skip


def _shares(sizes: pd.Series) -> list[str]:
    return [fixed(value / sizes.sum(), 4) for value in sizes]


def _hundred(table: pd.DataFrame) -> Table:
    shown = pd.DataFrame({"Method": table["method"]})
    for column, label, digits in (("spearman_1m", "ρ x 100, 1M", 2), ("mse_1m", "MSE, 1M", 2),
                                  ("spearman_60m", "ρ x 100, 60M", 2)):  # fmt: skip
        shown[label] = [fixed(value, digits) for value in table[column]]
    lost = listed(str(m) for m in table.loc[table["mse_1m"].isna(), "method"])
    return Table("printed_regmix_5", f"{LABELS['5']}, the paper's numbers: 100 URL domains, 1,000 proxies. The MSE of "
                 f"{lost} ({MISSING}) is illegible in our copy of the paper.", shown, table)  # fmt: skip


def _mixtures(table: pd.DataFrame) -> Table:
    numbers = table.set_index("domain")
    shown = pd.DataFrame({"Domain": [*numbers.index, "*sum*"]})
    for method in numbers:
        shown[str(method)] = [f"{value:g}" for value in numbers[method]] + [fixed(numbers[method].sum(), 4)]
    return Table("printed_regmix_7", f"{LABELS['7']}, the paper's numbers: the methods' weights, and their sums.",
                 shown, table)  # fmt: skip


def _shapes(table: pd.DataFrame) -> Table:
    shown = pd.DataFrame({"Model": table["model"], "Vocabulary": table["vocabulary"].map(count),
                          **{column: table[column].astype(str) for column in table.columns[2:]}})  # fmt: skip
    return Table("printed_regmix_9", f"{LABELS['9']}, the paper's numbers: shapes. d_embedding is the residual width, "
                 "d_model that of the MLP; their costs are in the last section.", shown, table)  # fmt: skip
