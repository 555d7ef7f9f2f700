"""The engine against transformers on AVX2 kernels, where this processor has AVX-512 too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import llvmlite.binding

from benchmarks.training import swarm
from regmix.engine.compute.compiled import prepare

# Every library that picks its kernels by the processor.
KERNELS = {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
           "ONEDNN_MAX_CPU_ISA": "AVX2"}  # fmt: skip


def measure() -> list[dict[str, Any]] | None:
    """What ``swarm.measure`` gives for every shape, in a process without AVX-512; None where there is none."""
    features = llvmlite.binding.get_host_cpu_features()
    if not features.get("avx512f"):
        return None
    words = [f"{'+' if on and 'avx512' not in name else '-'}{name}" for name, on in features.items()]
    command = [sys.executable, "-m", "benchmarks.training.avx2"]
    kernels = os.environ | KERNELS | {"NUMBA_CPU_FEATURES": ",".join(words)}
    printed = subprocess.run(command, env=kernels, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])  # below the progress of training


if __name__ == "__main__":
    prepare()  # these kernels are compiled for the first time
    print(json.dumps(swarm.shapes()))
