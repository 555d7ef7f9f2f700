"""What the right answers of downstream tasks cost a trained model, in bits per byte.

Models this small guess, so their accuracy is noise; the cost of the right answer varies smoothly with the mixture, and
OlmixBase fits one regression per task to it. Bytes, unlike tokens, are the same under every tokenizer.

I items, T tokens of the longest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json
from regmix.core.model_shape import ModelShape
from regmix.engine.compute.compiled import score
from regmix.engine.run import Result
from regmix.evaluation.heldout_tasks import gold


@dataclass(frozen=True)
class Answers:
    """The right answers (I) of a task as tokens, those of their contexts, and the answers' length in UTF-8 bytes."""

    contexts: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]
    bytes: int

    @classmethod
    def of(cls, items: Iterable[Mapping[str, Any]], encode: Callable[[str], list[int]]) -> Answers:
        """Those of ``heldout_tasks.build``'s items without examples before them. As in lm-eval, an answer begins with
        a space, and its tokens are those that it adds to its context's."""
        contexts, answers, size = [], [], 0
        for item in items:
            answer = gold(item)
            context, whole = encode(item["context"]), encode(item["context"] + answer)
            contexts.append(context)
            answers.append(whole[len(context) :])
            size += len(answer.encode())
        return cls(contexts, answers, size)


def read(path: Path) -> dict[str, Answers]:
    """Answers by task, as ``write`` wrote them."""
    return {task: Answers(**value) for task, value in read_json(path).items()}


def write(path: Path, tasks: Mapping[str, Answers]) -> None:
    write_json(path, {task: vars(answers) for task, answers in tasks.items()})


def bits_per_byte(
    shape: ModelShape, weights: Mapping[str, np.ndarray], tasks: Mapping[str, Answers]
) -> dict[str, float]:
    """By task: the bits of all its answers, each given its context, divided by their bytes.

    In float32 by the CPU's kernels, whatever trained the ``weights`` (named as in ModelShape.tensors). Raises
    InputError for an item that is longer than the model's context.
    """
    return {task: _bits(shape, weights, task, answers) / answers.bytes for task, answers in tasks.items()}


def with_tasks(shape: ModelShape, result: Result, tasks: Mapping[str, Answers]) -> Result:
    """A finished run with its ``bits_per_byte`` beside its losses; it must have its weights if there are ``tasks``."""
    if not tasks:
        return result
    assert result.weights is not None
    return replace(result, losses=result.losses | bits_per_byte(shape, result.weights, tasks))


def _bits(shape: ModelShape, weights: Mapping[str, np.ndarray], task: str, answers: Answers) -> float:
    rows = [[*context, *answer] for context, answer in zip(answers.contexts, answers.answers, strict=True)]
    longest = max(map(len, rows))
    if longest > shape.context + 1:  # the last token is only predicted
        raise InputError(
            f"task {task}: an item has {longest} tokens, too many for a model of context {shape.context}; "
            "raise the context, or evaluation.shots, which makes items shorter"
        )
    tokens = np.zeros((len(rows), longest), np.int64)  # padding follows the answer, so no answer depends on it
    counted = np.zeros((len(rows), longest - 1), bool)
    for row, (context, whole) in enumerate(zip(answers.contexts, rows, strict=True)):
        tokens[row, : len(whole)] = whole
        counted[row, len(context) - 1 : len(whole) - 1] = True
    return float(score(shape, weights, tokens)[counted].sum(dtype=np.float64)) / math.log(2)
