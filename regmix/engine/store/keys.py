"""The content key of a run: covers everything that affects its bits."""

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
import scipy.linalg  # noqa: F401  (loads the BLAS that _blas looks up)
import threadpoolctl

from regmix.core import provenance
from regmix.core.provenance import Code
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.run import Run, Setup

# The module of each backend, by Setup.compute.
COMPUTES = {
    "kernels": "compiled",
    "autograd": "pytorch/autograd",
    "sharded": "pytorch/fsdp",
    "cuda": "pytorch/gpu",
}
# Libraries for checks and display, which do not affect the bits of a run.
NEUTRAL = ("pydantic", "pydantic_core", "threadpoolctl", "tqdm")


@functools.cache
def code_of(compute: str) -> Code:
    """The source and the libraries that affect the bits of a run on backend ``compute``.

    Excludes the code that decides where a run trains, when it is saved and where it is stored (train_pack, train_many,
    store, launchers): a run has the same bits alone, in any stack, and when killed and resumed.
    """
    here = Path(__file__).parents[1]
    code = provenance.code([here / "run.py", here / "train.py", here / "compute" / f"{COMPUTES[compute]}.py"])
    return Code(code.files, tuple(name for name in code.libraries if name not in NEUTRAL))


@functools.cache
def _digest_of(compute: str) -> str:
    """Of ``code_of``, once per process: its libraries' metadata take milliseconds to read, for every run."""
    return code_of(compute).digest()


@functools.cache
def hardware(compute: str = "kernels") -> dict[str, str]:
    """The properties of this machine that affect the bits of backend ``compute``: the CPU, and the CPU type that LLVM,
    torch and BLAS use; or the GPU model and CUDA version. Raises InputError if there is no GPU for ``cuda``."""
    if compute == "cuda":
        return gpus()[1]
    cpu = os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name()
    overrides = [os.environ.get(name) for name in ("NUMBA_CPU_FEATURES", "ATEN_CPU_CAPABILITY")]
    kernels = " ".join(filter(None, (cpu, *overrides, _blas())))
    return {"kernels": kernels, "processor": processor()}


def run_key(setup: Setup, run: Run, data: str, place: Mapping[str, str] | None = None) -> str:
    """The content key of a run; ``data`` is a digest of the token files, ``place`` another machine's ``hardware``.

    A sharded run is the same up to rounding for any number of processes on any hardware. So that it can be resumed and
    found on another machine, its key says that it is sharded, but not where it ran.
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
        "code": _digest_of(setup.compute),
    }
    if setup.compute != "sharded":
        parts["place"] = dict(place or hardware(setup.compute))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _blas() -> str:
    """The version, and the CPU type it chose kernels for, of scipy's BLAS, which computes the compiled products."""
    loaded = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    # scipy from pip bundles its own BLAS; conda's scipy shares one with other packages.
    used = [library for library in loaded if "scipy.libs" in library["filepath"]] or loaded
    return " ".join(f"{library['version']} {library.get('architecture')}" for library in used)


def processor() -> str:
    """The CPU's model name, or its architecture if the system does not report the name."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
