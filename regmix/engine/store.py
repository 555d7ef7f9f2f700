"""Finished runs and checkpoints, kept by content: the key of a run covers all that decides its bits.

A run is found again whatever shard or stage asks for it, so a changed shard size or a killed process
costs nothing that was done. A file lock a run keeps two processes from writing the same one; the
operating system drops it when its holder dies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
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


def code_digest() -> str:
    """Hash of the engine's own source."""
    here = Path(__file__).parent
    files = sorted(here.glob("*.py")) + [
        here.parent / f"{name}.py" for name in ("loader", "order", "policy", "schedule", "tokens")
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def environment(compute: str = "stack") -> dict[str, str]:
    """What of this machine decides bits: library versions, the processor and the kernels that they pick for it.

    A sharded run is the same within rounding on any number of any processes, so that it may go on, and be found,
    on another machine: its key says that it is sharded, and nothing of where.
    """
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    if compute == "sharded":
        return versions | {"compute": compute}
    return versions | {
        "numba": numba.__version__,
        "kernels": f"{torch.backends.cpu.get_cpu_capability()} {_blas()}",
        "processor": _processor(),
    }


def run_key(setup: Setup, run: Run, data: str) -> str:
    """The content key of a run; ``data`` is a digest of the token files."""
    parts = {
        "shape": vars(setup.shape),
        "recipe": setup.recipe.model_dump(),
        "validation": setup.validation.model_dump(),
        "domains": [list(setup.loader.domains), list(setup.windows)],
        "schedule": run.schedule.to_json(),
        "seed": run.seed,
        "policy": run.policy.key if run.policy else None,
        "data": data,
        "code": code_digest(),
        **environment(setup.compute),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class RunStore:
    """One folder a run under ``root``: its result, its weights if kept, its checkpoint while it trains."""

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

    @contextlib.contextmanager
    def locked(self, keys: Sequence[str]) -> Iterator[None]:
        """Hold the locks of ``keys``, waiting for their holders; taken in order, so that no two wait for each other."""
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(filelock.FileLock(self.root / f"{key}.lock"))
            yield


def _atomic(path: Path, write: Any) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
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
