"""How torch computes in a training process. This affects the bits of a run."""

from __future__ import annotations

import torch


def settle() -> None:
    """One thread, so that no sum is split by the number of cores; denormal numbers become zero."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
