"""Bytes that a pipeline leaves on disk, and those of its checkpoints meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from regmix.core.model_shape import ModelShape
from regmix.params import Params
from regmix.planning import planner
from regmix.planning.feasibility import Text
from regmix.planning.stage_work import StageWork


def disk(params: Params, vocab: int, text: Text | None, todo: Sequence[StageWork]) -> dict[str, float]:
    """Bytes that stay after each stage, in data/ and in the run store; checkpoints of what trains come on top."""
    out: dict[str, float] = {}
    token = 2 if vocab <= 1 << 16 else 4
    if text is not None:
        out["corpus_extract"] = text.chars  # a byte a character, as in English
        out["corpus_tokenize"] = token * (sum(text.train.values()) + sum(text.valid.values()))
    targets = len(params.target.methods) * params.target.seeds * _weights(planner.model(params.target, vocab))
    stored = dict.fromkeys(("target_schedule", "target_train"), 0.0)
    for work in todo:
        if work.weights:
            stored[work.stage] += _weights(work.shape) * work.new
    written = sum(one.written for found in planner.preparations(params, text).values() for one in found)
    out["target_schedule"] = stored["target_schedule"] + token * written
    # The store keeps them, target_train takes them out of it, and target_export writes them for transformers.
    out["target_train"] = targets + stored["target_train"]
    out["target_export"] = targets
    return out


def checkpoints(params: Params, todo: Sequence[StageWork]) -> int:
    """Bytes of the checkpoints of the largest set of runs that train at one time: weights and two moments."""
    machine = params.machine
    at_once = [
        3 * _weights(work.shape) * min(machine.processes, work.new) * work.stack(machine.processes, machine.stack)
        for work in todo
    ]
    return max(at_once, default=0)


def _weights(shape: ModelShape) -> int:
    """Of one model, in fp32."""
    return 4 * shape.parameters
