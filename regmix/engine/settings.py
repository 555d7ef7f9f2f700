"""Settings in the sections `proxy` and `target` of params.yaml: how a run trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from regmix.core.settings import Count, Positive, Share, Strict, Tokens


class Shape(Strict):
    """A Llama-shaped model; ``vocab`` comes from the tokenizer."""

    layers: Count
    heads: Count
    width: Count
    ffn: Count
    context: Annotated[int, Field(ge=2)]

    def _faults(self) -> Iterator[str]:
        if self.width % (2 * self.heads):
            yield f"width = {self.width}: must be a multiple of 2 x heads ({2 * self.heads})"


Beta = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Strict):
    """How a run trains."""

    sequences: Count
    steps: Count
    lr: Positive
    lr_schedule: Literal["cosine", "constant"]
    lr_final: Share
    warmup: Share
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)]  # YAML has lists alone
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Positive
    draws: Literal["independent", "low_discrepancy"]  # of each sequence's domain
    precision: Literal["fp32", "bf16"]


class Validation(Strict):
    """Tokens of validation text per domain, and how often the losses are logged."""

    final_tokens: Tokens
    logged_tokens: Tokens
    logged: Count

    def _faults(self) -> Iterator[str]:
        if self.logged_tokens > self.final_tokens:
            yield f"logged_tokens = {self.logged_tokens}: must not exceed final_tokens ({self.final_tokens})"


class Training(Strict):
    shape: Shape
    recipe: Recipe
    validation: Validation

    def _faults(self) -> Iterator[str]:
        logged, steps = self.validation.logged, self.recipe.steps
        if logged > steps:
            yield f"validation.logged = {logged}: must not exceed recipe.steps ({steps})"

    @property
    def logged_steps(self) -> list[int]:
        """The steps after which the losses are logged, including the last step."""
        steps, count = self.recipe.steps, self.validation.logged
        return [round(steps * (i + 1) / count) for i in range(count)]

    @property
    def train_tokens(self) -> int:
        """Tokens that one run trains on."""
        return self.recipe.steps * self.recipe.sequences * self.shape.context
