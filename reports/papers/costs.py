"""Compute: FLOPs counted in three ways, and RegMix-D's GPU hours."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from reports.page.formats import count, fixed, percent, power
from reports.page.section import Section, Table

COUNTS = {"body": "body only", "attention": "with attention", "full": "with attention and head"}


def figures(hours: pd.DataFrame, printed: pd.DataFrame) -> dict[str, float]:
    """Shares of RegMix-D's GPU hours and of Table 4's printed FLOPs."""
    swarm = hours[hours["what"] == "swarm"].set_index("proxies")["gpu_hours"]
    targets = hours[hours["what"] == "target"].set_index("method")
    used = targets["hours"] * targets["gpus"]
    flops = printed.set_index("method")["flops"]
    return {
        "swarm_share_of_doremi_printed": float(flops["regmix"] / flops["doremi"]),
        "hours_512_of_target": float(swarm[512] / used["regmix"]),
        "hours_128_of_target": float(swarm[128] / used["regmix"]),
        "hours_128_of_512": float(swarm[128] / swarm[512]),
        "hours_online_extra": float(used["online"] / used["regmix"] - 1),
    }


def costs(runs: pd.DataFrame, shares: Mapping[str, float], printed: pd.DataFrame, hours: pd.DataFrame) -> Section:
    """``runs`` and ``shares`` are from published_tables; ``printed`` is Table 4's last rows, ``hours`` RegMix-D's."""
    models = pd.DataFrame({"Model": runs["model"], "Non-embedding": runs["body"].map(count),
                           "All parameters": runs["parameters"].map(count),
                           "Tokens of a run": runs["tokens"].map(power)})  # fmt: skip
    for key, label in COUNTS.items():
        models[f"FLOPs of a run, {label}"] = runs[f"flops_{key}"].map(power)
    models["Head's share"] = [percent(shares[f"head_share_{m.lower()}"]) for m in runs["model"]]
    flops = printed.set_index("method")["flops"]
    claims = [["512 proxies, FLOPs", *[power(shares[f"swarm_flops_{key}"]) for key in COUNTS], power(flops["regmix"])]]
    for target in ("1B", "7B"):
        own = [percent(shares[f"swarm_share_of_{target.lower()}_{key}"]) for key in COUNTS]
        claims.append([f"share of one {target} run", *own, "nearly 2%" if target == "1B" else "–"])
    claims.append(["share of DoReMi's as printed",
                   *[percent(shares[f"swarm_flops_{k}"] / flops["doremi"]) for k in COUNTS],
                   percent(flops["regmix"] / flops["doremi"])])  # fmt: skip
    columns = ["", *COUNTS.values(), "paper"]
    swarm = hours[hours["what"] == "swarm"].set_index("proxies")["gpu_hours"]
    targets = hours[hours["what"] == "target"].set_index("method")
    used = targets["hours"] * targets["gpus"]
    rows = [["512 proxies", fixed(swarm[512], 0), percent(swarm[512] / used["regmix"])],
            ["128 proxies", fixed(swarm[128], 0), percent(swarm[128] / used["regmix"])]]  # fmt: skip
    rows += [
        [f"one target run, {name}", fixed(value, 1), f"{100 * value / used['regmix']:.1f}%"]
        for name, value in used.items()
    ]
    share = figures(hours, printed)
    frame = pd.DataFrame(rows, columns=["What", "H800 hours", "of one RegMix target run"])
    return Section(
        "Compute: 2%, a tenth, and in full",
        (
            "Both papers count 6 FLOPs per non-embedding parameter and token. For a 1M model that leaves out most of "
            f"the work: {percent(shares['head_share_1m'])} of its FLOPs are in the head, against "
            f"{percent(shares['head_share_1b'])} for the 1B model. The claim of 2% becomes "
            f"{percent(shares['swarm_share_of_1b_body'])} body only and {percent(shares['swarm_share_of_1b_full'])} in "
            "full. RegMix-D's own hours agree with the full count: its 512 proxies take "
            f"{percent(share['hours_512_of_target'])} of the GPU hours of one target run, and switching mixtures "
            f"online adds {percent(share['hours_online_extra'])} to the run itself.",
            Table("costs_models", "Models of Table 9 and the cost of a run of each. Attention is counted for all "
                  "pairs of positions; a causal kernel does about half of it.", models, runs),
            Table("costs_claims", "The papers' claims of cost by each count.", pd.DataFrame(claims, columns=columns),
                  pd.DataFrame([shares])),
            Table("costs_hours", "RegMix-D's hours as it states them, the papers' numbers: 8 GPUs per target run.",
                  frame, hours),
        ),
    )  # fmt: skip
