"""Measure what the README claims about speed: python -m benchmarks.bench, on an idle machine, after `make repro`."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks import methods, scoring, swarm
from regmix import mixtures
from regmix import params as schema
from regmix.errors import InputError
from regmix.objectives import runs
from regmix.published_params import load_published
from stages.harness import read_csv, read_json, write_json
from stages.published_sets import read_sets

RESULTS = Path("benchmarks/results.json")
PUBLISHED = Path("published/data/published_runs")  # of `make paper`, if it was run


def noop_repro(times: int = 3) -> dict[str, Any]:
    """Seconds of `dvc repro` where there is nothing to do."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        done = subprocess.run(["dvc", "repro"], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        if done.returncode or "Running stage" in done.stdout:
            raise InputError("dvc.lock: `dvc repro` had work to do, so its time says nothing; run `make repro` first")
    return {"median_seconds": round(statistics.median(seconds), 2), "all": [round(s, 2) for s in seconds]}


def machine() -> dict[str, Any]:
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]  # fmt: skip
    return {"cpu": models[0] if models else platform.processor(), "cores": os.cpu_count(), "torch": torch.__version__}


def main() -> None:
    sample, collected = Path("data/swarm_sample"), Path("data/swarm_collect")
    for folder in (sample, collected):
        if not folder.is_dir():
            raise InputError(f"{folder}: missing; run `make repro` first")
    params = schema.load(Path("params.yaml"))
    trained = runs(read_csv(collected / "mixtures.csv"), read_csv(collected / "losses.csv"), params.corpus.trained)
    rules = mixtures.rules(read_json(sample / "prior.json"), read_json(sample / "bounds.json"), params.swarm)
    # The swarm comes first: its processes are forked, and no thread of another library must be there.
    results = {
        "machine": machine(),
        "swarm_against_transformers": [swarm.measure(name, tokens) for name in swarm.SHAPES for tokens in (256, 1024)],
        "methods": methods.measure(params),
        "noop_repro": noop_repro(),
        "scoring": scoring.measure(trained.of("random", "anchor"), rules, params),
    }
    if PUBLISHED.is_dir():
        settings = load_published(Path("published/params.yaml"))
        results["scoring_published"] = scoring.published(settings, read_sets(PUBLISHED)["train_1m"])
    write_json(RESULTS, results)
    for one in results["swarm_against_transformers"]:
        theirs, ours = one["transformers_tokens_a_second"] / 1e3, one["engine_tokens_a_second"] / 1e3
        print(
            f"width {one['shape']['width']}, {one['tokens_a_step']} tokens a step: transformers {theirs:.0f}, "
            f"engine {ours:.0f} thousand tokens/s: {one['ratio']['median']} times"
        )
    print(f"no-op dvc repro: {results['noop_repro']['median_seconds']} s")
    for part in ("scoring", "scoring_published"):
        if part in results:
            times = {key.removesuffix("_seconds"): value for key, value in results[part].items() if "seconds" in key}
            told = ", ".join(f"{key} {value} s" for key, value in times.items())
            print(f"a million candidates, {results[part]['fitted_to']} proxies: {told}")
    for name, one in results["methods"].items():
        steered = one.get("train_against_natural")
        told = f", trains {steered['median']} times as long as natural" if steered else ""
        print(f"{name}: planned in {one['plan_seconds']} s{told}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
