"""What a method may know when it sets its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Context:
    """``domains`` (K) are the trained ones; ``prior`` (K) their token shares; ``objectives`` the weights of
    each objective over domains; ``recommended`` the mixture (K) that RegMix found for each objective."""

    domains: tuple[str, ...]
    prior: np.ndarray
    objectives: Mapping[str, Mapping[str, float]]
    recommended: Mapping[str, np.ndarray]
