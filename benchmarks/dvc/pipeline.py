"""Copies of this repository in which benchmarks run DVC, and the times that its stages print."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiles import switch, tryout
from regmix.core.errors import InputError

UPSTREAM = "corpus/dvc.yaml"  # makes the tokenized corpus


@dataclass(frozen=True)
class Repro:
    """A `dvc` command: its wall-clock ``seconds``, and those of every stage it ran, imports included, by name."""

    seconds: float
    stages: dict[str, list[float]]

    @property
    def inside(self) -> float:
        """Seconds in stages; the rest is DVC's own."""
        return sum(sum(parts) for parts in self.stages.values())


def copy(folder: Path, values: Mapping[str, Any], profile: str | None = None) -> None:
    """This working tree's files in ``folder``, with ``values`` by dotted key; its params.yaml and locks as they are,
    or a profile's, and no lock.

    The copy has no data and a cache of its own, as a fresh clone.
    """
    tryout.copy(profile or switch.BASE, folder)
    path = folder / "params.yaml"
    text = (tryout.ROOT / "params.yaml").read_text() if profile is None else path.read_text()
    path.write_text(switch.switch(text, values, "benchmark") if values else text)
    if profile is None:
        for lock in ("dvc.lock", "corpus/dvc.lock", "target/dvc.lock"):
            shutil.copy2(tryout.ROOT / lock, folder / lock)


def with_corpus(folder: Path) -> None:
    """Fetch the tokenized corpus of this working tree, as dvc.lock has it, into a copy. Raises InputError."""
    cache = dvc(tryout.ROOT, "cache", "dir").strip()
    dvc(
        folder, "remote", "add", "--local", "--default", "source", str(tryout.ROOT / cache)
    )  # a cache is laid out as one
    dvc(folder, "pull", "--quiet", UPSTREAM)


def compiled(folder: Path) -> None:
    """Have a copy's kernels compiled, as `make install` does."""
    command = [sys.executable, "-c", "from regmix.engine.compute.compiled import prepare; prepare()"]
    subprocess.run(command, cwd=folder, check=True)


def repro(folder: Path, *arguments: str) -> Repro:
    """Run `dvc` with ``arguments`` and measure its time. Raises InputError."""
    start = time.perf_counter()
    printed = dvc(folder, *arguments)
    seconds = time.perf_counter() - start
    stages: dict[str, list[float]] = {}
    for stage, took in re.findall(r"^(\w+): ([\d.]+) s$", printed, flags=re.M):
        stages.setdefault(stage, []).append(float(took))
    return Repro(seconds, stages)


def dvc(folder: Path, *arguments: str) -> str:
    """The output of `dvc`. Raises InputError if it fails."""
    completed = subprocess.run(
        ["dvc", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if completed.returncode:
        lines = completed.stdout.splitlines()
        errors = [line for line in lines if "error" in line.lower()] or lines[-1:]
        raise InputError(f"dvc {' '.join(arguments)}: {' '.join(errors).strip()}; run `make repro` first")
    return completed.stdout
