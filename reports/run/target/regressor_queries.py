"""What dynamic methods queried their regressors about, how far from the training data, and the exponent across scale.

RegMix-D's Algorithms 1 and 2 query pairs of loss and mixture that possibly no proxy had, and convert a target's loss
to the proxies' size by ``loss * ratio ** beta`` with beta = 0.05 (arXiv 2606.18663).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regmix.target.trained_methods import Method
from regmix.trajectory import size_correction
from reports.page.formats import MISSING, NOTED, counted, fixed, interval, listed, marked, percent
from reports.page.section import Table

PAPER_BETA = 0.05
LEADING = 3  # domains of a query's mixture that are shown


def asked(methods: Mapping[str, Method]) -> tuple[str, Table] | None:
    """A text on the queries outside the support and a table of each method's first run; None without queries."""
    asking = {name: method.queries for name, method in methods.items() if method.queries}
    if not asking:
        return None
    rows, shown, lines = [], [], []
    for name, runs in asking.items():
        of_all = [query for queries in runs.values() for query in queries]
        outside = sum(query["outside"] for query in of_all)
        over = f" over {counted(len(runs), 'run')}" if len(runs) > 1 else ""
        gaps = [_gap(query) for query in of_all]
        lines.append(
            f"`{name}`: {outside} of {counted(len(of_all), 'query', 'queries')}{over}, the queried loss being "
            f"{fixed(float(np.median(gaps)))} nats (median) from that of the proxy with the nearest mixture"
        )
        rows += [{"method": name, "run": run, **_flat(query)} for run, queries in runs.items() for query in queries]
        first = next(iter(runs))
        shown += [{"Method": f"{name}, {first}", **_shown(query)} for query in runs[first]]
    text = (
        f"Queries off the regressor's support, where it can only guess: {'; '.join(lines)}. Proxies that keep one "
        "mixture never have the loss of another mixture at a switch, so a query can lie inside both ranges and still "
        "be a pair that no proxy had; the gap in the table says how far it is from one."
    )
    table = Table(
        "queries",
        "The regressor's query at every switch, for each method's first run: when, the chosen mixture, the loss it "
        "predicts at the next logged step, the loss it starts from, the range of the proxies' losses there, the *gap* "
        "to the loss of the proxy with the nearest mixture, and the distance (L1) of that mixture with the limit in "
        "brackets, the 95th percentile of the distances between the proxies' own mixtures. "
        f"{NOTED} marks values outside. Online, the loss is the target's (in brackets), converted to the proxies' "
        "size.",
        pd.DataFrame(shown),
        pd.DataFrame(rows),
    )
    return text, table


def exponents(methods: Mapping[str, Method]) -> tuple[str, Table] | None:
    """A text and a table on each method's exponent, next to the paper's; None if no method has one."""
    rows, lines = [], []
    for name, method in methods.items():
        if "beta" not in method.facts:
            continue
        beta, ratio = method.facts["beta"], float(method.facts["ratio"])
        raw = [query for queries in method.queries.values() for query in queries if "raw_loss" in query]
        used = {"value": float(beta["value"]), "low": beta.get("low"), "high": beta.get("high"),
                "runs": beta.get("runs")}  # fmt: skip
        candidates = {"used": used}
        if beta["value"] != PAPER_BETA:
            candidates["paper"] = {"value": PAPER_BETA, "low": None, "high": None, "runs": None}
        for whose, exponent in candidates.items():
            effects = _effects(method, raw, ratio, exponent["value"])
            rows.append({"method": name, "whose": whose, "ratio": ratio, **exponent, **effects})
        lines.append(_prose(name, rows[-1], rows[-len(candidates)], len(raw)))
    if not rows:
        return None
    table = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "Method": table["method"],
            "Beta": [
                interval(row.value, row.low, row.high, 3) + (" (the paper's)" if row.whose == "paper" else "")
                for row in table.itertuples(index=False)
            ],
            "Fitted to runs": [MISSING if pd.isna(runs) else str(int(runs)) for runs in table["runs"]],
            "Error on them": table["error"].map(fixed),
            "Queries below": [_of(row.below, row.asked) for row in table.itertuples(index=False)],
            "Queries above": [_of(row.above, row.asked) for row in table.itertuples(index=False)],
        }
    )
    return "\n".join(lines), Table(
        "beta",
        "The exponent that converts a target's loss to the proxies' size. *Error on them*: mean absolute error, nats "
        "per token, on the pairs of losses that beta was fitted to, which favours the fitted value. *Below* and "
        "*above*: the queried target losses that the exponent moves below the lowest or above the highest loss of a "
        "proxy at that step, where the loss tells the regressor nothing.",
        shown,
        table,
    )


def _effects(method: Method, raw: list[dict[str, Any]], ratio: float, beta: float) -> dict[str, Any]:
    """The error of an exponent on the losses it was fitted to, and how many queried losses it moves out of range."""
    pairs = method.tables.get("beta")
    error = None
    if pairs is not None:
        carried = size_correction.corrected(pairs["large"].to_numpy(np.float64), ratio, beta)
        error = float(np.abs(carried - pairs["small"].to_numpy(np.float64)).mean())
    losses = [float(size_correction.corrected(np.array(query["raw_loss"]), ratio, beta)) for query in raw]
    below = sum(loss < query["low"] for loss, query in zip(losses, raw, strict=True))
    above = sum(loss > query["high"] for loss, query in zip(losses, raw, strict=True))
    return {"error": error, "asked": len(raw), "below": below, "above": above}


def _prose(name: str, paper: Mapping[str, Any], used: Mapping[str, Any], asked: int) -> str:
    """``paper`` is the row of the paper's exponent, or ``used`` if the two are equal."""
    fitted = used["low"] is not None and used["runs"] is not None
    how = f", fitted to {counted(int(used['runs']), 'run')} of the target's size" if fitted else ", as set"
    text = (
        f"`{name}` converts the target's loss to the proxies' size with beta = "
        f"{interval(used['value'], used['low'], used['high'], 3)}{how}; the models' ratio of non-embedding parameters "
        f"is {fixed(used['ratio'], 1)}, so losses are multiplied by {fixed(used['ratio'] ** used['value'], 3)}."
    )
    if paper is used or not asked:
        return text
    return (
        f"{text} The paper's {PAPER_BETA} would multiply them by {fixed(paper['ratio'] ** PAPER_BETA, 3)} and put "
        f"{_of(paper['below'], asked)} of the same losses below those of all proxies at the step and "
        f"{_of(paper['above'], asked)} above; the beta used puts {_of(used['below'], asked)} below and "
        f"{_of(used['above'], asked)} above."
        + (
            f" On the pairs that beta was fitted to, the paper's errs by {fixed(paper['error'])} nats, the "
            f"fitted one by {fixed(used['error'])}."
            if used["error"] is not None
            else ""
        )
    )


def _of(number: int, total: int) -> str:
    return f"{number} of {total}" if total else MISSING


def _gap(query: Mapping[str, Any]) -> float:
    return abs(query["loss"] - query["nearest_loss"])


def _flat(query: Mapping[str, Any]) -> dict[str, Any]:
    weights = {f"weight_{domain}": weight for domain, weight in query["weights"].items()}
    return {key: value for key, value in query.items() if key != "weights"} | {"gap": _gap(query)} | weights


def _shown(query: Mapping[str, Any]) -> dict[str, str]:
    leading = sorted(query["weights"].items(), key=lambda item: -item[1])[:LEADING]
    far = query["distance"] > query["limit"]
    beyond = not query["low"] <= query["loss"] <= query["high"]
    raw = f" ({fixed(query['raw_loss'])})" if "raw_loss" in query else ""
    reasons = [word for word, flag in (("loss", beyond), ("mixture", far)) if flag]
    return {
        "At": percent(query["fraction"]),
        "Mixture": ", ".join(f"{domain} {fixed(weight, 2)}" for domain, weight in leading if weight >= 0.01),
        "Predicted next loss": fixed(query["predicted"]),
        "Loss": marked(fixed(query["loss"]), NOTED, beyond) + raw,
        "Proxies' losses": f"{fixed(query['low'])} to {fixed(query['high'])}",
        "Gap": fixed(_gap(query)),
        "Distance (limit)": f"{marked(fixed(query['distance'], 2), NOTED, far)} ({fixed(query['limit'], 2)})",
        "Outside": listed(reasons) if query["outside"] else "no",
    }
