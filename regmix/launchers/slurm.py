"""A Slurm job array: a task is ``machine.processes`` processes on one node, with one CPU per process.

A task that is preempted, out of time or requeued resumes from its checkpoints; `sacct` is not needed. Results are valid
from any CPU or GPU that the store's tasks have run on, because the node of a task is not known in advance. If all
results must have the same last bits, request one kind of node: ``additional_parameters: {constraint: NAME}``.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.settings import Count, Positive, Strict
from regmix.engine.packs import packs
from regmix.engine.train_pack import Assignment
from regmix.launchers import _submitit
from regmix.launchers._submitit import places, submitit

__all__ = ["Options", "launch", "places"]

GRACE = 15  # seconds that a file can take to appear on another node


class Options(Strict):
    """``partition``: null: the default. ``array_parallelism``: most tasks that run at the same time; also their number
    if there are enough runs. ``mem_gb``: memory per task; null: the partition's default. ``timeout_min``: a task's time
    limit in minutes. ``additional_parameters``: other sbatch options by their long names."""

    partition: str | None
    array_parallelism: Count
    mem_gb: Positive | None
    timeout_min: Count
    additional_parameters: dict[str, bool | int | float | str]


def launch(assignment: Assignment, options: Options) -> None:
    """Train the runs of ``assignment`` on the cluster. Raises InputError."""
    if shutil.which("sbatch") is None:
        raise InputError(
            "params.yaml: machine.launcher.kind = slurm: there is no sbatch here; use local, or run on a login node"
        )

    cpus = assignment.machine.processes

    def submit(folder: Path, tasks: list[_submitit.Task]) -> list[submitit.Job]:
        executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=_submitit.TIMEOUTS)
        executor.update_parameters(
            name="regmix",
            timeout_min=options.timeout_min,
            mem_gb=options.mem_gb,
            cpus_per_task=cpus,
            slurm_partition=options.partition,
            slurm_array_parallelism=options.array_parallelism,
            slurm_additional_parameters=options.additional_parameters,
            slurm_srun_args=[f"--cpus-per-task={cpus}"],  # since Slurm 22.05 srun does not inherit it from sbatch
        )
        cluster = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
        with submitit.helpers.clean_env():  # removes Slurm's variables, in case this process is itself a job
            os.environ.update(cluster)
            return executor.submit_array(tasks)

    # One stack per process of a task; the array's own limit queues tasks beyond array_parallelism.
    number = len(packs(math.ceil(len(assignment.runs) / cpus), options.array_parallelism, assignment.machine.stack))
    _submitit.launch(assignment, number, submit, _alive, grace=GRACE)


def _alive(jobs: Sequence[submitit.Job]) -> set[str]:
    """Jobs in Slurm's queue; all jobs if squeue fails, because a controller can be unavailable for a while."""
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return {job.job_id for job in jobs} if completed.returncode else set(completed.stdout.split())
