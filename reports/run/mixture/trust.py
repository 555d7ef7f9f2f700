"""How far the predictions at the chosen mixtures can be trusted, and whether another round would pay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from regmix.mixture.confirmation.calibrate import CHOSEN
from regmix.mixture.stopping import Outlook
from reports.page.formats import fixed, interval, power
from reports.page.section import Table


class Past(NamedTuple):
    """The outlook for an objective ``after`` a round, with this number of proxies."""

    objective: str
    after: str
    proxies: int
    outlook: Outlook


def calibrated(table: pd.DataFrame) -> Table:
    """``table`` is mixture_choose's calibration.csv."""
    errors = table[["error", "low", "high"]].to_numpy().tolist()
    shown = pd.DataFrame(
        {
            "Objective": table["objective"],
            "At": [name if name == CHOSEN else f"proposals of {name}" for name in table["at"]],
            "n": table["n"].astype(str),
            "Predicted": table["predicted"].map(fixed),
            "Actual": table["realised"].map(fixed),
            "Error at natural": table["natural"].map(lambda value: fixed(value, sign=True)),
            "Error": [interval(error, low, high, sign=True) for error, low, high in errors],
        }
    )
    return Table(
        "calibration",
        "How far predictions are off, round by round. *Proposals*: predicted by the regressors before these proxies "
        "were trained; the error is predicted minus actual loss, with a t interval over the n proposals, which the "
        "acquisition picks partly for being uncertain. *Chosen*: predicted after all rounds, and measured by n "
        "confirming proxies. Their seeds are not the swarm's, and move the loss of every mixture, so the error at "
        "natural is subtracted: what remains is the error of the gain over natural, paired by seed. Below zero a "
        "prediction is too optimistic.",
        shown,
        table,
    )


def noise(table: pd.DataFrame) -> Table:
    """``table`` is mixture_choose's noise.csv."""
    rows = []
    for name, part in table.groupby("objective", sort=False):
        row = [str(name)]
        for end in ("", "_shared"):
            ordered = part.sort_values(f"sd{end}", kind="stable")[[f"sd{end}", "mixture"]].to_numpy().tolist()
            row += [f"{fixed(sd)} ({mixture})" for sd, mixture in (ordered[0], ordered[-1])]
            row.append(fixed(part[f"p{end}"].iloc[0], 2))
        rows.append(row)
    columns = ["Objective", *(f"{part}: {heading}" for part in ("All", "Rest") for heading in ("least", "most", "p"))]
    return Table(
        "noise_by_mixture",
        "Whether a run's noise depends on its mixture; regressors assume that it does not. Standard deviations of the "
        "confirming proxies over seeds: *all*, and the *rest* without what all mixtures have in common at a seed, "
        f"for the mixtures where they are smallest and largest (n = {int(table['n'].max())} seeds each), and p of "
        "Levene's test that all mixtures are alike.",
        pd.DataFrame(rows, columns=columns),
        table,
    )


def outlook(
    outlooks: Mapping[str, Outlook], past: Sequence[Past], chosen: Mapping[str, Mapping[str, Any]], proxies: int
) -> Table:
    """``outlooks`` after all ``proxies``, and ``past`` ones; ``chosen`` are the simulations' files by objective."""
    last = [Past(name, "all rounds" if past else "first design", proxies, entry) for name, entry in outlooks.items()]
    entries = [entry for name in outlooks for entry in (*past, *last) if entry.objective == name]
    regrets = {id(entry): chosen[entry.objective]["regret"] for entry in last}
    rows = [
        {
            "objective": entry.objective,
            "after": entry.after,
            "proxies": entry.proxies,
            "regret": regrets.get(id(entry), math.nan),
            **vars(entry.outlook),
            "verdict": entry.outlook.verdict,
        }
        for entry in entries
    ]
    shown = [
        {
            "Objective": row["objective"],
            "After": row["after"],
            "Proxies": str(row["proxies"]),
            "Regret": fixed(row["regret"], 4),
            "Expected gain": fixed(row["expected_gain"], 4),
            "Noise": fixed(row["noise"], 4),
            "FLOPs": power(row["flops"]),
            "Another round": row["verdict"] or "unknown",
        }
        for row in rows
    ]
    return Table(
        "outlooks",
        "Whether another round of proxies is worth its FLOPs: after all rounds, for another as large as the last, and"
        " before each earlier round, by fits to the proxies trained until then. *Regret*: what the chosen mixture "
        "loses to the best one of each refit, on average. *Expected gain*: what the chosen mixture loses to the best,"
        " on average over draws of the regressors' posterior, so a round gains at most that. *Noise*: the standard "
        "error of a comparison of two mixtures by confirming proxies, estimated from the repeated runs; if no more "
        "than that is expected, stop. In nats per token.",
        pd.DataFrame(shown),
        pd.DataFrame(rows),
    )
