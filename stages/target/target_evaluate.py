"""Score the trained targets: their validation losses, and lm-eval on the downstream tasks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from regmix.core.files import write_csv, writing
from regmix.core.sections import Sections
from regmix.core.tables import read_csv
from regmix.engine.machine import Machine
from regmix.evaluation import summary
from regmix.evaluation.lm_eval import evaluate_all
from regmix.evaluation.settings import Evaluation
from regmix.target.targets import Targets
from stages.common.run import run


class Settings(Sections):
    evaluation: Evaluation
    machine: Machine


def target_evaluate(params: Settings, *, trained: Path, exported: Path, tasks: Path, out: Path) -> None:
    """Write losses.csv and lm_eval.csv of the methods in TRAINED to OUT."""
    targets = Targets.read(trained)
    losses = pd.concat(
        [
            summary.of_seeds(read_csv(trained / method / "losses.csv"), method, len(targets.seeds))
            for method in targets.methods
        ],
        ignore_index=True,
    )
    runs = list(losses[["method", "seed"]].itertuples(index=False, name=None))
    with writing(out) as scratch:
        with tempfile.TemporaryDirectory(dir=scratch) as work:
            frames = evaluate_all(
                [exported / method / f"seed-{seed}" for method, seed in runs],
                tasks,
                names=params.evaluation.tasks,
                shots=params.evaluation.shots,
                batch_size=params.evaluation.batch_size,
                processes=params.machine.processes,
                scratch=Path(work),
            )
        scores = [pd.DataFrame({"method": m, "seed": s, **frame}) for (m, s), frame in zip(runs, frames, strict=True)]
        lm_eval = pd.concat(scores, ignore_index=True)
        write_csv(scratch / "losses.csv", losses)
        write_csv(scratch / "lm_eval.csv", lm_eval)


if __name__ == "__main__":
    run(target_evaluate)
