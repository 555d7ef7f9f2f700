"""The peak memory of every stage of a run: python -m tests.campaign.memory COMMAND ..., such as `dvc repro`.

Sampled twice a second: the proportional share of memory of a stage's process and all its children, which counts pages
that they share once.
"""

from __future__ import annotations

import collections
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Sequence

import psutil

EVERY = 0.5  # seconds


def peaks(command: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Run ``command``; its exit code, and bytes by stage."""
    by_stage: dict[str, int] = collections.defaultdict(int)
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            time.sleep(EVERY)
            for stage, size in _now(psutil.Process(process.pid)):
                by_stage[stage] = max(by_stage[stage], size)
    return process.returncode, dict(by_stage)


def _now(root: psutil.Process) -> list[tuple[str, int]]:
    """The stages that run below ``root``, and the bytes that each takes."""
    out = []
    with contextlib.suppress(psutil.Error):
        for child in root.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                module = words[2] if words[1:2] == ["-m"] and len(words) > 2 else ""
                if re.match(r"(stages|reports)\.", module) and child.parent().name() != child.name():  # type: ignore[union-attr]
                    tree = [child, *child.children(recursive=True)]
                    out.append((module.rpartition(".")[2], sum(process.memory_full_info().pss for process in tree)))
    return out


if __name__ == "__main__":
    code, by_stage = peaks(sys.argv[1:])
    for stage, size in sorted(by_stage.items(), key=lambda item: -item[1]):
        print(f"{stage:24} {size / 2**20:7,.0f} MiB")
    sys.exit(code)
