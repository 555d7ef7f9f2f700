"""Shared by the stages that score targets of their own by lm-eval."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regmix.core.files import read_json
from regmix.core.model_shape import ModelShape
from regmix.engine.run import Result
from regmix.evaluation.lm_eval import QUIET, evaluate_all
from regmix.params import Params


def scored(
    params: Params, shape: ModelShape, run_results: Sequence[Result], *, tokenizer: Path, tasks: Path, work: Path
) -> list[pd.DataFrame]:
    """``evaluate_all``'s frame of each run, whose results have their weights; ``work`` is a folder for what is between.

    lm-eval takes models from folders, all at once: it is slow to start.
    """
    from regmix.evaluation import to_transformers

    eos = read_json(tokenizer / "meta.json")["eos"]
    os.environ.update(QUIET)  # worker processes import this module and tqdm before they get their arguments
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        folders = [Path(scratch, str(i)) for i in range(len(run_results))]
        for folder, result in zip(folders, run_results, strict=True):
            assert result.weights is not None
            model = to_transformers.to_transformers(shape, result.weights, eos)
            to_transformers.save(model, tokenizer / "tokenizer.json", eos, folder)
        tests = params.evaluation
        return evaluate_all(folders, tasks, names=tests.tasks, shots=tests.shots, batch_size=tests.batch_size,
                            processes=params.machine.processes, scratch=Path(scratch))  # fmt: skip
