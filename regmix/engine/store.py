"""Finished runs and checkpoints, kept by content: the key of a run covers all that decides its bits.

A run is found again whatever shard or stage asks for it, so a changed shard size or a killed process
costs nothing that was done. Machines may share the store. A file lock a run keeps two processes from
writing the same one; the operating system drops it when its holder dies.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import filelock
import numba
import numpy as np
import threadpoolctl
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from regmix.engine.run import Result, Run, RunState, Setup
from regmix.schedule import Schedule

# The files whose code decides a run's bits. Not among them: what decides who trains a run, when it is saved and where
# it is kept (pack, store, swarm, launchers), for a run has the same bits alone, in company, and killed and resumed.
ENGINE = ("arithmetic", "compiled", "kernels", "model", "ops", "optimizer", "run", "stack", "train")
SHARDED = ("module", "sharded")
AROUND = ("loader", "order", "policy", "schedule", "shape", "tokens")


@functools.cache
def code_digest(compute: str = "stack") -> str:
    """Hash of the source that decides a run's bits."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in (*ENGINE, *(SHARDED if compute == "sharded" else ()))]
    files += [here.parent / f"{name}.py" for name in AROUND]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@functools.cache
def hardware() -> dict[str, str]:
    """What of this machine decides bits: the processor and the kernels that torch and scipy's BLAS pick for it."""
    return {"kernels": f"{torch.backends.cpu.get_cpu_capability()} {_blas()}", "processor": _processor()}


def run_key(setup: Setup, run: Run, data: str, place: Mapping[str, str] | None = None) -> str:
    """The content key of a run; ``data`` is a digest of the token files, ``place`` another machine's ``hardware``.

    A sharded run is the same within rounding on any number of any processes, so that it may go on, and be found,
    on another machine: its key says that it is sharded, and nothing of where.
    """
    computed = {"numba": numba.__version__, **(place or hardware())}
    if setup.compute == "sharded":
        computed = {"compute": "sharded"}
    parts = {
        "shape": vars(setup.shape),
        "recipe": setup.recipe.model_dump(),
        "validation": setup.validation.model_dump(),
        "domains": [list(setup.loader.domains), list(setup.windows)],
        "schedule": run.schedule.to_json(),
        "seed": run.seed,
        "policy": run.policy.key if run.policy else None,
        "data": data,
        "code": code_digest(setup.compute),
        "torch": torch.__version__,
        "numpy": np.__version__,
        **computed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class RunStore:
    """One folder a run under ``root``: its result, its weights if kept, its checkpoint while it trains.

    Beside them ``places`` remembers which processors the jobs of a cluster ran on.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def result(self, key: str, weights: bool) -> Result | None:
        """A finished run, or None; with ``weights``, one whose weights were kept."""
        folder = self.root / key
        try:
            value = json.loads((folder / "result.json").read_text())
            kept = load_file(folder / "weights.safetensors") if weights else None
        except (FileNotFoundError, ValueError, SafetensorError):
            return None
        trajectory = [(step, losses) for step, losses in value["trajectory"]]
        schedule = Schedule.from_json(value["schedule"])
        return Result(value["losses"], trajectory, schedule, value["ledger"], value["policy"], kept)

    def finish(self, key: str, result: Result, weights: bool) -> None:
        """Keep a result and drop the checkpoint. The result comes last: what it stands for is then all there."""
        folder = self.root / key
        folder.mkdir(parents=True, exist_ok=True)
        if weights and result.weights is not None:
            kept = result.weights
            _atomic(folder / "weights.safetensors", lambda path: save_file(kept, path))
        value = {
            "losses": result.losses,
            "trajectory": result.trajectory,
            "schedule": result.schedule.to_json(),
            "ledger": result.ledger,
            "policy": result.state,
        }
        _atomic(folder / "result.json", lambda path: path.write_text(json.dumps(value)))
        (folder / "checkpoint.pt").unlink(missing_ok=True)

    def save(self, key: str, state: RunState) -> None:
        """Write a checkpoint."""
        (self.root / key).mkdir(parents=True, exist_ok=True)
        # Cloned: a view would drag the whole stack into the file.
        value = state.to_checkpoint()
        value["tensors"] = {kind: {n: t.clone() for n, t in group.items()} for kind, group in state.tensors.items()}
        _atomic(self.root / key / "checkpoint.pt", lambda path: torch.save(value, path))

    def resume(self, key: str, run: Run) -> RunState | None:
        """The run as its checkpoint left it, or None."""
        path = self.root / key / "checkpoint.pt"
        if not path.exists():
            return None
        try:
            return RunState.from_checkpoint(run, torch.load(path, weights_only=True))
        except (RuntimeError, EOFError, KeyError, ValueError, UnpicklingError):
            shutil.rmtree(self.root / key)  # unreadable: the run starts again
            return None

    def enter(self) -> None:
        """Remember this machine's hardware among the ``places``."""
        text = json.dumps(hardware(), sort_keys=True)
        (self.root / "places").mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        _atomic(self.root / "places" / f"{name}.json", lambda path: path.write_text(text))

    def places(self) -> list[dict[str, str]]:
        """The hardware of all machines that entered, in an order of no meaning that stays."""
        return [json.loads(path.read_text()) for path in sorted((self.root / "places").glob("*.json"))]

    @contextlib.contextmanager
    def locked(self, keys: Sequence[str]) -> Iterator[None]:
        """Hold the locks of ``keys``, waiting for their holders; taken in order, so that no two wait for each other.

        Between nodes they hold as far as the shared file system has flock (NFS 4, Lustre with ``-o flock``). Where it
        has not, two `dvc repro` at one time may train a run twice, to the same bytes: every file is replaced whole.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(filelock.FileLock(self.root / f"{key}.lock"))
            yield


def _atomic(path: Path, write: Any) -> None:
    partial = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}.partial")  # nodes may share the folder
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _blas() -> str:
    """Which of its kernels scipy's BLAS, which the compiled products go to, has taken for this processor."""
    import scipy.linalg  # noqa: F401  (loads it)

    found = [one for one in threadpoolctl.threadpool_info() if "scipy.libs" in one["filepath"]]
    return " ".join(f"{one['version']} {one.get('architecture')}" for one in found)


def _processor() -> str:
    """The processor's model name; the architecture where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
