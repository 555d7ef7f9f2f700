"""Jobs of submitit's local executor: a cluster's way of working on one machine, to try it without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regmix.engine.pack import Work
from regmix.launchers import _submitit
from regmix.launchers._submitit import places, submitit
from regmix.params import Count
from regmix.plugins import Strict

__all__ = ["Options", "launch", "places"]


class Options(Strict):
    """``tasks``: jobs that run side by side, if there are enough runs. ``timeout_min``: after so many minutes a job is
    stopped and goes on from its checkpoints."""

    tasks: Count
    timeout_min: Count


def launch(work: Work, options: Options) -> None:
    """Train the runs of ``work`` in jobs on this machine. Raises InputError."""

    def submit(folder: Path, tasks: list[_submitit.Task]) -> list[submitit.Job]:
        executor = submitit.AutoExecutor(folder, cluster="local", local_max_num_timeout=_submitit.TIMEOUTS)
        executor.update_parameters(timeout_min=options.timeout_min)
        return executor.submit_array(tasks)

    def alive(jobs: Sequence[submitit.Job]) -> set[str]:
        return {job.job_id for job in jobs if not job.done()}

    _submitit.launch(work, options.tasks, submit, alive, grace=0)
