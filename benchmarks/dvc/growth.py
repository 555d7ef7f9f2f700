"""What a swarm costs besides its training, from 64 to 1024 proxies: minimal runs in shards of 64, through DVC."""

from __future__ import annotations

import math
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.dvc import pipeline

PER_SHARD, SIZES = 64, (64, 256, 1024)
MINIMAL = {
    "proxy.shape": {"layers": 1, "heads": 1, "width": 2, "ffn": 2, "context": 16},
    "proxy.recipe.sequences": 1,
    "proxy.recipe.steps": 2,
    "proxy.validation": {"final_tokens": 16, "logged_tokens": 16, "logged": 2},
    "swarm.per_shard": PER_SHARD,
}


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """By number of proxies: seconds of `dvc repro swarm_collect` on an existing corpus, in stages and outside of
    them, of the same with nothing to do, and of `dvc status`.

    ``exponent`` is the log-log slope of a time from the first size to the last, 1 or less where it grows linearly from
    a fixed cost; ``added`` the seconds that a thousand more proxies took, between one size and the next.
    """
    by_size = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            by_size[size] = _of(size, Path(scratch) / "copy")
    keys = [key for key in by_size[sizes[0]] if key != "stages"]
    growth = math.log(sizes[-1] / sizes[0])
    return {
        "proxies": {str(size): times for size, times in by_size.items()},
        "exponent": {
            key: round(math.log(by_size[sizes[-1]][key] / by_size[sizes[0]][key]) / growth, 2) for key in keys
        },
        "added_seconds_a_thousand": {
            key: [round(1000 * (by_size[b][key] - by_size[a][key]) / (b - a), 2) for a, b in pairwise(sizes)]
            for key in keys
        },
    }


def _of(size: int, folder: Path) -> dict[str, Any]:
    shards = [f"random-{i}" for i in range(size // PER_SHARD)]
    pipeline.copy(folder, MINIMAL | {"swarm.shards": shards})
    pipeline.with_corpus(folder)
    pipeline.compiled(folder)
    first = pipeline.repro(folder, "repro", "swarm_collect")
    again = pipeline.repro(folder, "repro", "swarm_collect")
    status = pipeline.repro(folder, "status")
    return {
        "repro": round(first.seconds, 2),
        "in_stages": round(first.inside, 2),
        "dvc": round(first.seconds - first.inside, 2),
        "noop": round(again.seconds, 2),
        "status": round(status.seconds, 2),
        "stages": {stage: round(sum(parts), 2) for stage, parts in first.stages.items()},
    }
