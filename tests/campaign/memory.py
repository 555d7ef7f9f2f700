"""The peak memory of every stage of a run: python -m tests.campaign.memory PROFILE COMMAND ..., for example
python -m tests.campaign.memory laptop dvc repro, or smoke python -m profiles.tryout smoke .smoke.

Sampled twice a second: the proportional share of memory of a stage's process and all its children, which counts pages
that they share once. The peaks go to results.json, beside what `make plan` computes for the profile's largest models.
"""

from __future__ import annotations

import collections
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from profiles import switch
from regmix.core.files import parse_yaml
from regmix.params import parse
from regmix.planning import planner
from tests.campaign import report

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
                above = child.parent()
                forked = above is not None and above.cmdline() == words  # counted with the process that it works for
                if re.match(r"(stages|reports)\.", module) and not forked:
                    tree = [child, *child.children(recursive=True)]
                    out.append((module.rpartition(".")[2], sum(process.memory_full_info().pss for process in tree)))
    return out


def planned(profile: str) -> float:
    """Bytes that the largest models of ``profile`` take by `make plan`."""
    text, _ = switch.apply(Path("params.yaml").read_text(encoding="utf-8"), profile, replace=True)
    params = parse(parse_yaml(text))
    return max(work.memory(params.machine) for work in planner.works(params, params.tokenizer.vocab_size, None))


def main(profile: str, command: Sequence[str]) -> int:
    """Measure ``command`` and add its peaks, in MiB, to the results; returns its exit code."""
    code, by_stage = peaks(command)
    results = json.loads(report.RESULTS.read_text())
    sizes = {stage: round(size / 2**20) for stage, size in sorted(by_stage.items(), key=lambda item: -item[1])}
    results["memory"][profile] = {"planned": round(planned(profile) / 2**20), "stages": sizes}
    report.write(results)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
