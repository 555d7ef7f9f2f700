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
        "Figure 15: is the order of mixtures the same at all sizes",
        (
            "256 mixtures were trained as 1M and as 60M models on 1B tokens: this is one cell of the paper's heat "
            "map, for all 13 domains. The other cells cannot be reproduced: no losses of a 280M model or at 10B "
            "tokens are published, and none of the 64 mixtures of the 1B models is in the other sets.",
            Table("figure15", "Rank correlation x 100 of a domain's loss at 1M with that at 60M, n = 256, and the "
                  "other domain whose 60M loss correlates best with it.", shown, own),
            Figure("figure15", "Spearman x 100 of every loss at 1M with every loss at 60M.",
                   "Heat map of rank correlations, 13 domains by 13.", drawing),
        ),
    )  # fmt: skip


def beta(table: pd.DataFrame, corrected: Mapping[str, Any], losses: Mapping[str, np.ndarray], used: float,
         objective: str, regressor: str) -> Section:  # fmt: skip
    """``table`` is published_scale's beta.csv; ``losses`` by name: the proxies', the 1B models', corrected ones.

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
            "RegMix-D multiplies the target's loss by (P_target / P_proxy)^beta before it queries a regressor fitted "
            f"to proxies, with beta = {used:g} and a ratio of 1000, and reports neither the source of beta nor its "
            "uncertainty. Two sets of published losses allow an estimate. From 1M to 60M, with the same "
            f"{int(middle['n'])} mixtures and the same tokens, beta is {spanned(middle[EDGES].tolist(), 4)}. From 1M "
            f"to 1B, on 25 times the tokens, it is {spanned(large[EDGES].tolist(), 4)} (sd over {int(large['n'])} "
            f"mixtures {fixed(large['sd'], 4)}). So {used:g} {_is(used, middle)} the value for parameters alone, and "
            f"{_is(used, large)} the value for the actual target, which also has more tokens.\n\nWith {used:g} the "
            f"{int(large['n'])} 1B losses become {fixed(paper['low'], 2)} to {fixed(paper['high'], 2)}; the proxies "
            f"end between {fixed(proxies['low'], 2)} and {fixed(proxies['high'], 2)}. {percent(paper['below'])} of the "
            "corrected losses lie below all of these, where boosted trees predict a constant. With the fitted beta "
            f"they become {fixed(fitted['low'], 2)} to {fixed(fitted['high'], 2)}, {percent(fitted['below'])} below. "
            "Earlier in training, the proxies' losses are higher still; the published tables do not include them, so "
            "this covers only the end of training.",
            Table("beta", "The exponent by domain, with intervals over mixtures; the 1B mixtures were trained at no "
                  "other size, so their 1M losses are predictions.", shown, table),
            Table("beta_regressors", f"{objective}: the exponent by the regressor that predicts the 1M losses.",
                  by, others.reset_index()),
            Figure("beta", "Losses at the end of training: the regressor's training data, and the losses it is "
                   "queried with.",
                   "Strips of points, one per model, for proxies, 1B models, and 1B models corrected in two "
                   "ways.", drawing),
        ),
    )  # fmt: skip


def _is(value: float, row: pd.Series) -> str:
    """Whether ``value`` agrees with ``row`` to within 0.01."""
    return "is about" if abs(value - row["value"]) < 0.01 else "is not"


def _next(row: pd.Series, domain: str) -> str:
    rest = row.drop(domain)
    return f"{rest.idxmax()} {interval(100 * rest.max(), None, None, 1)}"
