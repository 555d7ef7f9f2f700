"""The law of effective tokens: its parameters (P,) and their covariance (P, P), as fitted."""

from __future__ import annotations

from typing import Any

from regmix.regressors.effective_tokens import FLOOR, Law


def portable(model: Law) -> dict[str, Any]:
    return {
        "least_weight": FLOOR,
        "floor": model.floor,
        "scale": model.scale,
        "free": model.fitted.free.tolist(),
        "noise": model.fitted.noise,
        "covariance": model.fitted.covariance.tolist(),
    }
