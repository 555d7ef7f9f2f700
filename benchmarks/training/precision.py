"""What bf16 products change of a proxy's losses, against what another seed changes, and how much faster they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.training import proxies
from regmix.engine.settings import Training
from regmix.params import Params

SEEDS = 3


def measure(params: Params, seeds: int = SEEDS) -> dict[str, Any]:
    """The mixtures of the first shard, each under ``seeds`` seeds, in fp32 and in bf16.

    By domain, in nats: ``noise`` is the sd over runs of the final loss in bf16 minus the same run's in fp32, ``shift``
    its mean, ``seed`` the sd over seeds of a mixture's loss in fp32, pooled over mixtures; ``ratio`` is noise / seed.
    ``speed`` is CPU seconds in fp32 over those in bf16, a value a seed, the two trained one after the other.
    """
    text, listed = proxies.corpus(params), proxies.runs(params.swarm.shards[0])
    losses: dict[str, list[np.ndarray]] = {"fp32": [], "bf16": []}
    speed = []
    for seed in range(seeds):
        runs = [replace(run, seed=run.seed + seed) for run in listed]
        took = {}
        for precision, rows in losses.items():
            trained = proxies.train(params, _in(params.proxy, precision), text, runs, precision)
            domains = params.corpus.domains
            rows.append(np.array([[result.losses[name] for name in domains] for result in trained.results]))
            took[precision] = trained.cpu
        speed.append(took["fp32"] / took["bf16"])
    fp32, bf16 = (np.stack(rows) for rows in losses.values())  # (seeds, mixtures, K)
    noise, shift = (bf16 - fp32).std(axis=(0, 1), ddof=1), (bf16 - fp32).mean(axis=(0, 1))
    between = np.sqrt(fp32.var(axis=0, ddof=1).mean(axis=0))
    ratio = noise / between
    return {
        "mixtures": len(listed),
        "seeds": seeds,
        "ratio": {"median": round(float(np.median(ratio)), 3), "largest": round(float(ratio.max()), 3)},
        "speed": proxies.summary(speed, 2),
        "domains": {
            name: {"noise": round(n, 5), "shift": round(m, 5), "seed": round(s, 5), "ratio": round(r, 3)}
            for name, n, m, s, r in zip(
                params.corpus.domains, *(a.tolist() for a in (noise, shift, between, ratio)), strict=True
            )
        },
    }


def _in(training: Training, precision: str) -> Training:
    recipe = training.recipe.model_dump() | {"precision": precision}
    return Training.model_validate({**training.model_dump(include={"shape", "validation"}), "recipe": recipe})
