"""How well each regressor ranks mixtures it has not seen (the paper's Table 2, Figures 4 and 9)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.core.objective import Objective
from regmix.regression.assess import BETTER
from regmix.regression.ranking import ENSEMBLE, NO_PROXY, NOISE, best, rows_of, score
from regmix.statistics.intervals import Score
from regmix.statistics.verdicts import compared
from reports.page.formats import BEST, MISSING, counted, fixed, listed, marked, spanned, units
from reports.page.section import Figure, Section, Table
from reports.run.regression.figures import learning_curves, scatter

SPLITS = {"cv": "cross-validation", "heldout": "held-out mixtures"}
SHORT = {"cv": "cv", "heldout": "held out"}
DIGITS = {"spearman": 3, "mae": 3, "rmse": 3, "mse": 4, "regret": 3, "top_k": 2}


def regression(
    scores: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    curves: Mapping[str, pd.DataFrame],
    margins: pd.DataFrame,
    objectives: Mapping[str, Objective],
    top_k: int,
    voters: Mapping[str, float],
) -> Section:
    """``scores`` are regression_compare's and mixture_simulate's; predictions and curves are keyed by regressor.

    ``margins`` is regression_compare's margins.csv; ``voters`` are the ensemble's weights by regressor.
    """
    columns = {
        "spearman": "Spearman ρ", "mae": "MAE", "rmse": "RMSE", "mse": "MSE", "regret": "Regret",
        "top_k": f"Top-{top_k} overlap",
    }  # fmt: skip
    judged = scores[(scores["metric"] == "spearman") & (scores["split"] != BETTER)]
    splits = {split: label for split, label in SPLITS.items() if split in set(judged["split"])}
    has_heldout = "heldout" in splits
    parts: list[str | Table | Figure] = [
        _prose(scores, margins, list(objectives), splits) + _together(scores, voters, objectives),
        Table(
            "regression",
            "Rank correlation of predicted and actual losses, with bootstrap intervals over runs; "
            f"{BEST} marks the best regressor of each column (the paper's Table 2, which has one objective and one "
            "split). *no_proxy* ranks mixtures by their weight on the objective's own domains and trains nothing; "
            "*ensemble* is the weighted mean of the regressors that choose, with weights for all objectives together.",
            _overview(scores, list(objectives), splits),
            judged.reset_index(drop=True),
        ),
        Figure(
            "predicted_true",
            "Predicted against actual loss (the paper's Figure 9): out of fold in grey"
            + (", the held-out mixtures in blue. The number is ρ on the held-out mixtures." if has_heldout else "."),
            "Scatter plots of predicted against actual loss for every regressor and objective.",
            scatter(predictions, scores, objectives, "heldout" if has_heldout else "cv"),
        ),
    ]
    if any(len(curve.dropna(subset="spearman")) for curve in curves.values()):
        parts.append(
            Figure(
                "proxies",
                "ρ on the held-out mixtures against the number of proxies that the regressor was fitted to (the "
                "paper's Figure 4, proxy axis): mean and range over nested random subsets. A missing point means that "
                "the regressor could not be fitted or predicted the same value for all.",
                "Lines of rank correlation against number of proxies, one panel per objective.",
                learning_curves(curves, scores, list(objectives)),
            )
        )
    if has_heldout:
        parts.append(_better(scores, objectives))
    for split in splits:
        part = scores[(scores["split"] == split) & (scores["regressor"] != NOISE)].reset_index(drop=True)
        parts.append(
            Table(
                f"regression_{split}",
                f"All measures {_on(split)}, n = {int(part['n'].iloc[0])} runs. Errors are in {units(objectives)}. "
                '*Regret*: the actual loss of the mixture predicted best minus the lowest. The paper\'s "MSE" '
                "agrees with the MAE of its published tables.",
                _details(part, list(objectives), columns),
                part,
            )
        )
    if any(math.isfinite(score(scores, NOISE, objective, "heldout", "sd").value) for objective in objectives):
        parts.append(_noise(scores, predictions, list(objectives)))
    return Section("Regression", tuple(parts))


def _better(scores: pd.DataFrame, objectives: Mapping[str, Objective]) -> Table:
    part = scores[scores["split"] == BETTER].reset_index(drop=True)
    names = list(dict.fromkeys(part["regressor"]))
    shown: dict[str, list[str]] = {"Regressor": [f"*{n}*" if n in (NO_PROXY, ENSEMBLE) else n for n in names]}
    for objective in objectives:
        for metric, label, digits in (("spearman", "ρ", 2), ("mae", "MAE", 3)):
            shown[f"{objective}, {label}"] = [
                spanned(score(scores, name, objective, BETTER, metric), digits) for name in names
            ]
    n = ", ".join(str(size) for size in sorted(set(part["n"].astype(int))))
    return Table(
        "regression_better",
        f"The same on the better half of the held-out mixtures alone, those whose actual objective is below the median "
        f"(n = {n}): a choice is made among mixtures like these, and their losses differ less. MAE in "
        f"{units(objectives)}.",
        pd.DataFrame(shown),
        part,
    )


def seed_noise(scores: pd.DataFrame, objective: str) -> Score:
    """The standard deviation of runs of one mixture, in nats, without what runs of one seed have in common."""
    return score(scores, NOISE, objective, "heldout", "sd_shared")


def _noise(scores: pd.DataFrame, predictions: Mapping[str, pd.DataFrame], objectives: Sequence[str]) -> Table:
    rows = []
    for objective in objectives:
        frame = next(iter(predictions.values()))
        true = frame[(frame["objective"] == objective) & (frame["split"] == "heldout")]["true"]
        errors = {name: score(scores, name, objective, "heldout", "rmse").value for name in predictions}
        finite = {name: error for name, error in errors.items() if math.isfinite(error)}
        name = min(finite, key=lambda key: finite[key]) if finite else ""
        free = int(rows_of(scores, NOISE, objective, "heldout")["n"].iloc[0])
        spread = float(true.std(ddof=1)) if len(true) > 1 else math.nan
        sd = score(scores, NOISE, objective, "heldout", "sd")
        shared = seed_noise(scores, objective)
        rows.append([objective, *sd, free, *shared, spread, name, finite.get(name, math.nan)])
    noise = ["sd", "low", "high", "degrees", "shared", "shared_low", "shared_high"]
    columns = ["objective", *noise, "spread", "regressor", "rmse"]
    values = pd.DataFrame(rows, columns=columns)
    shown = pd.DataFrame(
        {
            "Objective": values["objective"],
            "Sd between seeds": [spanned(row) for row in values[["sd", "low", "high"]].to_numpy().tolist()],
            "Degrees of freedom": values["degrees"].astype(str),
            "With a seed in common": [
                spanned(row) for row in values[["shared", "shared_low", "shared_high"]].to_numpy().tolist()
            ],
            "Sd between held-out mixtures": values["spread"].map(fixed),
            "Lowest held-out RMSE": values["rmse"].map(fixed),
            "of": values["regressor"],
            "RMSE / seed sd": (values["rmse"] / values["sd"]).map(lambda v: fixed(v, 1)),
        }
    )
    return Table(
        "noise",
        "The floor: how far runs of one mixture differ by seed alone, with a chi-square interval, in total and without "
        "what runs of one seed have in common; the latter is the uncertainty of a difference at one seed. On average "
        "over runs no regressor's RMSE can be lower (the paper reports no seeds).",
        shown,
        values,
    )


def _prose(scores: pd.DataFrame, margins: pd.DataFrame, objectives: Sequence[str], splits: Mapping[str, str]) -> str:
    n = scores[scores["metric"] == "spearman"].groupby("split")["n"].first()
    sizes = listed(f"{int(n[split])} {_on(split)}" for split in splits)
    flattered = (
        " The regressor that is first in cross-validation is flattered by that score, because it was picked by it; "
        "the held-out mixtures played no part in the choice."
        if "heldout" in splits
        else ""
    )
    lines = "\n".join(f"- {_line(scores, margins, objective, splits)}" for objective in objectives)
    return (
        f"Each regressor is fitted to every run but the held-out ones. Intervals resample the runs ({sizes}); they do "
        f"not cover drawing a new swarm.{flattered}\n\n{lines}"
    )


def _together(scores: pd.DataFrame, voters: Mapping[str, float], objectives: Mapping[str, Objective]) -> str:
    """The ensemble's weights, and whether it predicts the held-out mixtures better than its members."""
    if ENSEMBLE not in set(scores["regressor"]):
        return ""
    parts = []
    for split, where in (("heldout", "on all held-out mixtures"), (BETTER, "on their better half")):
        best_of: dict[str, int] = {}
        for name in objectives:
            errors = {one: score(scores, one, name, split, "rmse").value for one in (ENSEMBLE, *voters)}
            first = min(errors, key=lambda one: errors[one])
            best_of[first] = best_of.get(first, 0) + 1
        every = len(best_of) == 1
        lowest = listed(
            f"`{one}` for {'all ' * (every and count > 1)}{counted(count, 'objective')}"
            for one, count in best_of.items()
        )
        parts.append(f"{where} by {lowest}")
    weights = listed(f"`{name}` ({weight:.2f})" for name, weight in voters.items())
    return (
        f"\n\nThe mixture is chosen by an *ensemble* of {weights}, weighted by their errors in cross-validation, "
        "where the anchors count as much as mixtures near the optimum. The lowest RMSE, the ensemble's own among them, "
        f"is reached {' and '.join(parts)}."
    )


def _line(scores: pd.DataFrame, margins: pd.DataFrame, objective: str, splits: Mapping[str, str]) -> str:
    name = best(scores, objective)
    own = margins[(margins["objective"] == objective) & (margins["regressor"] == name)].set_index("split")
    values = [f"{spanned(score(scores, name, objective, split), 2)} {_on(split)}" for split in splits]
    line = f"**{objective}**: cross-validation puts `{name}` first, with ρ {listed(values)}."
    if own.empty:
        line += (
            " No ranking without proxies is possible: the objective does not weight some training domains over others."
        )
    else:
        less = [
            f"{spanned(row, 2, sign=True)} {_on(split)} ({compared(row[1], row[2], 'better', 'worse')})"
            for split, row in zip(own.index, own[["difference", "low", "high"]].to_numpy().tolist(), strict=True)
        ]
        line += f" Its difference from the ρ of the baseline without proxies is {listed(less)}."
    sd = score(scores, NOISE, objective, "heldout", "sd").value
    return f"{line} Seeds alone move this loss by {fixed(sd)} (sd)." if math.isfinite(sd) else line


def _on(split: str) -> str:
    return f"on the {SPLITS[split]}" if split == "heldout" else f"in {SPLITS[split]}"


def _overview(scores: pd.DataFrame, objectives: Sequence[str], splits: Mapping[str, str]) -> pd.DataFrame:
    names = [name for name in scores["regressor"].unique() if name != NOISE]
    columns: dict[str, list[str]] = {"Regressor": [f"*{n}*" if n in (NO_PROXY, ENSEMBLE) else n for n in names]}
    for objective in objectives:
        for split in splits:
            cells = {name: score(scores, name, objective, split) for name in names}
            top = max((c.value for n, c in cells.items() if n != NO_PROXY and math.isfinite(c.value)), default=math.nan)
            columns[f"{objective}, {SHORT[split]}"] = [
                marked(spanned(cell, 2), BEST, name != NO_PROXY and cell.value == top) for name, cell in cells.items()
            ]
    return pd.DataFrame(columns)


def _details(part: pd.DataFrame, objectives: Sequence[str], columns: Mapping[str, str]) -> pd.DataFrame:
    rows = []
    for objective in objectives:
        for name in part["regressor"].unique():
            own = part[(part["objective"] == objective) & (part["regressor"] == name)].set_index("metric")
            if own.empty:
                continue
            edges = own[["value", "low", "high"]]
            cells = {
                label: spanned(edges.loc[key].tolist(), DIGITS[key]) if key in own.index else MISSING
                for key, label in columns.items()
            }
            rows.append({"Objective": objective, "Regressor": name, **cells})
    return pd.DataFrame(rows)
