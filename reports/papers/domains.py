"""What the 512 runs say about domains: Figures 7 and 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.runs import Runs
from regmix.statistics.verdicts import apart_from_zero
from reports.page import style
from reports.page.formats import bold, fixed, listed, spanned
from reports.page.section import Figure, Section, Table
from reports.papers.claims import Claim, verdict


def figures(coefficients: pd.DataFrame, laws: pd.DataFrame) -> dict[str, Any]:
    """figure7: <domain>_on_<objective> with edges; figure8: R squared of log loss against log own weight."""
    lines: dict[str, Any] = {}
    for row in coefficients.itertuples(index=False):
        name = f"{row.domain}_on_{row.objective}"
        lines |= {name: row.contrast, f"{name}_low": row.low, f"{name}_high": row.high}
    own = {f"{row.domain}_r2": row.r2 for row in laws.itertuples(index=False)}
    return {"figure7": lines, "figure8": own}


def interactions(coefficients: pd.DataFrame, train: Runs, laws: pd.DataFrame) -> Section:
    """``coefficients`` is ridge's coefficients.csv over all objectives, ``laws`` published_compare's power_laws.csv."""
    objectives, domains = list(dict.fromkeys(coefficients["objective"])), list(train.domains)
    square = coefficients.pivot(index="domain", columns="objective", values="contrast").loc[domains, objectives]
    edges = coefficients.set_index(["domain", "objective"])[["low", "high"]]
    drawing, axes = style.panels(1, 1, 5.4)
    texts = [
        [fixed(-square.loc[d, o], 1) + ("" if apart_from_zero(*edges.loc[(d, o)]) else " ·") for o in objectives]
        for d in domains
    ]
    reach = float(np.quantile(np.abs(square.to_numpy()), 0.98))
    style.heat(axes[0, 0], -square.to_numpy(), domains, objectives, cmap="RdBu_r", span=(-reach, reach), texts=texts)
    axes[0, 0].set_xlabel("loss on")
    axes[0, 0].set_ylabel("training weight of")
    phil = coefficients[coefficients["domain"] == "philpapers"].set_index("objective").loc[objectives]
    weights = pd.DataFrame(train.mixtures, columns=domains)
    table = pd.DataFrame(
        {
            "Loss on": objectives,
            "philpapers alone minus the mean mixture": [
                bold(spanned(row.tolist(), 2, sign=True), apart_from_zero(row[1], row[2]))
                for row in phil[["contrast", "low", "high"]].to_numpy()
            ],
        }
    )
    lines, panels = style.panels(4, 4, 7.2)
    fits = laws.set_index("domain")
    for plot, domain in zip(panels.flat, objectives, strict=False):
        weight = weights[domain].to_numpy()
        some = weight > 0
        plot.scatter(
            weight[some], train.losses[domain].to_numpy()[some], s=4, color=style.KINDS["heldout"], linewidths=0
        )
        plot.set_xscale("log")
        plot.set_yscale("log")
        plot.set_title(domain, fontsize=8.5)
        plot.text(0.05, 0.08, f"R² {fixed(fits.loc[domain, 'r2'], 2)}", transform=plot.transAxes, fontsize=8)
        plot.minorticks_off()
        ticks = np.geomspace(train.losses[domain].min(), train.losses[domain].max(), 3)
        plot.set_yticks(ticks, [f"{tick:.1f}" for tick in ticks])
    for plot in panels.flat[len(objectives) :]:
        plot.set_visible(False)
    lines.supxlabel("weight of the domain in training", fontsize=9)
    lines.supylabel("its validation loss, nats per token", fontsize=9)
    shown = pd.DataFrame(
        {"Domain": fits.index, "runs with some of it": fits["n"].astype(str),
         "slope": fits["slope"].map(lambda v: fixed(v, 3)), "R²": fits["r2"].map(lambda v: fixed(v, 3))}
    )  # fmt: skip
    top = weights["philpapers"]
    return Section(
        "Figures 7 and 8: domains and their interactions",
        (
            "Weights sum to 1, so a linear model's coefficients are only known up to a constant, and the paper's raw "
            "ones cannot be interpreted. The contrast can: the predicted change of a loss when the mean mixture of "
            "the 512 runs is replaced by one domain alone. For a rare domain it is a long extrapolation: PhilPapers "
            f"never has more than {fixed(top.max(), 3)} of a training mixture, and none at all in "
            f"{int((top == 0).sum())} of {len(top)}.",
            Figure("figure7", "Predicted gain in nats per token from each domain alone (rows) over the mean mixture, "
                              "for each loss (columns), by ridge regression; a dot marks intervals that include zero.",
                   "Heat map of contrasts, training domains by validated domains.", drawing),
            Table("figure7", "PhilPapers, whose weight the paper finds to help all other domains, with intervals over "
                             "resamples of the runs; negative is a gain; in bold where the interval excludes "
                             "zero.", table, coefficients),
            "Figure 8 plots each loss against the domain's own weight, on log axes, where a power law in that weight "
            "alone "
            "would be a line.",
            Figure("figure8", "Validation loss against the domain's own weight, for those of the 512 runs "
                   "that have some of it.",
                   "Scatter plots on log axes of loss against own weight, one panel per domain.", lines),
            Table("figure8", "The straight line through those points.", shown, fits.reset_index()),
        ),
    )  # fmt: skip


def claims(numbers: Mapping[str, Any], coefficients: pd.DataFrame, train: Runs, laws: pd.DataFrame) -> list[Claim]:
    """Sections 1, 5.4 and 5.5."""
    phil = coefficients[coefficients["domain"] == "philpapers"]
    gains, clear = int((phil["contrast"] < 0).sum()), int((phil["high"] < 0).sum())
    top = train.mixtures[:, train.domains.index("philpapers")].max()
    fits = laws.set_index("domain")["r2"]
    maths, web = fits["dm_mathematics"], fits["pile_cc"]
    regret = numbers["table2"]["lightgbm_paper"]["regret_1b"]
    plain = numbers["table2"]["no_proxy"]["regret_1b"]
    return [
        Claim("RegMix", "§1, Figure 2", "the mixture predicted best of 64 has the lowest loss at 1B",
              f"regret {fixed(regret, 4)} nats with LightGBM, {fixed(plain, 4)} without any proxy",
              "64 models, one pick, 1 seed", verdict(regret == 0),
              "Sorting by the Pile-CC weight picks the same model." if plain == regret == 0
              else "The baseline without proxies picks another model."),
        Claim("RegMix", "§5.4, Figure 7", "PhilPapers gives gains for all other domains under the linear model",
              f"a gain on {gains} of {len(phil)} losses; the interval excludes zero on {clear}",
              f"512 runs, {len(phil)} losses; interval over resamples of the runs",
              verdict(gains == len(phil), clear == len(phil)),
              f"As a contrast it does, but its weight is never above {fixed(top, 3)}: the gain is an extrapolation."),
        Claim("RegMix", "§5.5, Figure 8", "loss is nearly log-log linear in the domain's own weight for DM "
              "Mathematics, not for most",
              f"R² {fixed(maths, 2)} for DM Mathematics, {fixed(web, 2)} for Pile-CC; highest: "
              f"{listed(f'{d} {fixed(v, 2)}' for d, v in fits.nlargest(3).items())}",
              "512 runs, those with some of the domain", verdict(maths > 0.9, int((fits > 0.9).sum()) < len(fits) / 2),
              f"R² is above 0.9 for {int((fits > 0.9).sum())} of {len(fits)} domains; DM Mathematics "
              f"has rank {int((fits > maths).sum()) + 1} of {len(fits)}."),
    ]  # fmt: skip
