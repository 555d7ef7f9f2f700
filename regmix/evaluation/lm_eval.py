"""Downstream scores of exported models, by lm-eval: tasks from a folder, and lm-eval's own by name."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from regmix.core.errors import InputError, reason_of

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from regmix.evaluation.packed_lm import Encode, PackedLM

COLUMNS = ("task", "shots", "metric", "value", "items")
SEEDS = {"python": 0, "numpy": 1234, "torch": 1234, "fewshot": 1234}  # the defaults of lm-eval's command line
QUIET = {
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
OFFLINE = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def evaluate_all(
    folders: Sequence[Path],
    tasks: Path,
    *,
    names: Sequence[str],
    shots: Sequence[int],
    batch_size: int,
    processes: int,
    scratch: Path,
) -> list[pd.DataFrame]:
    """The frame of ``evaluate`` for every model folder, in order, computed by single-threaded processes.

    Results do not depend on the number of processes. Raises InputError if ``evaluate`` does, or if a model is missing.
    """
    for folder in folders:
        if not (folder / "config.json").is_file():
            raise InputError(f"{folder}: no exported model; train the targets again")
    shares = [folders[i::processes] for i in range(min(processes, len(folders)))]
    environment = QUIET | ({} if names else OFFLINE)
    context = multiprocessing.get_context("spawn")  # libraries read the environment on import
    with ProcessPoolExecutor(len(shares), context, _prepare, (environment,)) as pool:
        jobs = [
            pool.submit(_evaluate_share, share, tasks, tuple(names), tuple(shots), batch_size, scratch)
            for share in shares
        ]
        try:
            scores = [job.result() for job in jobs]
        except BrokenProcessPool:
            raise InputError(
                f"{tasks}: an evaluation process was killed, possibly because memory ran out; "
                "lower evaluation.batch_size or machine.processes"
            ) from None
    return [scores[i % len(shares)][i // len(shares)] for i in range(len(folders))]


def evaluate(
    folders: Sequence[Path], tasks: Path, *, names: Sequence[str], shots: Sequence[int], batch_size: int, scratch: Path
) -> Iterator[pd.DataFrame]:
    """One frame (task, shots, metric, value, items) per transformers model folder.

    The tasks are those of the YAML files in ``tasks`` and lm-eval's own tasks ``names``, which need the hub;
    ``shots`` are the numbers of examples before an item. Values are as lm-eval returns them: shares of the
    items, perplexities. lm-eval writes its own files only to ``scratch``.
    Raises InputError for an unknown task, or if an item of ``tasks`` does not fit a model.
    """
    import lm_eval

    from regmix.evaluation.packed_lm import PackedLM

    loaded = _load(tasks, names, scratch)
    own_shots = {task: loaded_task.get_config("num_fewshot") for task, loaded_task in loaded.items()}
    encoders: dict[str, Encode] = {}
    for folder in folders:
        tokenizer = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
        model = PackedLM(folder, batch_size, encoders.get(tokenizer))
        encoders.setdefault(tokenizer, model.encode)
        rows: list[tuple[str, int, str, float, int]] = []
        for count in shots:
            # As in lm_eval.simple_evaluate, which spends longer describing the machine than evaluating.
            for task, loaded_task in loaded.items():
                loaded_task.set_config("num_fewshot", count if own_shots[task] != 0 else 0)  # 0: takes no examples
                loaded_task.set_fewshot_seed(SEEDS["fewshot"])
            _seed()
            output = lm_eval.evaluate(model, {"tasks": loaded}, bootstrap_iters=0, log_samples=False)
            assert output is not None
            _check_fit(model, folder, tasks, loaded, count)
            for task in loaded:
                items = output["n-samples"][task]["effective"]
                rows += [(task, count, metric, value, items) for metric, value in _values(output["results"][task])]
        yield pd.DataFrame(rows, columns=list(COLUMNS))


def _load(folder: Path, names: Sequence[str], scratch: Path) -> dict[str, Task]:
    """lm-eval's tasks by name: those of ``folder`` in the order of their files, then ``names``."""
    from lm_eval.tasks import TaskManager

    cache = tempfile.mkdtemp(dir=scratch)  # for this process only
    configs = []
    for path in sorted(folder.glob("*.yaml")):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        files = {split: str(folder / config["task"] / f"{split}.jsonl") for split in ("test", "fewshot")}
        configs.append(config | {"dataset_kwargs": {"data_files": files, "cache_dir": cache}})
    if not configs and not names:
        raise InputError(f"{folder}: no task files; list domains in evaluation.last_word or evaluation.continuation")
    loaded: dict[str, Task] = TaskManager(include_defaults=False).load(configs)["tasks"] if configs else {}
    manager = TaskManager() if names else None
    for name in names:
        assert manager is not None
        try:
            loaded |= manager.load([name])["tasks"]
        except Exception as error:  # a task's code and the hub's client raise many types
            reason = reason_of(error)
            raise InputError(
                f"params.yaml: evaluation.tasks: lm-eval cannot load {name!r} ({reason}); fix the name, "
                "check access to the hub, or remove it"
            ) from None
    return loaded


def _values(results: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Metrics and values of one task; lm-eval's keys are ``metric,filter``, the filter usually ``none``."""
    for key, value in results.items():
        metric, _, filter_name = key.partition(",")
        if filter_name and not metric.endswith("_stderr"):
            yield metric if filter_name == "none" else key, float(value)


def _check_fit(model: PackedLM, folder: Path, tasks: Path, loaded: dict[str, Task], shots: int) -> None:
    """Reject scores of our own tasks if prompts were truncated; lm-eval truncates its own tasks as usual."""
    for task, loaded_task in loaded.items():
        if (tasks / task).is_dir() and any(instance.args in model.truncated for instance in loaded_task.instances):
            raise InputError(
                f"{folder}: items of {task} with {shots} shots do not fit the model's {model.max_length} tokens; "
                "make the tasks again with these shots and this tokenizer, or lower evaluation.shots"
            )


def _seed() -> None:
    """Seed the generators that lm-eval's own tasks can use; ours use only the few-shot seed."""
    import torch

    random.seed(SEEDS["python"])
    np.random.seed(SEEDS["numpy"])  # noqa: NPY002 - lm-eval's tasks use it
    torch.manual_seed(SEEDS["torch"])


def _prepare(environment: dict[str, str]) -> None:
    """Apply the settings of a worker process before any library reads them."""
    os.environ.update(environment)
    import torch
    from transformers.utils import logging as transformers_logging

    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)


def _evaluate_share(
    folders: Sequence[Path], tasks: Path, names: Sequence[str], shots: Sequence[int], batch_size: int, scratch: Path
) -> list[pd.DataFrame]:
    return list(evaluate(folders, tasks, names=names, shots=shots, batch_size=batch_size, scratch=scratch))
