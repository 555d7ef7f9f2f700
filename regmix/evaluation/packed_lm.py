"""lm-eval's transformers model, with the answers to one prompt scored in one row.

lm-eval puts every choice of a multiple-choice item in a separate row, so the prompt is computed once per choice.
Here the choices follow their prompt in one row and cannot attend to each other. Each choice is conditioned on
the same tokens, so its score is the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from torch.nn.functional import log_softmax

Encode = Callable[..., list[int]]
Request = tuple[tuple[int, ...], tuple[int, ...]]  # tokens of a prompt and of its answer
Row = list[Request]  # with the same prompt
Score = tuple[float, bool]  # log-likelihood in nats; whether greedy decoding produces the answer


class PackedLM(HFLM):
    """A LlamaForCausalLM folder on the CPU, as lm-eval's ``hf`` model scores it.

    ``encode`` is the ``encode`` of another such model: models with the same tokenizer share the cache.
    ``truncated`` collects the (prompt, answer) pairs that were too long for the model.
    """

    def __init__(self, folder: Path, batch_size: int, encode: Encode | None = None) -> None:
        self.encode: Encode = encode or functools.lru_cache(maxsize=1 << 16)(super().tok_encode)
        self.truncated: set[tuple[str, str]] = set()
        super().__init__(str(folder), device="cpu", batch_size=batch_size, attn_implementation="sdpa")

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, left_truncate_len: int | None = None, **_: Any
    ) -> list[int]:
        return self.encode(string, add_special_tokens, left_truncate_len)

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[Score]:
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = True,
        override_bs: int | None = None,
    ) -> list[Score]:
        """The score of every (strings, prompt, answer)."""
        pairs = [(tuple(prompt), tuple(answer)) for _, prompt, answer in requests]
        fits = [len(prompt) + len(answer) <= self.max_length + 1 for prompt, answer in pairs]  # the last is not input
        scores: dict[Request, Score] = {}
        if not all(fits):  # lm-eval truncates these
            long = [number for number, fit in enumerate(fits) if not fit]
            self.truncated.update(requests[number][0] for number in long)
            truncated = super()._loglikelihood_tokens([requests[number] for number in long], True, override_bs)
            scores.update(zip([pairs[number] for number in long], truncated, strict=True))
        rows = _rows([request for request, fit in zip(pairs, fits, strict=True) if fit], 2 * self.max_length)
        batch = override_bs or int(self.batch_size)
        for i in range(0, len(rows), batch):
            scores.update(self._score(rows[i : i + batch]))
        return [scores[request] for request in pairs]

    @torch.no_grad()
    def _score(self, rows: Sequence[Row]) -> dict[Request, Score]:
        """One forward pass over B ``rows`` of T tokens."""
        shape = len(rows), max(map(_length, rows))
        tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        parts = np.full(shape, -1)  # 0: the prompt, 1, 2, ...: its answers, -1: padding
        read: list[int] = []  # positions in the flattened (B, T) that predict the tokens of ``answers``
        answers: list[int] = []
        spans: dict[Request, slice] = {}
        for b, row in enumerate(rows):
            prompt, end = row[0][0], len(row[0][0])
            tokens[b, :end], positions[b, :end], parts[b, :end] = prompt, np.arange(end), 0
            for part, (_, answer) in enumerate(row, start=1):
                at = slice(end, end + len(answer) - 1)  # its last token predicts nothing
                tokens[b, at], parts[b, at] = answer[:-1], part
                positions[b, at] = len(prompt) + np.arange(len(answer) - 1)
                spans[prompt, answer] = slice(len(answers), len(answers) + len(answer))
                first = b * shape[1]
                read += [first + len(prompt) - 1, *range(first + at.start, first + at.stop)]
                answers += answer
                end = at.stop
        segments = torch.from_numpy(parts)
        same = (segments[:, None, :] == segments[:, :, None]) | (segments[:, None, :] == 0)
        mask = same & torch.ones(shape[1], shape[1], dtype=torch.bool).tril()  # (B, T, T)
        hidden = self.model.get_decoder()(
            input_ids=torch.from_numpy(tokens),
            attention_mask=mask[:, None],
            position_ids=torch.from_numpy(positions),
            use_cache=False,
        ).last_hidden_state
        logits = self.model.get_output_embeddings()(hidden.flatten(0, 1)[read])
        target = torch.tensor(answers)
        logprobs = log_softmax(logits, dim=-1).gather(1, target[:, None])[:, 0]
        greedy = logits.argmax(dim=-1) == target
        return {request: (float(logprobs[span].sum()), bool(greedy[span].all())) for request, span in spans.items()}


def _rows(requests: Sequence[Request], longest: int) -> list[Row]:
    """Distinct requests grouped by prompt, longest row first; a row is split before it exceeds ``longest`` tokens."""
    rows: list[Row] = []
    open_row: dict[tuple[int, ...], tuple[Row, int]] = {}  # by prompt: the row for its next answer, and its length
    for prompt, answer in dict.fromkeys(requests):
        row, length = open_row.get(prompt, ([], 0))
        if not row or length + len(answer) - 1 > longest:
            row, length = [], len(prompt)
            rows.append(row)
        row.append((prompt, answer))
        open_row[prompt] = row, length + len(answer) - 1
    return sorted(rows, key=_length, reverse=True)


def _length(row: Row) -> int:
    """Tokens in a row: the prompt, and each answer without its last token."""
    return len(row[0][0]) + sum(len(answer) - 1 for _, answer in row)
