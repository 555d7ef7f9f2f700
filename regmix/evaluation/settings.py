"""Settings: the section `evaluation` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regmix.core.settings import Count, Name, NonNegative, Strict
from regmix.evaluation.heldout_tasks import CONTINUATION, LAST_WORD, task_name


class Evaluation(Strict):
    last_word: list[Name]
    continuation: list[Name]
    items: Annotated[int, Field(ge=1, le=10**6)]
    choices: Annotated[int, Field(ge=2)]
    shots: Annotated[list[NonNegative], Field(min_length=1)]
    tasks: list[str]
    batch_size: Count
    seed: NonNegative

    @property
    def heldout(self) -> dict[str, tuple[str, str]]:
        """The kind and the domain of every task from held-out text, by its name."""
        kinds = {LAST_WORD: self.last_word, CONTINUATION: self.continuation}
        return {task_name(kind, domain): (kind, domain) for kind, domains in kinds.items() for domain in domains}
