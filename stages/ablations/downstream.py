"""The scores that targets reach downstream, by lm-eval: those of the default pipeline, and of an ablation's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regmix.core.files import read_json
from regmix.core.model_shape import ModelShape
from regmix.core.tables import read_csv
from regmix.engine.run import Result
from regmix.evaluation import answers as gold
from regmix.evaluation import summary
from regmix.evaluation.lm_eval import QUIET, evaluate_all
from regmix.params import Params


def pipeline_scores(params: Params, evaluated: Path) -> pd.DataFrame:
    """method, seed, measure, value: zero-shot accuracies in percent, bits per byte of right answers, and averages."""
    return _measures(params, *(read_csv(evaluated / f"{table}.csv") for table in ("losses", "lm_eval")))


def target_scores(
    params: Params, tokenizer: Path, tasks: Path, work: Path, finished: Iterable[Sequence[Result]]
) -> pd.DataFrame:
    """``pipeline_scores`` of targets, a list of results per mixture, whose number stands in for a method."""
    shape = ModelShape(**params.target.shape.model_dump(), vocab=read_json(tokenizer / "meta.json")["vocab"])
    answers, losses = gold.read(tasks / "target.json"), list[dict[str, Any]]()

    def one_by_one() -> Iterator[Result]:
        for number, row in enumerate(finished):
            for seed, result in enumerate(row):
                bits = gold.with_tasks(shape, result, answers).losses
                losses.append({"method": number, "seed": seed, **bits})
                yield result

    frames = evaluate_runs(params, shape, one_by_one(), shots=[0], tokenizer=tokenizer, tasks=tasks, work=work)
    lm_eval = pd.concat([frame.assign(method=row["method"], seed=row["seed"]) for frame, row in
                         zip(frames, losses, strict=True)])  # fmt: skip
    return _measures(params, pd.DataFrame(losses), lm_eval)


def evaluate_runs(
    params: Params, shape: ModelShape, finished: Iterable[Result], *, shots: Sequence[int], tokenizer: Path,
    tasks: Path, work: Path,
) -> list[pd.DataFrame]:  # fmt: skip
    """``evaluate_all``'s frame of each run, in order, from its weights; ``work`` is a scratch folder.

    All are exported first, one at a time: lm-eval is slow to start.
    """
    from regmix.evaluation import to_transformers

    eos, folders, tests = read_json(tokenizer / "meta.json")["eos"], list[Path](), params.evaluation
    os.environ.update(QUIET)  # worker processes import this module and tqdm before they get their arguments
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        for number, result in enumerate(finished):
            assert result.weights is not None
            folders.append(Path(scratch, str(number)))
            model = to_transformers.to_transformers(shape, result.weights, eos)
            to_transformers.save(model, tokenizer / "tokenizer.json", eos, folders[-1])
        return evaluate_all(folders, tasks, names=tests.tasks, shots=shots, batch_size=tests.batch_size,
                            processes=params.machine.processes, scratch=Path(scratch))  # fmt: skip


def _measures(params: Params, losses: pd.DataFrame, lm_eval: pd.DataFrame) -> pd.DataFrame:
    zero_shot = lm_eval[lm_eval["shots"] == 0]
    if zero_shot.empty:
        return pd.DataFrame(columns=["method", "seed", "measure", "value"])
    tasks = [column for column in losses if column not in {"method", "seed", *params.corpus.domains}]
    return pd.concat([summary.measures(losses, zero_shot, {}), summary.bits(losses, tasks)], ignore_index=True)
