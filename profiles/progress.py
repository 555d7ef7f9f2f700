"""What is already done of a plan: stages that are up to date in DVC, and runs in the store. It only reads."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.objectives import tasks_of
from regmix.params import Params
from regmix.planning.feasibility import Text, planned_runs
from regmix.sampling.rules import Rules

PIPELINE = ("corpus/dvc.yaml", "dvc.yaml", "target/dvc.yaml")  # `dvc status` alone would look at published/ too
HASHED = 4e9  # bytes of token files above which they are not hashed, and so no run is looked up


def text_of(params: Params, root: Path) -> tuple[Text, int] | None:
    """The tokenized corpus under ``root``, and its vocabulary; None if a domain is missing."""
    try:
        metas = {name: read_json(root / "data/corpus_tokenize" / name / "meta.json") for name in params.corpus.domains}
    except InputError:
        return None
    train, valid = ({name: meta[side]["tokens"] for name, meta in metas.items()} for side in ("train", "valid"))
    chars = sum(meta[side]["chars"] for meta in metas.values() for side in ("train", "valid"))
    return Text(train, valid, chars, "token files in data/", True), next(iter(metas.values()))["vocab"]


def stale_stages(root: Path) -> set[str] | None:
    """Names (``stage`` or ``stage@part``) that `dvc status` lists as changed; None if it cannot say."""
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json", *PIPELINE],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return {name.split(":")[-1] for name in json.loads(status.stdout)}  # without its file
    except ValueError:
        return None


def unfinished(pipeline: Mapping[str, Any], stale: set[str]) -> set[str]:
    """The stages of a pipeline that will run: stale stages, and all that depend on them.

    A stale part makes the whole stage stale, since later stages read all of its parts.
    """
    out = {name.split("@")[0] for name in stale}
    for stage, body in pipeline.items():  # in an order in which they can run
        deps = body.get("do", body).get("deps", ())
        # params.yaml names the file that a domain is read from; it can be a fetched archive.
        paths = ["data/corpus_fetch" if dep == "${item.path}" else dep for dep in deps]
        before = {Path(path).parts[1] for path in paths if path.startswith("data/")}
        if before & out:
            out.add(stage)
    return out


def stored(params: Params, root: Path, fresh: set[str]) -> dict[tuple[str, str], int]:
    """How many runs of a (stage, part) the store under ``root`` holds, where that is known.

    It is known for the swarm, whose mixtures follow from the corpus, and for runs that follow from the outputs of
    the stages in ``fresh``. Raises InputError for damaged token files.
    """
    sizes = [path.stat().st_size for path in (root / "data/corpus_tokenize").rglob("*.bin")]
    if not sizes or sum(sizes) > HASHED:
        return {}
    try:
        built = read_json(root / "data/corpus_tokenize/domains.json")["all"]
    except InputError:
        return {}
    if built != list(params.corpus.domains):
        return {}
    from regmix.corpus.tokens.tokenized import digest_of, open_corpus  # the engine takes seconds to import
    from regmix.engine.run import Run, Setup
    from regmix.engine.store.keys import hardware, run_key
    from regmix.engine.store.runs import RunStore
    from regmix.engine.train_many import launcher_of, placed
    from regmix.target.targets import Targets
    from stages.target.plans import read_plan, runs_of, training_of

    text = open_corpus(root / "data/corpus_tokenize", params.corpus.trained)
    store = RunStore(root / ".runs")
    proxy = placed(Setup(params.proxy, text.vocab, text.train, text.valid), params.machine)
    # The key of a sharded target names no place, so any place works.
    places = [hardware()]
    with contextlib.suppress(InputError):  # without a GPU, runs trained on one are not found
        places = launcher_of(params.machine).places(store, proxy.compute) or [hardware(proxy.compute)]

    def count(setup: Setup, runs: Sequence[Run], digest: str, weights: bool = False) -> int:
        def holds(run: Run, place: dict[str, str]) -> bool:
            key = run_key(setup, run, digest, place)
            finished = store.result(key, weights=False) is not None
            return finished and (not weights or (store.root / key / "weights.safetensors").exists())

        return sum(any(holds(run, place) for place in places) for run in runs)

    out, keep = {}, bool(tasks_of(params.objectives))
    sizes_of = text_of(params, root)
    assert sizes_of is not None
    for shard, planned in planned_runs(params, sizes_of[0]).items():
        runs = [Run(run.name, run.schedule, run.seed) for run in planned]
        out["swarm_train", shard] = count(proxy, runs, text.digest, keep)
    if "mixture_simulate" in fresh:
        out["mixture_confirm", ""] = count(proxy, _confirming(params, root), text.digest, keep)
    if "target_schedule" in fresh:
        plans = root / "data/target_schedule"
        targets = Targets.read(plans)
        for method in targets.methods:
            plan = read_plan(plans / method)
            setup = Setup(training_of(targets), text.vocab, plan.tokens or text.train, text.valid)
            setup = placed(setup, params.machine)
            if params.machine.sharded:
                setup.compute = "sharded"
            runs = runs_of(method, plan, targets)
            out["target_train", method] = count(setup, runs, digest_of(text, plan.tokens), weights=True)
    return out


def _confirming(params: Params, root: Path) -> list[Any]:
    """The runs of mixture_confirm, as that stage makes them."""
    from regmix.mixture.confirmation.confirming_runs import baselines, confirming_runs

    rules = Rules.from_json(read_json(root / "data/swarm_sample/rules.json"))
    mixtures = baselines(rules, params.objectives.values())
    for name in params.objectives:
        weights = read_json(root / "data/mixture_simulate" / f"{name}.json")["weights"]
        mixtures[f"regmix_{name}"] = np.array([weights[domain] for domain in rules.domains])
    return confirming_runs(rules.domains, mixtures, params.mixture.confirm.seeds)


def stages(root: Path) -> dict[str, Any]:
    """The stages of ``root``'s pipeline, in an order in which they can run."""
    corpus, main, target = (yaml.safe_load((root / file).read_text(encoding="utf-8"))["stages"] for file in PIPELINE)
    first, last = ({name: main.pop(name)} for name in ("code_digest", "report"))
    return first | corpus | main | target | last
