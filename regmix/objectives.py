"""The section ``objectives`` of params.yaml: what mixtures are to minimise, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from regmix.core.errors import InputError
from regmix.core.objective import BITS, Objective
from regmix.core.runs import Runs
from regmix.core.sections import Sections
from regmix.core.settings import Name, Positive, Strict
from regmix.corpus.settings import Corpus

Weights = dict[Name, Positive] | Literal["trained"]


class Worst(Strict):
    """The largest excess of a domain's loss over that of the anchor with most of it: the domain alone,
    as closely as the bounds allow."""

    worst: Annotated[list[Name], Field(min_length=1)] | Literal["trained"]


class Guarded(Strict):
    """A weighted mean, with no trained domain more than ``within`` nats above its loss at the natural mixture."""

    mean: Weights
    within: Annotated[float, Field(ge=0)]


class Tasks(Strict):
    """A weighted mean of what the right answers of downstream tasks cost, in bits per byte, at the end of training
    (``evaluation.answers``). Names are those of the tasks from held-out text in lm-eval."""

    tasks: Annotated[dict[Name, Positive], Field(min_length=1)]


Entry = Worst | Guarded | Tasks | Weights
Objectives = dict[Name, Entry]


class ObjectiveSections(Sections):
    """Sections for stages that use objectives."""

    corpus: Corpus
    objectives: Objectives


def counted(entry: Entry, trained: Sequence[str]) -> dict[str, float]:
    """The domains or tasks whose losses count, and their weights, those of ``Worst`` all the same."""
    if isinstance(entry, Tasks):
        return entry.tasks
    if isinstance(entry, Guarded):
        return counted(entry.mean, trained)
    if isinstance(entry, Worst):
        return dict.fromkeys(trained if entry.worst == "trained" else entry.worst, 1.0)
    return dict.fromkeys(trained, 1.0) if isinstance(entry, str) else entry


def tasks_of(objectives: Mapping[str, Entry]) -> list[str]:
    """The tasks in any objective: proxies are scored on these."""
    return list(
        dict.fromkeys(name for entry in objectives.values() if isinstance(entry, Tasks) for name in entry.tasks)
    )


def sole(entry: Entry, trained: Sequence[str]) -> str | None:
    """The trained domain whose loss alone counts, if there is one."""
    first, *others = counted(entry, trained)
    return first if not others and first in trained else None


def resolve(objectives: Mapping[str, Entry], proxies: Runs) -> dict[str, Objective]:
    """The objectives by name, with what they need from the ``proxies``' anchors. Raises InputError."""
    return {name: _resolve(name, entry, proxies) for name, entry in objectives.items()}


def _resolve(name: str, entry: Entry, proxies: Runs) -> Objective:
    weights = counted(entry, proxies.domains)
    if isinstance(entry, Worst):
        anchors = _anchors(name, proxies)
        most = [anchors.mixtures[:, proxies.domains.index(domain)].argmax() for domain in weights]
        alone = [float(anchors.losses[domain].iloc[row]) for domain, row in zip(weights, most, strict=True)]
        return Objective(tuple(weights), np.full(len(weights), 1 / len(weights)), references=np.array(alone))
    if isinstance(entry, Guarded):
        names = (*weights, *(domain for domain in proxies.domains if domain not in weights))
        anchors = _anchors(name, proxies)
        natural = anchors.losses[anchors.names == "anchor-natural"].iloc[0]
        limits = [natural[domain] + entry.within if domain in proxies.domains else np.inf for domain in names]
        shares = np.array([weights.get(domain, 0.0) for domain in names])
        return Objective(names, shares / shares.sum(), limits=np.array(limits))
    return Objective.mean(weights, BITS) if isinstance(entry, Tasks) else Objective.mean(weights)


def _anchors(objective: str, proxies: Runs) -> Runs:
    anchors = proxies.of("anchor")
    if not len(anchors.names):
        raise InputError(f"params.yaml: objectives.{objective}: needs the anchors; add anchors to swarm.shards")
    return anchors
