"""The models and their cost, counted in three ways (the paper's Table 9 and its "2%")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.core.model_shape import ModelShape
from regmix.evaluation.dynamic_mixing import one_target
from reports.page.formats import count, fixed, percent, power, relative
from reports.page.section import Section, Table

COUNTS = {"body": "body only", "attention": "body and attention", "full": "with the head"}
PAPER = {  # Table 9 and section 4.1 of the paper: shape, tokens of one run
    "1M": (ModelShape(2, 8, 256, 512, 2048, 50432), 1e9),
    "1B": (ModelShape(22, 16, 2048, 5632, 2048, 50432), 25e9),
}
PAPER_PROXIES = 512


def models(proxy: Mapping[str, Any], target: Mapping[str, Any], runs: Mapping[str, int]) -> Section:
    """``proxy`` and ``target`` are each meta.json of one run; ``runs`` counts swarm, confirmation and targets."""
    rows = [_row("proxy", proxy["shape"], proxy["parameters"], proxy["train_tokens"], proxy["flops_a_token"])]
    rows.append(_row("target", target["shape"], target["parameters"], target["train_tokens"], target["flops_a_token"]))
    for name, (shape, tokens) in PAPER.items():
        parameters = {"body": shape.body, "all": shape.parameters}
        rows.append(_row(f"paper {name}", vars(shape), parameters, tokens, shape.flops()))
    shapes = pd.DataFrame(rows)
    numeric = ["layers", "heads", "width", "ffn", "context", "vocab"]
    labels = {"ffn": "FFN", "vocab": "Vocabulary"}
    shown = pd.DataFrame(
        {"Model": shapes["model"]} | {labels.get(n, n.capitalize()): shapes[n].map(count) for n in numeric}
    )
    shown["Non-embedding parameters"] = shapes["body_parameters"].map(count)
    shown["All parameters"] = shapes["parameters"].map(count)
    shown["Tokens per run"] = shapes["tokens"].map(count)
    for key, label in COUNTS.items():
        shown[f"FLOPs per token, {label}"] = shapes[f"flops_{key}"].map(power)

    totals = pd.DataFrame(
        [_total(stage, number, target if stage == "targets" else proxy) for stage, number in runs.items()]
    )
    by_stage = totals.set_index("stage")
    totals_shown = pd.DataFrame({"Stage": totals["stage"], "Runs": totals["runs"].map(count)})
    totals_shown["Tokens"] = totals["tokens"].map(count)
    for key, label in COUNTS.items():
        totals_shown[f"FLOPs, {label}"] = totals[f"flops_{key}"].map(power)
    ours = {k: share(by_stage.loc["swarm", f"flops_{k}"], target, k) for k in COUNTS}
    paper = {k: _paper_share(k) for k in COUNTS}
    line = {"Stage": "*swarm / one target*", "Runs": "", "Tokens": ""}
    line |= {f"FLOPs, {label}": percent(ours[key]) for key, label in COUNTS.items()}
    theirs = {"Stage": "paper: 512 × 1M / one 1B", "Runs": "", "Tokens": ""}
    theirs |= {f"FLOPs, {label}": percent(paper[key]) for key, label in COUNTS.items()}
    totals_shown = pd.concat([totals_shown, pd.DataFrame([line, theirs])], ignore_index=True)
    both = {"swarm / one target": ours, "paper: swarm / one 1B": paper}
    shares = pd.DataFrame([{"stage": s, **{f"flops_{k}": v for k, v in values.items()}} for s, values in both.items()])

    (small, small_tokens), (large, large_tokens) = PAPER["1M"], PAPER["1B"]
    bodies = target["parameters"]["body"] / proxy["parameters"]["body"]
    prose = (
        "Models are named and compared by non-embedding parameters in the paper, and its claim that the swarm costs "
        '"nearly 2%" of one 1B run counts the same way. A small model spends much of its compute elsewhere: '
        f"the head that predicts the vocabulary takes {percent(_head(small.flops()))} of the FLOPs of the paper's 1M "
        f"model and {percent(_head(proxy['flops_a_token']))} of those of the proxy here. Counted in full, the paper's "
        f"swarm costs {percent(paper['full'])} of one 1B run. Here the whole swarm costs {relative(ours['body'])} one "
        f"target counted body only and {relative(ours['full'])} one counted in full. The paper's target has "
        f"{count(large.body / small.body)} times a proxy's non-embedding parameters and "
        f"{large_tokens / small_tokens:g} times its tokens; here it has {fixed(bodies, 1)} times the parameters and "
        f"{fixed(target['train_tokens'] / proxy['train_tokens'], 1)} times the tokens."
        + (" So here the swarm saves nothing: it costs more than a target." if ours["full"] > 1 else "")
    )
    return Section(
        "Models and cost",
        (
            prose,
            Table(
                "models",
                "Shapes, parameters and training FLOPs per token (the paper's Table 9, of which two rows are shown "
                "below ours). *Body*: 6 FLOPs per non-embedding parameter and token; attention counts the full "
                "square.",
                shown,
                shapes,
            ),
            Table(
                "flops",
                "The compute spent, and the swarm's share of one target (the paper's footnote 3 and the "
                "estimated-FLOPs row of its Table 4).",
                totals_shown,
                pd.concat([totals, shares], ignore_index=True),
            ),
        ),
    )


def share(swarm_flops: float, target: Mapping[str, Any], key: str) -> float:
    """The swarm's FLOPs over those of one target, both counted by ``key``."""
    return swarm_flops / one_target(target, key)


def _head(flops: Mapping[str, float]) -> float:
    """The head's share of a token's FLOPs."""
    return 1 - flops["attention"] / flops["full"]


def _row(
    name: str, shape: Mapping[str, Any], parameters: Mapping[str, int], tokens: float, flops: Mapping[str, float]
) -> dict[str, Any]:
    sizes = {"body_parameters": parameters["body"], "parameters": parameters["all"], "tokens": tokens}
    return {"model": name, **shape, **sizes, **{f"flops_{key}": flops[key] for key in COUNTS}}


def _total(stage: str, runs: int, meta: Mapping[str, Any]) -> dict[str, Any]:
    tokens = runs * meta["train_tokens"]
    return {"stage": stage, "runs": runs, "tokens": tokens} | {
        f"flops_{key}": tokens * meta["flops_a_token"][key] for key in COUNTS
    }


def _paper_share(key: str) -> float:
    (small, small_tokens), (large, large_tokens) = PAPER["1M"], PAPER["1B"]
    return PAPER_PROXIES * small.flops()[key] * small_tokens / (large.flops()[key] * large_tokens)
