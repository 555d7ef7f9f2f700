"""Settings: the section `evaluation` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regmix.core.settings import Count, Name, NonNegative, Strict


class Evaluation(Strict):
    last_word: list[Name]
    continuation: list[Name]
    items: Count
    choices: Annotated[int, Field(ge=2)]
    shots: Annotated[list[NonNegative], Field(min_length=1)]
    tasks: list[str]
    batch_size: Count
    seed: NonNegative
