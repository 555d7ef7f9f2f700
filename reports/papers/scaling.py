"""From small models to large: the order of mixtures (Figure 15) and RegMix-D's exponent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.page import style
from reports.page.formats import fixed, interval, percent, spanned
from reports.page.section import Figure, Section, Table

EDGES = ["value", "low", "high"]


def figure15(ranks: pd.DataFrame) -> Section:
    """``ranks`` is published_scale's ranks.csv."""
    domains = list(dict.fromkeys(ranks["first"]))
    square = ranks.pivot(index="first", columns="second", values="value").loc[domains, domains]
    drawing, axes = style.panels(1, 1, 4.6)
    texts = [[fixed(100 * v, 0) for v in row] for row in square.to_numpy()]
    style.heat(axes[0, 0], square.to_numpy(), domains, domains, cmap="RdBu_r", span=(-1, 1), texts=texts)
    axes[0, 0].set_xlabel("loss at 60M")
    axes[0, 0].set_ylabel("loss at 1M")
    own = ranks[ranks["first"] == ranks["second"]].reset_index(drop=True)
    shown = pd.DataFrame(
        {
            "Domain": own["first"],
            "ρ x 100": [spanned((100 * row).tolist(), 2) for _, row in own[EDGES].iterrows()],
            "next domain at 60M": [_next(square.loc[d], d) for d in own["first"]],
        }
    )
    return Section(
        "Figure 15: does the order of mixtures survive scale",
        (
            "256 mixtures were trained as 1M and as 60M models on 1B tokens: this is one cell of the paper's heat map, "
            "for all 13 domains. Nothing else of it can be rebuilt: no loss of a 280M model and none at 10B tokens is "
            "published, and none of the 64 mixtures of the 1B models occurs in the other sets.",
            Table("figure15", "Rank correlation x 100 of a domain's loss at 1M with the same at 60M, n = 256; and the "
                  "other domain whose 60M loss follows it best.", shown, own),
            Figure("figure15", "Spearman x 100 of every loss at 1M with every loss at 60M.",
                   "Heat map of rank correlations, 13 domains by 13.", drawing),
        ),
    )  # fmt: skip


def beta(table: pd.DataFrame, corrected: Mapping[str, Any], losses: Mapping[str, np.ndarray], used: float,
         objective: str, regressor: str) -> Section:  # fmt: skip
    """``table`` is published_scale's beta.csv; ``losses`` by name are the proxies', the 1B models' and corrected ones.

    ``used`` is the paper's exponent, ``regressor`` the one that predicts 1M losses.
    """
    own = table[table["domain"] == objective].set_index("source")
    middle, large = own.loc["matched"], own.loc[regressor]
    domains = list(dict.fromkeys(table["domain"]))
    picked = table[table["source"].isin(["matched", regressor])].set_index(["domain", "size"])
    shown = pd.DataFrame({"Domain": domains})
    for size, label in (("60m", "1M to 60M, both on 1B tokens"), ("1b", f"1M to 1B on 25B tokens, by {regressor}")):
        shown[label] = [spanned(picked.loc[(d, size), EDGES].tolist(), 4) for d in domains]
    others = own.drop("matched")
    by = pd.DataFrame(
        {
            "1M losses predicted by": others.index,
            "beta to 1B": [spanned(r.tolist(), 4) for _, r in others[EDGES].iterrows()],
        }
    )
    drawing, axes = style.panels(1, 1, 2.4)
    for place, values in enumerate(losses.values()):
        jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
        axes[0, 0].scatter(values, place + jitter, s=7, color=style.PALETTE[place], linewidths=0, alpha=0.7)
    axes[0, 0].set_yticks(range(len(losses)), list(losses))
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlabel("Pile-CC loss, nats per token")
    paper, fitted, proxies = (corrected[name] for name in ("paper", "fitted", "proxies"))
    return Section(
        "RegMix-D's exponent across scale",
        (
            "RegMix-D multiplies the target's loss by (P_target / P_proxy)^beta before it asks a regressor that was "
            f"fitted to proxies, with beta = {used:g} and 1000 for the ratio, and says neither where beta is from "
            "nor how "
            f"far off it may be. Two sets of published losses can tell. From 1M to 60M, the same {int(middle['n'])} "
            f"mixtures and the same tokens, beta is {spanned(middle[EDGES].tolist(), 4)}. From 1M to 1B, on 25 times "
            "the "
            f"tokens, it is {spanned(large[EDGES].tolist(), 4)} (sd over {int(large['n'])} mixtures "
            f"{fixed(large['sd'], 4)}). So {used:g} {_is(used, middle)} what parameters alone give, and "
            f"{_is(used, large)} what the target in question needs, which has more tokens, too.\n\n"
            f"With {used:g} the {int(large['n'])} 1B losses become {fixed(paper['low'], 2)} to "
            f"{fixed(paper['high'], 2)}; "
            f"the proxies end between {fixed(proxies['low'], 2)} and {fixed(proxies['high'], 2)}. "
            f"{percent(paper['below'])} of the corrected losses lie below all of these, where boosted trees answer "
            "with "
            f"one constant. With the fitted beta they become {fixed(fitted['low'], 2)} to {fixed(fitted['high'], 2)}, "
            f"{percent(fitted['below'])} below. Earlier in training, the proxies' losses are higher still; the "
            "published "
            "tables have none of them, so this looks at the end of training alone.",
            Table("beta", "The exponent by domain, with intervals over mixtures; 1B mixtures were trained at no other "
                  "size, so their 1M losses are predictions.", shown, table),
            Table("beta_regressors", f"{objective}: how little the exponent depends on which regressor predicts.",
                  by, others.reset_index()),
            Figure("beta", "Losses at the end of training: what the regressor learns from, and what it is asked.",
                   "Strips of points, one a model, for proxies, 1B models, and 1B models corrected in two "
                   "ways.", drawing),
        ),
    )  # fmt: skip


def _is(value: float, row: pd.Series) -> str:
    """Whether ``value`` is as ``row`` says, to a hundredth of an exponent."""
    return "is about" if abs(value - row["value"]) < 0.01 else "is not"


def _next(row: pd.Series, domain: str) -> str:
    rest = row.drop(domain)
    return f"{rest.idxmax()} {interval(100 * rest.max(), None, None, 1)}"
