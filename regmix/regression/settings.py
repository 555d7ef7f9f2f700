"""Settings: the section `regression` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regmix.core.settings import Count, NonNegative, Strict


class Curve(Strict):
    proxies: list[Count]
    subsets: Count


class Regression(Strict):
    folds: Annotated[int, Field(ge=2)]
    bootstrap: Annotated[int, Field(ge=2, le=100_000)]  # one resample has no interval
    interval: Annotated[float, Field(gt=0, lt=1)]
    top_k: Count
    curve: Curve
    seed: NonNegative
