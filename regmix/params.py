"""The schema of params.yaml: every knob, typed, frozen, without defaults. Comments in params.yaml give the units.

Values are checked here once, before any work; a stage then reads only the sections that dvc.yaml
lists for it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Self

from pydantic import model_validator

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.files import read_yaml
from regmix.core.plugins import known
from regmix.core.settings import Kind, Name, Strict
from regmix.corpus.settings import Corpus, Tokenizer
from regmix.engine.machine import Machine
from regmix.engine.settings import Training
from regmix.evaluation.heldout_tasks import item_budget
from regmix.evaluation.settings import Evaluation
from regmix.mixture.settings import Mixture
from regmix.objectives import Guarded, Objectives, Tasks, Worst, counted, tasks_of
from regmix.regression.settings import Regression
from regmix.sampling.settings import Swarm
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory


class Params(Strict):
    """All sections. A stage reads only those it declares (core.sections.Sections)."""

    corpus: Corpus
    tokenizer: Tokenizer
    objectives: Objectives
    proxy: Training
    swarm: Swarm
    regression: Regression
    regressors: dict[Name, Kind]
    mixture: Mixture
    trajectory: Trajectory
    target: Target
    evaluation: Evaluation
    machine: Machine

    @classmethod
    def load(cls, path: Path = Path("params.yaml")) -> Self:
        """Read and check a params file. Raises InputError."""
        return plugins.checked(cls, read_yaml(path), path.name)

    @model_validator(mode="after")
    def _names(self) -> Params:
        """Every name that one section takes from another must exist there."""
        domains, trained = self.corpus.domains, self.corpus.trained
        for name in self.corpus.validation_only:
            known(name, domains, "corpus.validation_only", "domain")
        if len(trained) < 2:
            raise ValueError("corpus.domains: fewer than two domains are trained on; a mixture needs two")
        for objective, entry in self.objectives.items():
            for name in counted(entry, trained):
                if isinstance(entry, Tasks):
                    known(name, self.evaluation.heldout, f"objectives.{objective}", "task of evaluation")
                else:
                    known(name, trained if isinstance(entry, Worst) else domains, f"objectives.{objective}", "domain")
            if isinstance(entry, Worst | Guarded) and "anchors" not in self.swarm.shards:
                raise ValueError(f"objectives.{objective}: needs the proxies of the anchors; add them to swarm.shards")
        for key in ("last_word", "continuation"):
            for name in getattr(self.evaluation, key):
                known(name, domains, f"evaluation.{key}", "domain")
        for name in self.mixture.ensemble:
            known(name, self.regressors, "mixture.ensemble", "regressor")
        for name in itertools.chain.from_iterable(self.mixture.fronts.pairs):
            known(name, self.objectives, "mixture.fronts.pairs", "objective")
        for round_, further in self.swarm.rounds.items():
            for name in further.objectives:
                known(name, self.objectives, f"swarm.rounds.{round_}.objectives", "objective")
        for name in self.trajectory.regressors:
            known(name, self.regressors, "trajectory.regressors", "regressor")
        known(self.trajectory.objective, self.objectives, "trajectory.objective", "objective")
        self._of_losses(self.trajectory.objective, "trajectory.objective")
        for name, method in self.target.methods.items():
            aim = (method.model_extra or {}).get("objective")
            if aim is not None:
                known(str(aim), self.objectives, f"target.methods.{name}", "objective")
                if "granularity" in (method.model_extra or {}):  # it learns from trajectories
                    self._of_losses(str(aim), f"target.methods.{name}.objective")
        return self

    def _of_losses(self, objective: str, key: str) -> None:
        if isinstance(self.objectives[objective], Tasks):
            raise ValueError(f"{key} = {objective}: trajectories hold losses and no tasks; name an objective of losses")

    @model_validator(mode="after")
    def _fits(self) -> Params:
        """Proxies are scored on items that were made to fit a target."""
        longest, context = item_budget(self.target.shape.context, self.evaluation.shots), self.proxy.shape.context
        if tasks_of(self.objectives) and longest > context:
            raise ValueError(
                f"proxy.shape.context = {context}: an objective has tasks, whose items have up to {longest} tokens; "
                "raise it, or evaluation.shots, which makes items shorter"
            )
        return self

    @model_validator(mode="after")
    def _shared(self) -> Params:
        if self.machine.sharded > self.target.recipe.sequences:
            raise ValueError(
                f"machine.sharded must not exceed target.recipe.sequences ({self.target.recipe.sequences})"
            )
        return self


def parse(values: object, name: str = "params.yaml") -> Params:
    """``values`` (a mapping) as Params. Raises InputError with a one-line message."""
    return plugins.checked(Params, values, name)


def check_plugins(params: Params) -> None:
    """Check the extra keys of every reader, regressor and method, and of the launcher. Raises InputError."""
    entries = [("readers", d.reader, f"corpus.domains.{n}", d.model_extra) for n, d in params.corpus.domains.items()]
    entries += [("regressors", r.kind, f"regressors.{n}", r.model_extra) for n, r in params.regressors.items()]
    entries += [("methods", m.kind, f"target.methods.{n}", m.model_extra) for n, m in params.target.methods.items()]
    launcher = params.machine.launcher
    entries += [("launchers", launcher.kind, "machine.launcher", launcher.model_extra)]
    for package, kind, key, extra in entries:
        options = plugins.options(plugins.load(package, kind, key), extra or {}, key)
        for field, name in plugins.named(options, "regressors").items():
            if name not in params.regressors:
                raise InputError(
                    f"params.yaml: {key}.{field}: unknown regressor {name!r}; use one of {', '.join(params.regressors)}"
                )
