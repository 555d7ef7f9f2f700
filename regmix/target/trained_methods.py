"""Trained methods, read from their files: the plan, the realised mixtures, the policy's decisions, the cost.

Comparisons use only these files, so a new method needs no code here. ``kind`` and ``objective`` decide only which
methods are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.files import read_json
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind
from regmix.core.tables import read_csv
from regmix.target import realised_schedules
from regmix.target.targets import Targets


@dataclass(frozen=True)
class Method:
    """``schedules`` are the realised ones, by run. ``facts``, ``tables`` and ``spent`` are from the plan, ``states``
    from the policy.

    ``ledger`` has run and the tokens trained on per domain. ``available`` is the number of tokens per domain; ``own``
    says that they are the method's and not the corpus's. ``spent`` is in FLOPs, by counting method.
    """

    name: str
    kind: str
    objective: str | None
    schedules: Mapping[str, Schedule]
    facts: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    spent: list[dict[str, Any]]
    states: Mapping[str, Mapping[str, Any]]
    trajectories: pd.DataFrame
    ledger: pd.DataFrame
    available: Mapping[str, int]
    own: bool

    @property
    def changes(self) -> bool:
        """Whether the mixture of any of its runs changes over training."""
        return any(realised_schedules.changes(schedule) for schedule in self.schedules.values())

    @property
    def static(self) -> Schedule | None:
        """The schedule of all runs, if they share one constant mixture of the corpus's tokens."""
        first = next(iter(self.schedules.values()))
        mixtures = [schedule.mixtures for schedule in self.schedules.values()]
        if self.own or any(np.any(rows != first.mixtures[0]) for rows in mixtures):
            return None
        return Schedule.static(first.domains, first.mixtures[0])

    @property
    def queries(self) -> dict[str, list[dict[str, Any]]]:
        """The queries to a regressor, by run; those made while planning are under ``plan``."""
        planned = {"plan": self.facts["queries"]} if self.facts.get("queries") else {}
        return planned | {run: list(state["queries"]) for run, state in self.states.items() if state.get("queries")}

    @property
    def dynamic(self) -> bool:
        """Whether the mixture changes, or a regressor was queried."""
        return self.changes or bool(self.queries)

    def flops(self, key: str) -> float:
        """The FLOPs spent in addition to the targets' training, counted by ``key``."""
        return float(sum(entry["flops"][key] for entry in self.spent))


def read(
    domains: Sequence[str], plans: Path, trained: Path, corpus: Mapping[str, Mapping[str, Any]]
) -> dict[str, Method]:
    """All methods, from the folders of target_schedule and target_train.

    ``domains`` are the trained ones; ``corpus`` is corpus_tokenize's meta.json by domain. Raises InputError for a file
    that cannot be read.
    """
    return {
        name: _method(name, entry, domains, plans / name, trained / name, corpus)
        for name, entry in Targets.read(trained).methods.items()
    }


def aimed(methods: Mapping[str, Method], kind: str) -> dict[str, str]:
    """Objective -> the first method of this kind that aims at it."""
    names: dict[str, str] = {}
    for name, method in methods.items():
        if method.kind == kind and method.objective:
            names.setdefault(method.objective, name)
    return names


def _method(
    name: str, entry: Kind, domains: Sequence[str], plan: Path, trained: Path, corpus: Mapping[str, Mapping[str, Any]]
) -> Method:  # fmt: skip
    value, own = read_json(plan / "plan.json"), (plan / "tokens").is_dir()
    available = {domain: int(corpus[domain]["train"]["tokens"]) for domain in domains}
    if own:
        available = {domain: len(np.load(plan / f"tokens/{domain}.npy", mmap_mode="r")) for domain in domains}
    return Method(
        name=name,
        kind=entry.kind,
        objective=entry.extras.get("objective"),
        schedules=realised_schedules.schedules(
            read_csv(trained / "schedules.csv"), domains, str(trained / "schedules.csv")
        ),
        facts=value["facts"],
        tables={path.stem: read_csv(path) for path in sorted(plan.glob("*.csv"))},
        spent=value["spent"],
        states=read_json(trained / "policy.json"),
        trajectories=read_csv(trained / "trajectories.csv"),
        ledger=read_csv(trained / "ledger.csv"),
        available=available,
        own=own,
    )
