"""What a token of each domain is worth to each loss, by the law of effective tokens."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from reports.page import style
from reports.page.formats import fixed, listed, spanned
from reports.page.section import Figure, Section, Table


def law(laws: Mapping[str, pd.DataFrame]) -> Section | None:
    """``laws`` are the regressors' law.csv; only token laws have rows. None without any."""
    fitted = [(name, table) for name, table in laws.items() if len(table)]
    return _section(*fitted[0]) if fitted else None


def _section(name: str, table: pd.DataFrame) -> Section:
    losses, domains = (list(dict.fromkeys(table[column])) for column in ("loss", "domain"))
    worth, slope = (
        table.pivot(index="domain", columns="loss", values=column).loc[domains, losses] for column in ("worth", "slope")
    )
    cells = table.set_index(["domain", "loss"])[["worth", "low", "high"]]
    shown = pd.DataFrame({"Domain": domains})
    for loss in losses:
        shown[loss] = [spanned((100 * cells.loc[(domain, loss)]).tolist(), 0) for domain in domains]
    exponents = table.drop_duplicates("loss")[["loss", "floor", "wear", "decay"]].reset_index(drop=True)
    lines = "\n".join(f"- **{loss}**: {_leading(slope[loss])}" for loss in losses)
    return Section(
        "What a token is worth",
        (
            f"`{name}` fits each loss by E + (Σ tₖ wₖᵍ)⁻ᵃ: a token of domain k is worth tₖ to this loss, the weights w "
            "wear out by the exponent g, and the loss falls by the exponent a. It is fitted to all random, anchor and"
            " proposed runs, with each t shrunk a little towards the others. Where a is large, small differences of t"
            " matter much, so what t says is also shown in nats: what 0.01 more weight on a domain, taken from all "
            "others equally, does to a loss at the uniform mixture. The domains that lower each loss most, in "
            f"thousandths of a nat:\n\n{lines}",
            Figure(
                "worth",
                "Above: what a token of each training domain (rows) is worth to each validation loss (columns), in "
                "percent of the sum over domains. Below: the change of the loss, in thousandths of a nat per token, by "
                "0.01 more weight on the domain; blue: lower loss.",
                "Two heat maps of training domains by validation losses: worth of a token, and change of the loss.",
                _drawing(worth, slope),
            ),
            Table("worth", "The worth above, with intervals of the fit (Laplace's approximation).", shown, table),
            Table(
                "exponents",
                "The other parameters: E, which the loss approaches, in nats per token (below 0 the fit only says that "
                "it is far away); g, at 1 a domain does not wear out; a, how fast the loss falls.",
                pd.DataFrame(
                    {
                        "Loss": exponents["loss"],
                        "E": exponents["floor"].map(fixed),
                        "g": exponents["wear"].map(lambda value: fixed(value, 2)),
                        "a": exponents["decay"].map(lambda value: fixed(value, 2)),
                    }
                ),
                exponents,
            ),
        ),
    )


def _leading(slopes: pd.Series, shown: int = 3) -> str:
    """The domains whose extra weight lowers a loss most, with the change per percent of weight."""
    best = slopes[slopes < 0].nsmallest(shown)
    return listed(f"`{domain}` {fixed(10 * slope, 1)}" for domain, slope in best.items()) + "."


def _drawing(worth: pd.DataFrame, slope: pd.DataFrame) -> style.Figure:
    drawing, axes = style.panels(2, 1, 0.62 * len(worth) + 1.8)
    reach = float(np.abs(10 * slope.to_numpy()).max())
    for plot, values, cmap, span in (
        (axes[0, 0], 100 * worth, "Blues", (0.0, 100 * float(worth.to_numpy().max()))),
        (axes[1, 0], 10 * slope, "RdBu_r", (-reach, reach)),
    ):
        texts = [[fixed(value, 0) for value in row] for row in values.to_numpy()]
        style.heat(plot, values.to_numpy(), list(worth.index), list(worth.columns), cmap=cmap, span=span, texts=texts)
        plot.set_ylabel("a token of")
    axes[1, 0].set_xlabel("validation loss")
    return drawing
