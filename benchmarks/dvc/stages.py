"""What every stage of a fresh `dvc repro` takes, against the least that its FLOPs take at this machine's best rate."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.dvc import pipeline
from benchmarks.training import gemm
from profiles import progress
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.planning import planner


def measure(profile: str | None = None) -> dict[str, Any]:
    """By stage, summed over its parts: seconds, imports included, and the floor below them.

    The whole pipeline runs in a copy, as installed and with an empty cache, by params.yaml or a profile. The floor is
    the FLOPs that planning.planner counts for what the engine trains and scores, over ``gemm.rate`` of all its
    processes; the upper half of attention's square, which a causal kernel leaves out, is not counted. Zero where the
    engine has no part.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "copy"
        pipeline.copy(folder, {}, profile)
        pipeline.compiled(folder)
        params = schema.Params.load(folder / "params.yaml")
        took = pipeline.repro(folder, "repro")
        corpus = progress.text_of(params, folder)
    if corpus is None:
        raise InputError("data/corpus_tokenize: `dvc repro` left none in a copy of this tree; see what it says here")
    text, vocab = corpus
    flops = dict.fromkeys(took.stages, 0.0)
    for work in planner.works(params, vocab, text):
        if work.engine:
            counted = work.flops()
            flops[work.stage] += counted["full"] - (counted["attention"] - counted["body"]) / 2
    rates = gemm.rate(params.machine.processes)
    best = max(rates.values())
    return {
        "profile": profile,
        "seconds": round(took.seconds, 1),
        "dvc_seconds": round(took.seconds - took.inside, 1),
        "gemm_gflops_a_second": {library: round(rate / 1e9) for library, rate in rates.items()},
        "floor_seconds": round(sum(flops.values()) / best, 2),
        "stages": {
            stage: {
                "parts": len(parts),
                "seconds": round(sum(parts), 1),
                "flops": flops[stage],
                "floor_seconds": round(flops[stage] / best, 2),
            }
            for stage, parts in took.stages.items()
        },
    }
