"""How torch computes in a process that trains. It decides bits."""

from __future__ import annotations

import torch


def settle() -> None:
    """One thread, so that no sum is parted by the number of cores; numbers too small to be normal are zero."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
