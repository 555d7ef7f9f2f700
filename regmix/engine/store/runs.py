"""Finished runs and checkpoints, kept by content: the key of a run covers all that decides its bits.

A run is found again whatever shard or stage asks for it, so a changed shard size or a killed process
costs nothing that was done. Machines may share the store; a lock per run keeps two processes from training the same.
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
import scipy.linalg  # noqa: F401  (brings the BLAS that _blas asks for)

from regmix.core.schedule import Schedule
from regmix.engine.run import Result, Run, RunState
from regmix.engine.store import locks, tensors
from regmix.engine.store.keys import hardware

CHECKPOINT, WEIGHTS, RESULT = "checkpoint.safetensors", "weights.safetensors", "result.json"


class RunStore:
    """One folder a run under ``root``: its result, its weights if kept, its checkpoint while it trains. A file that is
    damaged, which their digests tell, counts as none.

    Beside them ``places`` remembers which processors or GPUs the jobs of a cluster ran on.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def result(self, key: str, weights: bool) -> Result | None:
        """A finished run, or None; with ``weights``, one whose weights were kept."""
        folder = self.root / key
        try:
            value = _opened((folder / RESULT).read_text())
            kept = tensors.load(folder / WEIGHTS)[0] if weights else None
        except (FileNotFoundError, ValueError):
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
            _atomic(folder / WEIGHTS, lambda path: tensors.save(path, kept, {}))
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
        told = {"state": json.dumps(state.to_json())}
        _atomic(self.root / key / CHECKPOINT, lambda path: tensors.save(path, flat, told))

    def resume(self, key: str, run: Run) -> RunState | None:
        """The run as its checkpoint left it, or None."""
        try:
            flat, told = tensors.load(self.root / key / CHECKPOINT)
        except (FileNotFoundError, ValueError):
            return None
        groups: dict[str, dict[str, np.ndarray]] = {}
        for entry, value in flat.items():
            kind, name = entry.split("/")
            groups.setdefault(kind, {})[name] = value
        return RunState.from_json(run, json.loads(told["state"]), groups)

    def enter(self, compute: str) -> None:
        """Remember this machine's hardware among the ``places``."""
        text = json.dumps(hardware(compute), sort_keys=True)
        (self.root / "places").mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        _atomic(self.root / "places" / f"{name}.json", lambda path: path.write_text(text))

    def places(self) -> list[dict[str, str]]:
        """The hardware of all machines that entered, in an order of no meaning that stays."""
        found = []
        for path in sorted((self.root / "places").glob("*.json")):
            with contextlib.suppress(ValueError):  # a damaged one, which its machine writes again
                found.append(json.loads(path.read_text()))
        return found

    @contextlib.contextmanager
    def locked(self, keys: Sequence[str], seconds: float = -1) -> Iterator[None]:
        """Hold the locks of ``keys``, waiting for their holders; taken in order, so that no two wait for each other.

        Raises filelock.Timeout if one is not free within ``seconds``; -1: waits for as long as it takes.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(locks.locked(self.root, key, seconds))
            yield


def _sealed(value: dict[str, Any]) -> str:
    """``value`` as JSON with its own digest, by which ``_opened`` knows it again."""
    return json.dumps({**value, "sha256": hashlib.sha256(json.dumps(value).encode()).hexdigest()})


def _opened(text: str) -> dict[str, Any]:
    """Raises ValueError if ``text`` is not what ``_sealed`` made."""
    value = json.loads(text)
    said = value.pop("sha256", None) if isinstance(value, dict) else None
    if said != hashlib.sha256(json.dumps(value).encode()).hexdigest():
        raise ValueError("damaged")
    assert isinstance(value, dict)
    return value


def _atomic(path: Path, write: Any) -> None:
    partial = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}.partial")  # nodes may share the folder
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
