"""One thread, as the engine's own workers have, and its kernels made ready before any test forks."""

import os

os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # so that to ask for a GPU leaves processes that may be forked

import pytest
import torch

from regmix.engine.compute.compiled import prepare

torch.set_num_threads(1)  # tiny products only get slower with two
prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The pipelines take longest, so they start first."""
    items.sort(key=lambda item: "pipeline" not in item.path.parts)


@pytest.fixture(autouse=True)
def _subnormal_numbers():
    """What a process that trains settles (compute/pytorch/arithmetic.py) ends with the test that trained."""
    torch.set_flush_denormal(False)
