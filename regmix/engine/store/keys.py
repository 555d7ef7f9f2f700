"""The content key of a run: everything that decides its bits."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import llvmlite.binding
import scipy.linalg  # noqa: F401  (brings the BLAS that _blas asks for)
import threadpoolctl

from regmix.core import provenance
from regmix.core.provenance import Code
from regmix.engine.compute.gpus import gpus
from regmix.engine.run import Run, Setup

COMPUTES = {"kernels": "compiled", "autograd": "autograd", "sharded": "fsdp", "cuda": "gpu"}  # by Setup.compute
# They check and show and decide no bit of a run.
NEUTRAL = ("pydantic", "threadpoolctl", "tqdm")


@functools.cache
def code_of(compute: str) -> Code:
    """The source and the libraries that decide the bits of a run that ``compute`` computes.

    Not among them: what decides who trains a run, when it is saved and where it is kept (train_pack, train_many, store,
    launchers), for a run has the same bits alone, in any stack, and killed and resumed.
    """
    here = Path(__file__).parents[1]
    found = provenance.code([here / "run.py", here / "train.py", here / "compute" / f"{COMPUTES[compute]}.py"])
    return Code(found.files, tuple(name for name in found.libraries if name not in NEUTRAL))


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
        "code": code_of(setup.compute).digest(),
    }
    if setup.compute != "sharded":
        parts["place"] = dict(place or hardware(setup.compute))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


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
