"""The section ``objectives`` of params.yaml: named weightings of the domains' validation losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from regmix.core.sections import Sections
from regmix.core.settings import Name, Positive
from regmix.corpus.settings import Corpus

Objective = dict[Name, Positive] | Literal["trained"]
Objectives = dict[Name, Objective]


class ObjectiveSections(Sections):
    """Sections for stages that use objectives."""

    corpus: Corpus
    objectives: Objectives

    def objective_weights(self, name: str) -> dict[str, float]:
        """The objective as weights over domains that sum to 1."""
        return objective_weights(self.objectives, self.corpus.trained, name)


def objective_weights(objectives: Mapping[str, Objective], trained: Sequence[str], name: str) -> dict[str, float]:
    """The weights by domain of the objective ``name``, summing to 1; ``trained`` lists the trained domains."""
    objective = objectives[name]
    weights = dict.fromkeys(trained, 1.0) if isinstance(objective, str) else objective
    return {domain: weight / sum(weights.values()) for domain, weight in weights.items()}
