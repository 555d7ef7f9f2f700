"""A law of effective tokens and the Gaussian process of its errors."""

from __future__ import annotations

from typing import Any

from regmix.portable import effective_tokens, gp
from regmix.regressors.gp_on_law import Corrected


def portable(model: Corrected) -> dict[str, Any]:
    return {"law": effective_tokens.portable(model.law), "errors": gp.portable(model.errors)}
