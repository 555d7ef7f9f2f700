"""How long the stages of a pipeline take: what this machine measured, else what benchmarks/results.json has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from profiles import switch
from regmix.core.files import parse_yaml, read_text, write_json

FILE = Path(".runs/stages.json")  # the last two times of each stage, in seconds
MEASURED = Path("benchmarks/results.json")
ENOUGH = 20.0  # seconds of finished stages from which the speed of this run is judged
SLOWEST, FASTEST = 4.0, 0.5  # bounds on that speed: a stage whose runs are in the store takes no time


class Durations:
    """Seconds by stage (``stage`` or ``stage@part``), scaled by how long the stages of this run take.

    The longer of a stage's last two times counts: the last one may have had its runs in the store.
    """

    def __init__(self, times: Mapping[str, list[float]], measured: Mapping[str, float] | None = None) -> None:
        self.times = dict(times)
        self.measured = dict(measured or {})
        self.took: dict[str, float] = {}
        self._expected: dict[str, float] = {}

    @classmethod
    def read(cls, root: Path, stages: Iterable[str]) -> Durations:
        """Those of ``stages`` under ``root``; damaged or missing files count as empty, since stages are timed again."""
        return cls(_json(root / FILE), benchmarked(root, stages))

    def expected(self, stage: str) -> float:
        """Zero for a stage that was never timed."""
        times = self.times.get(stage)
        return max(times) if times else self.measured.get(stage, 0.0)

    def record(self, stage: str, seconds: float) -> None:
        """Add the time of a stage that has run."""
        self._expected[stage], self.took[stage] = self.expected(stage), seconds
        self.times[stage] = [*self.times.get(stage, []), round(seconds, 1)][-2:]

    def write(self, root: Path) -> None:
        (root / FILE).parent.mkdir(exist_ok=True)
        write_json(root / FILE, self.times)

    def left(self, stages: Iterable[str]) -> float:
        """Seconds that ``stages`` will take."""
        return self._scale() * sum(map(self.expected, stages))

    def _scale(self) -> float:
        expected = sum(self._expected.values())
        took = sum(seconds for stage, seconds in self.took.items() if self._expected[stage])
        return min(max(took / expected, FASTEST), SLOWEST) if expected >= ENOUGH else 1.0


def benchmarked(root: Path, stages: Iterable[str]) -> dict[str, float]:
    """Seconds of ``stages`` as `make bench` measured them, each part an equal share; empty for other settings."""
    measured = _json(root / MEASURED).get("stages", {})
    if not measured or measured["profile"] is not None:
        return {}
    path = root / "params.yaml"
    present = switch.flat(parse_yaml(read_text(path), path))
    if any(present.get(key) != value for key, value in switch.read(switch.BASE, root / "profiles").items()):
        return {}
    kinds = {stage: stage.split("@")[0] for stage in stages}
    parts = Counter(kinds.values())
    whole = {kind: part["seconds"] for kind, part in measured["stages"].items()}
    return {stage: whole[kind] / parts[kind] for stage, kind in kinds.items() if kind in whole}


def spent(seconds: float) -> str:
    """``42 s``, ``12 min``, ``3.1 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def left(seconds: float) -> str:
    """``under a minute``, ``about 12 min``."""
    return "under a minute" if seconds < 60 else f"about {spent(max(seconds, 100))}"


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
