"""A Gaussian process. The inverse covariance is left out: it follows from the runs' mixtures and the kernel."""

from __future__ import annotations

from typing import Any

from regmix.regressors.gp import SHIFT, Process


def portable(model: Process) -> dict[str, Any]:
    return {
        "features": model.options.features,
        "feature_shift": SHIFT,
        "floor": model.floor,
        "shift": model.shift,
        "scale": model.scale,
        "lengths": model.lengths.tolist(),
        "signal": model.signal,
        "noise": model.noise,
        "weights": model.weights.tolist(),
    }
