"""Finished runs and checkpoints, stored by content key: a run's key covers everything that affects its bits.

A run is found whatever shard or stage needs it, so no work is lost if the shard size changes or a process is killed.
Machines can share the store; a lock per run prevents two processes from training the same run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (loads the BLAS that keys._blas looks up)

from regmix.core.schedule import Schedule
from regmix.engine.run import Result, Run, RunState
from regmix.engine.store import locks, tensors
from regmix.engine.store.keys import hardware

CHECKPOINT, WEIGHTS, RESULT = "checkpoint.safetensors", "weights.safetensors", "result.json"


class RunStore:
    """One folder per run under ``root``: its result, its weights if kept, its checkpoint while it trains. A file whose
    digest does not match is damaged and counts as missing.

    The folder ``places`` records which CPUs or GPUs the jobs of a cluster ran on.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def result(self, key: str, weights: bool) -> Result | None:
        """A finished run, or None; with ``weights``, only one whose weights were kept."""
        folder = self.root / key
        try:
            value = _unsealed((folder / RESULT).read_text())
            arrays = tensors.load(folder / WEIGHTS)[0] if weights else None
        except (FileNotFoundError, ValueError):
            return None
        trajectory = [(step, losses) for step, losses in value["trajectory"]]
        schedule = Schedule.from_json(value["schedule"])
        return Result(value["losses"], trajectory, schedule, value["ledger"], value["policy"], arrays)

    def finish(self, key: str, result: Result, weights: bool) -> None:
        """Store a result and delete the checkpoint. The result is written last: if it exists, the run is complete."""
        folder = self.root / key
        folder.mkdir(parents=True, exist_ok=True)
        if weights and result.weights is not None:
            arrays = result.weights
            _atomic(folder / WEIGHTS, lambda path: tensors.save(path, arrays, {}))
        value = {
            "losses": result.losses,
            "trajectory": result.trajectory,
            "schedule": result.schedule.to_json(),
            "ledger": result.ledger,
            "policy": result.state,
        }
        _atomic(folder / RESULT, lambda path: path.write_text(_sealed(value)))
        (folder / CHECKPOINT).unlink(missing_ok=True)

    def save(self, key: str, state: RunState) -> None:
        """Write a checkpoint."""
        (self.root / key).mkdir(parents=True, exist_ok=True)
        flat = {f"{kind}/{name}": value for kind, group in state.tensors.items() for name, value in group.items()}
        metadata = {"state": json.dumps(state.to_json())}
        _atomic(self.root / key / CHECKPOINT, lambda path: tensors.save(path, flat, metadata))

    def resume(self, key: str, run: Run) -> RunState | None:
        """The run from its checkpoint, or None."""
        try:
            flat, metadata = tensors.load(self.root / key / CHECKPOINT)
        except (FileNotFoundError, ValueError):
            return None
        groups: dict[str, dict[str, np.ndarray]] = {}
        for entry, value in flat.items():
            kind, name = entry.split("/")
            groups.setdefault(kind, {})[name] = value
        return RunState.from_json(run, json.loads(metadata["state"]), groups)

    def enter(self, compute: str) -> None:
        """Record this machine's hardware in ``places``."""
        text = json.dumps(hardware(compute), sort_keys=True)
        (self.root / "places").mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        _atomic(self.root / "places" / f"{name}.json", lambda path: path.write_text(text))

    def places(self) -> list[dict[str, str]]:
        """The hardware of all recorded machines, in an arbitrary but fixed order."""
        machines = []
        for path in sorted((self.root / "places").glob("*.json")):
            with contextlib.suppress(ValueError):  # a damaged file, which its machine will rewrite
                machines.append(json.loads(path.read_text()))
        return machines

    @contextlib.contextmanager
    def locked(self, keys: Sequence[str], seconds: float = -1) -> Iterator[None]:
        """Hold the locks of ``keys``; waits for other holders. Acquired in sorted order to avoid deadlocks.

        Raises filelock.Timeout if a lock is not free within ``seconds``; -1: no limit.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(locks.locked(self.root, key, seconds))
            yield


def _sealed(value: dict[str, Any]) -> str:
    """``value`` as JSON with its digest, which ``_unsealed`` checks."""
    return json.dumps({**value, "sha256": hashlib.sha256(json.dumps(value).encode()).hexdigest()})


def _unsealed(text: str) -> dict[str, Any]:
    """The inverse of ``_sealed``. Raises ValueError if the digest does not match."""
    value = json.loads(text)
    digest = value.pop("sha256", None) if isinstance(value, dict) else None
    if digest != hashlib.sha256(json.dumps(value).encode()).hexdigest():
        raise ValueError("damaged")
    assert isinstance(value, dict)
    return value


def _atomic(path: Path, write: Any) -> None:
    partial = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}.partial")  # nodes can share the folder
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
