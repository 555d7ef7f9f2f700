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
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock
import llvmlite.binding
import numpy as np
import scipy.linalg  # noqa: F401  (brings the BLAS that _blas asks for)
import threadpoolctl

from regmix.engine import tensors
from regmix.engine.gpus import gpus
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.schedule import Schedule

CHECKPOINT, WEIGHTS, RESULT = "checkpoint.safetensors", "weights.safetensors", "result.json"

# The files whose code decides a run's bits: all runs', and those of what computes them (Setup.compute). Not among them:
# what decides who trains a run, when it is saved and where it is kept (pack, store, swarm, launchers), for a run has
# the same bits alone, in company, and killed and resumed.
AROUND = ("loader", "order", "policy", "schedule", "shape", "tokens")
ENGINE = ("run", "train")
COMPUTES = {
    "kernels": ("adamw", "compiled", "kernels"),
    "autograd": ("arithmetic", "model", "ops", "optimizer", "stack"),
    "sharded": ("arithmetic", "fused", "module", "sharded"),
    "cuda": ("device", "fused", "module"),
}
LIBRARIES = {"kernels": ("llvmlite", "numba", "scipy")} | dict.fromkeys(("autograd", "sharded", "cuda"), ("torch",))


@functools.cache
def code_digest(compute: str) -> str:
    """Hash of the source that decides the bits of a run that ``compute`` computes."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in (*ENGINE, *COMPUTES[compute])]
    files += [here.parent / f"{name}.py" for name in AROUND]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@functools.cache
def hardware(compute: str = "kernels") -> dict[str, str]:
    """What of this machine decides the bits that ``compute`` computes: the processor, and what LLVM, torch and BLAS
    take it for; or the model of its GPUs and CUDA's version. Raises InputError if there is no GPU for ``cuda``."""
    if compute == "cuda":
        return gpus()[1]
    cpu = os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name()
    asked = [os.environ.get(name) for name in ("NUMBA_CPU_FEATURES", "ATEN_CPU_CAPABILITY")]
    taken = " ".join(filter(None, (cpu, *asked, _blas())))
    return {"kernels": taken, "processor": _processor()}


@functools.cache
def _versions(compute: str) -> dict[str, str]:
    return {name: metadata.version(name) for name in ("numpy", *LIBRARIES[compute])}


def run_key(setup: Setup, run: Run, data: str, place: Mapping[str, str] | None = None) -> str:
    """The content key of a run; ``data`` is a digest of the token files, ``place`` another machine's ``hardware``.

    A sharded run is the same within rounding on any number of any processes, so that it may go on, and be found,
    on another machine: its key says that it is sharded, and nothing of where.
    """
    parts = {
        "shape": vars(setup.shape),
        "recipe": setup.recipe.model_dump(),
        "validation": setup.validation.model_dump(),
        "domains": [list(setup.loader.domains), list(setup.windows)],
        "schedule": run.schedule.to_json(),
        "seed": run.seed,
        "policy": run.policy.key if run.policy else None,
        "data": data,
        "compute": setup.compute,
        "code": code_digest(setup.compute),
    }
    if setup.compute == "sharded":
        parts["libraries"] = {name: version.split("+")[0] for name, version in _versions("sharded").items()}
    else:
        parts |= {"libraries": _versions(setup.compute), "place": dict(place or hardware(setup.compute))}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


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

        Raises filelock.Timeout where one is not free in ``seconds``; -1: for as long as it takes.

        Between nodes they hold as far as the shared file system has flock (NFS 4, Lustre with ``-o flock``). Where it
        refuses flock, a lock is a file that must not exist, which a holder that is killed leaves behind.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(filelock.FileLock(self.root / f"{key}.lock", timeout=seconds))
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


def _blas() -> str:
    """Which of its kernels scipy's BLAS, which the compiled products go to, has taken for this processor."""
    known = [one for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
    # A scipy of pip's brings its own; conda's shares one with others.
    found = [one for one in known if "scipy.libs" in one["filepath"]] or known
    return " ".join(f"{one['version']} {one.get('architecture')}" for one in found)


def _processor() -> str:
    """The processor's model name; the architecture where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
