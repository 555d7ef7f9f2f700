"""What the papers' runs cost in FLOPs, counted both body only, as the papers do, and in full.

The shapes are those of RegMix's Table 9, whose "d_embedding" is the residual width and "d_model" the FFN's.
"""

from __future__ import annotations

import pandas as pd

from regmix.core.model_shape import ModelShape

CONTEXT = 2048
SWARM = 512  # proxies
TOKENS = {"1M": 1e9, "60M": 1e9, "1B": 25e9, "7B": 100e9}  # of one run: sections 4.1 and J


def shape(row: pd.Series) -> ModelShape:
    """The model of a row of Table 9."""
    return ModelShape(int(row["layers"]), int(row["heads"]), int(row["d_embedding"]), int(row["d_model"]), CONTEXT,
                      int(row["vocabulary"]))  # fmt: skip


def runs(shapes: pd.DataFrame) -> pd.DataFrame:
    """model, body, parameters, tokens, and the FLOPs of one run by each count; one row per row of Table 9."""
    rows = []
    for _, row in shapes.iterrows():
        model, tokens = shape(row), TOKENS[row["model"]]
        flops = {f"flops_{key}": value * tokens for key, value in model.flops().items()}
        rows.append(
            {"model": row["model"], "body": model.body, "parameters": model.parameters, "tokens": tokens, **flops}
        )
    return pd.DataFrame(rows)


def shares(table: pd.DataFrame) -> dict[str, float]:
    """The swarm's FLOPs and their share of one 1B and one 7B run, by each count; the head's share of each model."""
    by_model = table.set_index("model")
    heads = 1 - by_model["flops_attention"] / by_model["flops_full"]
    out = {f"head_share_{model.lower()}": share for model, share in heads.items()}
    for count in ("body", "attention", "full"):
        swarm = SWARM * by_model.loc["1M", f"flops_{count}"]
        out[f"swarm_flops_{count}"] = swarm
        for target in ("1B", "7B"):
            out[f"swarm_share_of_{target.lower()}_{count}"] = swarm / by_model.loc[target, f"flops_{count}"]
    return {key: float(value) for key, value in out.items()}
