"""Measure what docs/speed.md says about speed: python -m benchmarks.bench [PART ...], idle machine, after `make repro`.

Without PART it measures all but the long ones. What is not measured again stays in benchmarks/results.json as it was,
and is printed with the rest; ``machines`` there says where each part was measured.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import lines
from benchmarks.choosing import acquisitions, fewer_proxies, optimum, scoring
from benchmarks.dvc import growth, overheads, stages, tokenization
from benchmarks.training import avx2, gpu, methods, precision, proxies, swarm
from regmix import params as schema
from regmix.core import runs
from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json
from regmix.core.runs import LEARNT
from regmix.engine.store.keys import hardware
from regmix.params import Params
from regmix.published.settings import Published
from regmix.sampling.rules import Rules
from stages.published.published_sets import read_sets

RESULTS = Path("benchmarks/results.json")
PUBLISHED = Path("published/data/published_runs")  # of `make paper`, if it was run
SAMPLE, COLLECTED = Path("data/swarm_sample"), Path("data/swarm_collect")


def noop_repro(times: int = 3) -> dict[str, Any]:
    """Seconds of `dvc repro` where there is nothing to do."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        completed = subprocess.run(["dvc", "repro"], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        if completed.returncode or "Running stage" in completed.stdout:
            raise InputError("dvc.lock: `dvc repro` had work to do, so its time says nothing; run `make repro` first")
    values = proxies.summary(seconds, 2)
    return {"median_seconds": values["median"], "all": values["all"]}


def candidates(params: Params) -> dict[str, Any]:
    """Seconds of scoring, by regressors fitted to the swarm."""
    trained = runs.read(COLLECTED, params.corpus.trained)
    rules = Rules.from_json(read_json(SAMPLE / "rules.json"))
    return scoring.measure(trained.of(*LEARNT), rules, params)


def candidates_published() -> dict[str, Any] | None:
    """The same by those fitted to the published proxies; None without them."""
    if not PUBLISHED.is_dir():
        return None
    return scoring.published(Published.load(Path("published/params.yaml")), read_sets(PUBLISHED)["train_1m"])


def acquisitions_published(params: Params) -> dict[str, Any] | None:
    """The acquisition rules on the published runs; None without them."""
    return acquisitions.published(params, read_sets(PUBLISHED)["train_1m"]) if PUBLISHED.is_dir() else None


# The parts that train come first: their processes are forked, and no thread of another library must be there.
PARTS: dict[str, Callable[[Params], Any]] = {
    "swarm_against_transformers": lambda _: swarm.shapes(),
    "swarm_against_transformers_avx2": lambda _: avx2.measure(),
    "precision": precision.measure,
    "overheads": overheads.measure,
    "methods": methods.measure,
    "growth": lambda _: growth.measure(),
    "tokenization": lambda _: tokenization.measure(Path("data/corpus_extract"), Path("data/tokenizer_train")),
    "stages": lambda _: stages.measure(),
    "gpu": lambda _: gpu.measure_here(),
    "acquisitions": acquisitions.trained,
    "fewer_proxies": fewer_proxies.measure,
    "acquisitions_published": acquisitions_published,
    "noop_repro": lambda _: noop_repro(),
    "optimum": optimum.measure,
    "scoring": candidates,
    "scoring_published": lambda _: candidates_published(),
}
# A gigabyte; the whole pipeline, from nothing; needs a GPU; 300 proxies; 60 targets; most of an hour; minutes.
LONG = ("tokenization", "stages", "gpu", "acquisitions", "fewer_proxies", "acquisitions_published", "optimum")


def machine() -> dict[str, Any]:
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]  # fmt: skip
    cpu = models[0] if models else platform.processor()
    return {"cpu": cpu, "cores": os.cpu_count(), "torch": torch.__version__, "kernels": hardware()["kernels"]}


def main(names: Sequence[str]) -> None:
    """Measure the parts ``names``, or all but the long ones, keep each as it comes, and print all there are.

    Raises InputError: an unknown part, or a pipeline that has not run.
    """
    if unknown := sorted(set(names) - set(PARTS)):
        raise InputError(f"{unknown[0]}: not a part that can be measured; use some of {', '.join(PARTS)}")
    for folder in (SAMPLE, COLLECTED):
        if not folder.is_dir():
            raise InputError(f"{folder}: missing; run `make repro` first")
    params = schema.Params.load(Path("params.yaml"))
    results: dict[str, Any] = read_json(RESULTS) if RESULTS.exists() else {"machines": {}}
    chosen = [part for part in PARTS if part in names or (not names and part not in LONG)]
    for part in chosen:
        if (value := PARTS[part](params)) is not None:
            results = with_part(results, part, value)
            write_json(RESULTS, results)
    for part in PARTS:
        if part in results:
            at = results["machines"][part]
            place = f"{at['cpu']}, {at['cores']} cores, torch {at['torch']}, {at['kernels']}"
            note = "" if part in chosen else f" (kept, of {place})"
            print("\n".join([f"{part}{note}", *(f"  {line}" for line in lines.LINES[part](results[part]))]))


def with_part(results: dict[str, Any], part: str, value: Any) -> dict[str, Any]:
    """``results`` with a part measured here and now; parts in their order, whatever was measured first."""
    values, places = {**results, part: value}, {**results["machines"], part: machine()}
    order = [name for name in PARTS if name in values]
    return {"machines": {name: places[name] for name in order}, **{name: values[name] for name in order}}


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
