"""Downstream items made from held-out text, and the lm-eval configuration that runs them.

Two kinds: predict the last word of a passage, as in LAMBADA, and choose the true continuation among
continuations of other passages, as in HellaSwag.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from regmix.core.errors import InputError

LAST_WORD, CONTINUATION = "last_word", "continuation"
VERSION = 1  # of the items and their configuration; increase it when either changes
LONGEST = 96  # maximum tokens of an item, however long the model's context
LEAST = 4  # items of a task whose text gives no more
POOL = 8  # minimum number of few-shot examples per task
COMMON = 100  # a domain's most frequent words are not used as last words: they can be guessed without reading

PARAGRAPHS = re.compile(r"\n\s*\n")  # a blank line separates few-shot examples, so no item contains one
STARTS = re.compile(r"""(?:\A|[.!?]["')\]]*\s|\n)\s*(?=\S)""")  # a sentence or line starts where a match ends
LAST_WORDS = re.compile(r"""(?<= )[^\W\d_]{3,}(?= ?[.!?]["')\]]*(?:\s+\W?[^\Wa-z]|\s*\Z))""")
WORDS = re.compile(r"\S+")
LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Passage:
    """Consecutive words of one document, split in two at a space."""

    document: int
    context: str
    rest: str


def task_name(kind: str, domain: str) -> str:
    """The name under which lm-eval finds the task."""
    return f"heldout_{kind}_{domain}"


def chance(kind: str, choices: int) -> float:
    """The share of a task's items that a guess gets right; about 0 for last words."""
    return 1 / choices if kind == CONTINUATION else 0.0


def item_budget(context: int, shots: Sequence[int]) -> int:
    """The most tokens an item can have so that it and its few-shot examples fit a model's ``context`` (tokens)."""
    return min(LONGEST, context // (max(shots) + 1))


def build(
    kind: str,
    domain: str,
    documents: Sequence[str],
    *,
    items: int,
    choices: int,
    shots: Sequence[int],
    context: int,
    count_tokens: Callable[[str], int],
    rng: np.random.Generator,
) -> dict[str, list[dict[str, Any]]]:
    """The items of one task: {"test": ``items`` of them, or what there is, "fewshot": a few, from other documents}.

    ``documents`` are the held-out texts of ``domain``. Every item, with the largest number of ``shots``
    before it, fits a model of ``context`` tokens, as counted by ``count_tokens``. A last-word item is
    {context, target}, the target including the space before it; a continuation item is {context,
    choices, gold}, its wrong choices being the true ones of other items. No context or answer occurs
    twice. Raises InputError if the text has too few passages for ``LEAST`` items.
    """
    budget, count = item_budget(context, shots), lru_cache(maxsize=None)(count_tokens)
    by_document = _passages(kind, documents, budget, count)
    seen: set[str] = set()
    fresh: dict[int, list[Passage]] = {}
    for document in rng.permutation(len(documents)).tolist():
        for number in rng.permutation(len(by_document[document])).tolist():
            passage = by_document[document][number]
            if not seen & {passage.context, passage.rest}:
                seen |= {passage.context, passage.rest}
                fresh.setdefault(document, []).append(passage)
    pool = max(POOL, choices, *shots)
    reserved: dict[int, list[Passage]] = {}
    while fresh and sum(map(len, reserved.values())) < pool:
        document = next(iter(fresh))
        reserved[document] = fresh.pop(document)
    chosen = {"test": _spread(fresh, items), "fewshot": _spread(reserved, pool)}
    if len(chosen["test"]) < min(items, max(LEAST, choices)):
        raise InputError(
            f"params.yaml: evaluation.items = {items}: the held-out text of {domain} ({len(documents)} documents) "
            f"gives {len(chosen['test'])} {kind} items and {len(chosen['fewshot'])} few-shot examples; "
            f"lower it or evaluation.shots, raise corpus.valid_fraction or remove {domain} from evaluation.{kind}"
        )
    if kind == LAST_WORD:
        return {split: [{"context": p.context, "target": f" {p.rest}"} for p in part] for split, part in chosen.items()}
    return {split: _with_choices(part, choices, budget, count, rng) for split, part in chosen.items()}


def size(context: str, answer: str, count_tokens: Callable[[str], int]) -> int:
    """Tokens of an item, including the blank line that separates it from the next.

    The letter stands for the text that follows, which can affect how the blank line is tokenized.
    """
    return count_tokens(f"{context} {answer}\n\na")


def gold(item: Mapping[str, Any]) -> str:
    """The right answer of one of ``build``'s items, with the space before it, as lm-eval scores it."""
    return str(item["target"]) if "target" in item else f" {item['choices'][item['gold']]}"


def config(kind: str, domain: str, folder: str) -> dict[str, Any]:
    """The lm-eval task (the content of a YAML file) over ``folder``/{test,fewshot}.jsonl.

    lm-eval resolves a relative ``folder`` against its working directory.
    """
    if kind == LAST_WORD:
        answer = {"output_type": "loglikelihood", "doc_to_target": "target", "target_delimiter": ""}
        metrics = ["acc", "perplexity"]
    else:
        answer = {"output_type": "multiple_choice", "doc_to_target": "gold", "doc_to_choice": "choices"}
        # acc_mutual_info subtracts a choice's likelihood without the context: it distinguishes small models.
        metrics = ["acc", "acc_norm", "acc_mutual_info"]
    return {
        "task": task_name(kind, domain),
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: f"{folder}/{split}.jsonl" for split in ("test", "fewshot")}},
        "test_split": "test",
        "fewshot_split": "fewshot",
        "doc_to_text": "context",
        **answer,
        "metric_list": [_metric(name) for name in metrics],
        "metadata": {"version": VERSION},
    }


def _metric(name: str) -> dict[str, Any]:
    if name == "perplexity":
        return {"metric": name, "aggregation": "perplexity", "higher_is_better": False}
    return {"metric": name, "aggregation": "mean", "higher_is_better": True}


def _passages(
    kind: str, documents: Sequence[str], budget: int, count_tokens: Callable[[str], int]
) -> list[list[Passage]]:
    """Every passage of every document that can become an item."""
    words = Counter(word.lower() for text in documents for word in LETTERS.findall(text))
    common = {word for word, _ in words.most_common(COMMON)}
    by_document: list[list[Passage]] = []
    for document, text in enumerate(documents):
        cuts = (
            cut
            for paragraph in PARAGRAPHS.split(text)
            for cut in (
                _last_words(paragraph, budget, count_tokens, common)
                if kind == LAST_WORD
                else _continuations(paragraph, budget, count_tokens)
            )
        )
        passages = [Passage(document, context, rest) for context, rest in cuts]
        by_document.append([p for p in passages if size(p.context, p.rest, count_tokens) <= budget])
    return by_document


def _last_words(
    text: str, budget: int, count_tokens: Callable[[str], int], common: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(context, last word) for the sentences of ``text`` that end in a suitable word.

    The context is as long as fits; it starts at a sentence's start if there is one in its first half.
    """
    starts = [match.end() for match in STARTS.finditer(text)]
    position = 0  # passages do not overlap
    for match in LAST_WORDS.finditer(text):
        word, room = match.group(), budget - count_tokens(f" {match.group()}\n\na")
        if word.lower() in common or word.isupper():
            continue
        begins, used = [], [0]
        for before in reversed(list(WORDS.finditer(text, position, match.start()))):
            used.append(used[-1] + count_tokens(f" {before.group()}"))
            if used[-1] > room:
                break
            begins.append(before.start())
        whole = [begin for begin, size in zip(begins, used[1:], strict=False) if begin in starts and 2 * size >= room]
        if not begins:
            continue
        context = text[(whole or begins)[-1] : match.start() - 1]
        context_words = {other.lower() for other in LETTERS.findall(context)}
        if 4 * count_tokens(context) >= budget and word.lower() not in context_words:
            yield context, word
            position = next((start for start in starts if start >= match.end()), len(text))


def _continuations(text: str, budget: int, count_tokens: Callable[[str], int]) -> Iterator[tuple[str, str]]:
    """(context, continuation) from sentence starts of ``text``, about two thirds and one third of ``budget``.

    Each part stays within its share, so any context fits with any continuation.
    """
    most_rest = budget // 3
    most_context = budget - most_rest - count_tokens("\n\na")
    position = 0  # passages do not overlap
    for start in STARTS.finditer(text):
        if start.end() < position:
            continue
        spans, sizes = [], []
        for word in WORDS.finditer(text, start.end()):
            spans.append(word.span())
            sizes.append(count_tokens(f" {word.group()}"))
            if sum(sizes) >= most_context + most_rest:
                break
        # If the text ends early, shorten the context: a short continuation does not make a useful item.
        context = _longest(sizes, min(most_context, sum(sizes) - most_rest))
        rest = _longest(sizes[context:], most_rest)
        if 2 * sum(sizes[:context]) < most_context or 2 * sum(sizes[context : context + rest]) < most_rest:
            continue
        (_, end), (begin, _), (_, last) = spans[context - 1], spans[context], spans[context + rest - 1]
        if text[end:begin] == " ":
            yield text[start.end() : end], text[begin:last]
            position = last


def _longest(sizes: Sequence[int], most: int) -> int:
    """How many of the first ``sizes`` sum to at most ``most``."""
    return int(np.searchsorted(np.cumsum(sizes), most, side="right"))


def _spread(passages: dict[int, list[Passage]], n: int) -> list[Passage]:
    """``n`` passages from as many documents as possible: one from each in turn."""
    turns = [(turn, place, p) for place, group in enumerate(passages.values()) for turn, p in enumerate(group)]
    return [p for _, _, p in sorted(turns, key=lambda entry: entry[:2])[:n]]


def _with_choices(
    passages: Sequence[Passage], choices: int, budget: int, count_tokens: Callable[[str], int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Continuation items, with wrong choices from other documents where enough of them fit."""
    items = []
    for passage in passages:
        others = [p for p in passages if p is not passage and size(passage.context, p.rest, count_tokens) <= budget]
        foreign = [p for p in others if p.document != passage.document]
        pool = foreign if len(foreign) >= choices - 1 else others
        if len(pool) < choices - 1:
            raise InputError(
                f"params.yaml: evaluation.choices = {choices}: an item needs {choices - 1} wrong choices and only "
                f"{len(pool)} fit; lower it or raise evaluation.items"
            )
        wrong = [pool[i].rest for i in rng.choice(len(pool), size=choices - 1, replace=False).tolist()]
        gold = int(rng.integers(choices))
        items.append(
            {"context": passage.context, "choices": [*wrong[:gold], passage.rest, *wrong[gold:]], "gold": gold}
        )
    return items
