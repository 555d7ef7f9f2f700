"""Selects the backend that trains a run: compiled kernels, autograd, or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from regmix.engine.compute import adamw
from regmix.engine.compute.compiled import compiled_stack, prepare
from regmix.engine.compute.interface import Compute
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.run import RunState, Setup


def stack_of(setup: Setup, states: Sequence[RunState]) -> Compute:
    """The backend for the runs of ``states`` in this process."""
    return compute_of(setup)(setup, states)


def compute_of(setup: Setup) -> Callable[[Setup, Sequence[RunState]], Compute]:
    """The constructor of the backend, compiled and ready; call before forking, so that this happens once.

    Raises InputError if the backend needs a GPU and there is none.
    """
    if setup.compute == "kernels":
        prepare()
        return compiled_stack
    # The others need torch; importing it takes two seconds.
    if setup.compute == "cuda":
        gpus()
        from regmix.engine.compute.pytorch.gpu import on_gpu

        return on_gpu
    from regmix.engine.compute.pytorch.autograd import autograd_stack

    adamw.prepare()
    return autograd_stack
