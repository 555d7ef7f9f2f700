"""The schema of params.yaml: every knob, typed, frozen, without defaults. Comments in params.yaml give the units.

Values are checked here once, before any work; a stage then reads only the sections that dvc.yaml
lists for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from regmix.checks import between
from regmix.constraints.settings import Constraints
from regmix.core.faults import Check, faults, refuse
from regmix.core.files import read_yaml
from regmix.core.settings import Kind, Name, Strict
from regmix.corpus.settings import Corpus, Tokenizer
from regmix.engine.machine import Machine
from regmix.engine.settings import Training
from regmix.evaluation.settings import Evaluation
from regmix.mixture.settings import Mixture
from regmix.objectives import Objectives
from regmix.regression.settings import Regression
from regmix.sampling.settings import Swarm
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory


class Params(Strict):
    """All sections. A stage reads only those it declares (core.sections.Sections)."""

    corpus: Corpus
    tokenizer: Tokenizer
    objectives: Objectives
    constraints: Constraints
    proxy: Training
    swarm: Swarm
    regression: Regression
    regressors: Annotated[dict[Name, Kind], Field(min_length=1)]
    mixture: Mixture
    trajectory: Trajectory
    target: Target
    evaluation: Evaluation
    machine: Machine

    @classmethod
    def load(cls, path: Path = Path("params.yaml")) -> Self:
        """Read and check a params file. Raises InputError."""
        return cls(**_sound(read_yaml(path), path.name, between.CHECKS))


def parse(values: object, name: str = "params.yaml") -> Params:
    """``values`` (a mapping) as Params, which may be those of a part of a run. Raises Faults."""
    return Params(**_sound(values, name, between.NAMES))


def all_faults(values: object, checks: Iterable[Check] = ()) -> list[str]:
    """All faults of ``values`` (a mapping), one line each, including ``checks``, which see only valid sections."""
    return faults(Params, values, (*between.CHECKS, *checks))[1]


def _sound(values: object, name: str, checks: Iterable[Check]) -> dict[str, Any]:
    sections, lines = faults(Params, values, checks)
    refuse(lines, name)
    return sections
