"""Figure 6: the loss of the methods' mixtures. The paper prints no numbers of it; regressors can predict an order."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.page import style
from reports.page.formats import bold, listed, plus_minus
from reports.page.section import Figure, Section, Table
from reports.papers.claims import UNTESTED, Claim

SPAN = 2.0  # a difference beyond this many standard deviations counts


def figures(rivals: pd.DataFrame) -> dict[str, Any]:
    """regressor -> <method>_less_regmix and its standard deviation, nats per token."""
    out: dict[str, Any] = {}
    for row in rivals.itertuples(index=False):
        name = f"{row.method}_less_regmix"
        out.setdefault(row.regressor, {}).update({name: row.value, f"{name}_sd": row.sd})
    return out


def figure6(rivals: pd.DataFrame) -> Section:
    """``rivals`` is published_simulate's methods.csv."""
    methods, names = (list(dict.fromkeys(rivals[column])) for column in ("method", "regressor"))
    cells = rivals.set_index(["method", "regressor"])
    colour, marker = style.colours(names), style.markers(names)
    drawing, axes = style.panels(1, 1, 2.8)
    for i, name in enumerate(names):
        part = rivals[rivals["regressor"] == name]
        places = [methods.index(m) + (i - (len(names) - 1) / 2) * 0.09 for m in part["method"]]
        axes[0, 0].errorbar(places, part["value"], SPAN * part["sd"], fmt=marker[name], color=colour[name],
                            markersize=4.5, linewidth=1, label=name)  # fmt: skip
    axes[0, 0].axhline(0, color=style.MUTED, linewidth=0.8)
    axes[0, 0].set_xticks(range(len(methods)), methods)
    axes[0, 0].set_ylabel("predicted loss minus RegMix's")
    style.legend_above(drawing)
    shown = pd.DataFrame({"Mixture of Table 7": methods})
    for name in names:
        rows = [cells.loc[(m, name)] for m in methods]
        shown[name] = [bold(_difference(row), abs(row["value"]) > SPAN * row["sd"]) for row in rows]
    return Section(
        "Figure 6: the loss of the methods' mixtures",
        (
            "Figure 6 draws the Pile-CC loss of 1B models trained on the mixtures of Table 7. The paper prints none "
            "of its numbers, not even the final ones, and publishes no losses of those models: **its curves cannot be "
            "drawn here.** Instead, regressors fitted to the 512 published 1M runs predict the loss of the same "
            "mixtures at the end of a 1M run. These are our predictions, not the paper's numbers; Pile-CC alone is "
            "far from all runs, and no mixtures are published for the right half of Figure 6, without Pile-CC.",
            Figure("figure6", f"Predicted Pile-CC loss of each method's mixture minus that of RegMix's, ± {SPAN:g} sd "
                   "over refits to bootstrap resamples; above zero RegMix's is better. Our predictions, not the "
                   "paper's numbers.",
                   "Points with error bars of predicted loss difference by method and regressor.", drawing),
            Table("figure6", f"The same, nats per token, ± one sd; in bold beyond {SPAN:g} of them. The weights of "
                  "*online* sum to 0.697 as printed and are divided by that.", shown, rivals.reset_index(drop=True)),
        ),
    )  # fmt: skip


def claims(rivals: pd.DataFrame) -> list[Claim]:
    """Section 5.3 and Figure 6."""
    names = list(dict.fromkeys(rivals.loc[~rivals["monotone"], "regressor"]))
    own = rivals[rivals["regressor"] == "lightgbm_paper"]
    words = "; ".join(f"{row['method']} {_difference(row)}" for _, row in own.iterrows())
    ahead = {
        method: [n for n in names if _clear(part[part["regressor"] == n].iloc[0])]
        for method, part in rivals.groupby("method", sort=False)
    }
    return [
        Claim("RegMix", "§5.3, Figure 6", "lower Pile-CC loss than Human and DoReMi, with and without Pile-CC in "
              "training", f"nearest: loss minus RegMix's, predicted by LightGBM for 1M models: {words}",
              "512 training runs, 10 refits; ± one sd", UNTESTED,
              f"Neither the losses of those 1B models nor any number of Figure 6 is published. Of the {len(names)} "
              "regressors that are not monotone, this many predict that RegMix's mixture is better by more than "
              f"{SPAN:g} sd: {listed(f'{len(clear)} than {method}' for method, clear in ahead.items())}."),
    ]  # fmt: skip


def _difference(row: pd.Series) -> str:
    return ("+" if row["value"] > 0 else "") + plus_minus(row["value"], row["sd"], 3)


def _clear(row: pd.Series) -> bool:
    return bool(row["value"] > SPAN * row["sd"])
