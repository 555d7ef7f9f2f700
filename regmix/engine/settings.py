"""Settings in the sections `proxy` and `target` of params.yaml: how a run trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from regmix.core.settings import Count, Positive, Share, Strict


class Shape(Strict):
    """A Llama-shaped model; ``vocab`` comes from the tokenizer."""

    layers: Count
    heads: Count
    width: Count
    ffn: Count
    context: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _heads(self) -> Shape:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 x heads ({2 * self.heads})")
        return self


class Recipe(Strict):
    """How a run trains."""

    sequences: Count
    steps: Count
    lr: Positive
    lr_schedule: Literal["cosine", "constant"]
    lr_final: Share
    warmup: Share
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Positive
    draws: Literal["independent", "low_discrepancy"]  # of each sequence's domain
    precision: Literal["fp32", "bf16"]


class Validation(Strict):
    """Tokens of validation text per domain, and how often the losses are logged."""

    final_tokens: Count
    logged_tokens: Count
    logged: Count

    @model_validator(mode="after")
    def _nested(self) -> Validation:
        if self.logged_tokens > self.final_tokens:
            raise ValueError("logged_tokens must not exceed final_tokens")
        return self


class Training(Strict):
    shape: Shape
    recipe: Recipe
    validation: Validation

    @model_validator(mode="after")
    def _steps(self) -> Training:
        if self.validation.logged > self.recipe.steps:
            raise ValueError(f"validation.logged must not exceed recipe.steps ({self.recipe.steps})")
        return self

    @property
    def logged_steps(self) -> list[int]:
        """The steps after which the losses are logged, including the last step."""
        steps, count = self.recipe.steps, self.validation.logged
        return [round(steps * (i + 1) / count) for i in range(count)]

    @property
    def train_tokens(self) -> int:
        """Tokens that one run trains on."""
        return self.recipe.steps * self.recipe.sequences * self.shape.context
