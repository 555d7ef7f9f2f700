"""Jobs of submitit's local executor: runs on one machine the way a cluster does, to try it without a cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.settings import Count, Strict
from regmix.engine.train_pack import Assignment
from regmix.launchers import _submitit
from regmix.launchers._submitit import places, submitit

__all__ = ["Options", "launch", "places"]


class Options(Strict):
    """``tasks``: jobs that run side by side, if there are enough runs. ``timeout_min``: minutes after which a job
    is stopped and resumes from its checkpoints."""

    tasks: Count
    timeout_min: Count


def launch(assignment: Assignment, options: Options) -> None:
    """Train the runs of ``assignment`` in jobs on this machine. Raises InputError."""
    if options.tasks > 1 and assignment.machine.device == "cuda":
        raise InputError(
            f"params.yaml: machine.launcher.tasks = {options.tasks}: jobs on one machine would all take its first GPU; "
            "set it to 1: the machine.processes of one job take the GPUs in turn"
        )

    def submit(folder: Path, tasks: list[_submitit.Task]) -> list[submitit.Job]:
        executor = submitit.AutoExecutor(folder, cluster="local", local_max_num_timeout=_submitit.TIMEOUTS)
        executor.update_parameters(timeout_min=options.timeout_min)
        return executor.submit_array(tasks)

    def alive(jobs: Sequence[submitit.Job]) -> set[str]:
        return {job.job_id for job in jobs if not job.done()}

    number = min(options.tasks, math.ceil(len(assignment.runs) / assignment.machine.processes))
    _submitit.launch(assignment, number, submit, alive, grace=0)
