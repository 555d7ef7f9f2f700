"""Settings in the section `machine` of params.yaml: what trains where. They do not change results."""

from __future__ import annotations

from typing import Literal

from regmix.core.settings import Count, Kind, NonNegative, Positive, Strict


class Machine(Strict):
    processes: Count
    stack: Count
    checkpoint_seconds: Positive
    sharded: NonNegative
    device: Literal["cpu", "cuda"]
    launcher: Kind
