"""What right answers cost: by the engine's kernels as by transformers' model and by lm-eval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.engine.run import initial_weights
from regmix.evaluation import answers, lm_eval, to_transformers
from regmix.evaluation.answers import Answers, bits_per_byte
from tests.evaluation.test_lm_eval import WORDS, ask, choose, word_tokenizer, write_tasks

SHAPE = ModelShape(layers=2, heads=2, width=16, ffn=24, context=16, vocab=24)
LAST_WORD = [ask(0, 4, 4), ask(3, 9, 8), ask(7, 6, 11), ask(2, 2, 15)]  # of several lengths
CONTINUATION = [choose(i, 4 + i, i % 3) for i in range(4)]


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Initial ones with a larger head, so that answers differ in cost by more than rounding."""
    tensors = initial_weights(SHAPE, seed)
    return tensors | {"head": 20 * tensors["head"]}


def encode(text: str) -> list[int]:
    return word_tokenizer(WORDS).encode(text, add_special_tokens=False).ids


def answers_of(items: Sequence[dict[str, Any]]) -> Answers:
    return Answers.of(items, encode)


def test_an_answer_is_what_follows_its_context():
    answers = answers_of([LAST_WORD[0], CONTINUATION[1]])
    assert answers.contexts == [encode(item["context"]) for item in (LAST_WORD[0], CONTINUATION[1])]
    assert answers.answers == [encode(WORDS[4]), encode(f"{WORDS[6]} {WORDS[7]}")]
    assert answers.bytes == len(f" {WORDS[4]}") + len(f" {WORDS[6]} {WORDS[7]}")
    assert Answers.of([{"context": "a", "target": " \u00e9"}], lambda text: [0] * len(text)).bytes == 3


def test_bits_per_byte_are_those_of_transformers_and_do_not_depend_on_the_other_items():
    """Float32 sums in another order: about 1e-7 of each loss, so 1e-5 leaves room and still sees any other token."""
    tasks = {"word": answers_of(LAST_WORD), "follow": answers_of(CONTINUATION)}
    scores, model = bits_per_byte(SHAPE, weights(), tasks), to_transformers.to_transformers(SHAPE, weights())
    for name, task in tasks.items():
        bits = []
        for context, answer in zip(task.contexts, task.answers, strict=True):
            with torch.no_grad():
                logits = model(torch.tensor([[*context, *answer[:-1]]])).logits[0, len(context) - 1 :]
            bits.append(float(torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum")))
        assert scores[name] == pytest.approx(sum(bits) / math.log(2) / task.bytes, rel=1e-5)
        alone = [
            bits_per_byte(SHAPE, weights(), {name: Answers([c], [a], 1)})[name]
            for c, a in zip(task.contexts, task.answers, strict=True)
        ]
        assert scores[name] == pytest.approx(sum(alone) / task.bytes, rel=1e-5)


def test_bits_per_byte_are_those_of_lm_eval_without_examples(tmp_path):
    """Its perplexity is exp of the mean cost of an answer."""
    word_tokenizer(WORDS).save(str(tmp_path / "tokenizer.json"))
    model = to_transformers.to_transformers(SHAPE, weights(), 0)
    to_transformers.save(model, tmp_path / "tokenizer.json", 0, tmp_path / "model")
    tasks = write_tasks(tmp_path / "tasks", {"count": {"test": LAST_WORD, "fewshot": LAST_WORD}})
    (frame,) = lm_eval.evaluate([tmp_path / "model"], tasks, names=[], shots=[0], batch_size=4, scratch=tmp_path)
    perplexity = frame.set_index("metric").loc["perplexity", "value"]
    task = answers_of(LAST_WORD)
    expected = len(LAST_WORD) * math.log2(perplexity) / task.bytes
    assert bits_per_byte(SHAPE, weights(), {"count": task})["count"] == pytest.approx(expected, rel=1e-5)


def test_answers_read_back_as_written(tmp_path):
    tasks = {"word": answers_of(LAST_WORD), "follow": answers_of(CONTINUATION)}
    answers.write(tmp_path / "a.json", tasks)
    assert answers.read(tmp_path / "a.json") == tasks


def test_an_item_longer_than_the_context_is_named():
    fits, long = (answers_of([ask(0, length, 0)]) for length in (16, 17))  # the last token is only predicted
    bits_per_byte(SHAPE, weights(), {"count": fits})
    with pytest.raises(InputError, match=r"^task count: an item has 18 tokens, too many for a model of context 16; "):
        bits_per_byte(SHAPE, weights(), {"count": long})
