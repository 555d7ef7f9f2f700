"""Shared by the stages that score targets of their own by lm-eval."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from regmix.core.files import read_json
from regmix.core.model_shape import ModelShape
from regmix.engine.run import Result
from regmix.evaluation.lm_eval import QUIET, evaluate_all
from regmix.params import Params


def scored(
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
