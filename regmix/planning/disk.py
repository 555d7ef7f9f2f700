"""Disk space: bytes that a pipeline leaves behind, and bytes of its checkpoints during training."""

from __future__ import annotations

from collections.abc import Sequence

from regmix.core.model_shape import ModelShape
from regmix.params import Params
from regmix.planning import planner
from regmix.planning.feasibility import Text
from regmix.planning.stage_work import StageWork


def disk(params: Params, vocab: int, text: Text | None, todo: Sequence[StageWork]) -> dict[str, float]:
    """Bytes that each stage leaves in data/ and in the run store; checkpoints during training are extra."""
    out: dict[str, float] = {}
    token_bytes = 2 if vocab <= 1 << 16 else 4
    if text is not None:
        out["corpus_extract"] = text.chars  # one byte per character, as in English
        out["corpus_tokenize"] = token_bytes * (sum(text.train.values()) + sum(text.valid.values()))
    targets = len(params.target.methods) * params.target.seeds * _weights(planner.model(params.target, vocab))
    stored = dict.fromkeys(("target_schedule", "target_train"), 0.0)
    for work in todo:
        if work.weights:  # of proxies too, where an objective is of tasks
            stored[work.stage] = stored.get(work.stage, 0.0) + _weights(work.shape) * work.new
    out |= stored
    written = sum(p.written for prepared in planner.preparations(params, text).values() for p in prepared)
    out["target_schedule"] += token_bytes * written
    # The targets' weights: in the store, copied out by target_train, and written by target_export for transformers.
    out["target_train"] += targets
    out["target_export"] = targets
    return out


def checkpoints(params: Params, todo: Sequence[StageWork]) -> int:
    """Bytes of checkpoints of the largest set of runs that train at the same time: weights and two moments."""
    machine = params.machine
    at_once = [
        3 * _weights(work.shape) * min(machine.processes, work.new) * work.stack(machine.processes, machine.stack)
        for work in todo
    ]
    return max(at_once, default=0)


def _weights(shape: ModelShape) -> int:
    """Of one model, in fp32."""
    return 4 * shape.parameters
