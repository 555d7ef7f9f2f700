"""A job array of Slurm's: a task is ``machine.processes`` processes on one node, with as many CPUs.

A task that is preempted, out of time or requeued goes on from its checkpoints; `sacct` is not needed. Results of any
processor that tasks of the store have run on count, for a node is not known before it is given. Where all nodes shall
give the same last bits, ask for one kind: ``additional_parameters: {constraint: NAME}``.
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

GRACE = 15  # seconds that a file may take to show on another node


class Options(Strict):
    """``partition``: null for the default one. ``array_parallelism``: most tasks at one time, as many as there are if
    there are enough runs. ``mem_gb``: memory of a task; null: the partition's default. ``timeout_min``: minutes of a
    task's time limit. ``additional_parameters``: further options of sbatch by their long names."""

    partition: str | None
    array_parallelism: Count
    mem_gb: Positive | None
    timeout_min: Count
    additional_parameters: dict[str, bool | int | float | str]


def launch(assignment: Assignment, options: Options) -> None:
    """Train the runs of ``assignment`` on the cluster. Raises InputError."""
    if shutil.which("sbatch") is None:
        raise InputError(
            "params.yaml: machine.launcher.kind = slurm: there is no sbatch here; use local, or a login node"
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
            slurm_srun_args=[f"--cpus-per-task={cpus}"],  # which srun does not take from sbatch since Slurm 22.05
        )
        cluster = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
        with submitit.helpers.clean_env():  # of what Slurm tells this process, if it is itself a job
            os.environ.update(cluster)
            return executor.submit_array(tasks)

    # A stack a process and task; the array's own limit holds back those that are too many at one time.
    number = len(packs(math.ceil(len(assignment.runs) / cpus), options.array_parallelism, assignment.machine.stack))
    _submitit.launch(assignment, number, submit, _alive, grace=GRACE)


def _alive(jobs: Sequence[submitit.Job]) -> set[str]:
    """Jobs that Slurm's queue lists; all while it cannot say, for a controller may be away for a while."""
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {job.job_id for job in jobs} if done.returncode else set(done.stdout.split())
