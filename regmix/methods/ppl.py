"""Perplexity filtering (Ankner et al. 2024, section 2): train on documents in a band of a small reference's loss.

The reference is a proxy trained on the prior. A document's score is the mean loss, in nats per token, of its first
tokens, each predicted from those before it (the logarithm of the paper's perplexity, so the order is the same).
Documents of any domain are kept if their score lies between two quantiles of all scores, inclusive. The target samples
domains by their share of the kept tokens, as closely as the bounds on repetition allow. The paper excludes the
reference's training documents from the pool; here the reference has trained on a small part of what it scores.

K domains, N documents, B documents per batch, T tokens.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.core.settings import Count, NonNegative, Share, Strict, Tokens
from regmix.corpus.tokens.token_files import windows
from regmix.engine.compute.compiled import score
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.target.interface import Context, Plan, Preparation, Scale, Spent

BATCH_TOKENS = 4096  # per forward pass
STEP = 16  # tokens; a batch's width is a multiple of it, or score_tokens


class Options(Strict):
    """``low``, ``high``: the band, as quantiles over documents (paper: the lowest, middle or highest 25-75 %; half by
    default). ``tokens``: at most this many corpus tokens are considered, in whole documents and the corpus's
    proportions of domains; null: all. ``score_tokens``: how many tokens from a document's start are scored, at most
    the context. ``seed`` of the reference."""

    low: Share
    high: Share
    tokens: Tokens | None
    score_tokens: Count
    seed: NonNegative

    def _faults(self) -> Iterator[str]:
        if self.low >= self.high:
            yield f"low = {self.low:g}: must be below high ({self.high:g})"


def preparation(options: Options, scale: Scale) -> Sequence[Preparation]:
    """One reference, which scores at most all documents that are considered; the band's share of them is kept."""
    considered = min((n for n in (options.tokens, scale.corpus_tokens) if n is not None), default=math.nan)
    return [Preparation(1, scored=considered, written=(options.high - options.low) * considered)]


@dataclass(frozen=True)
class Documents:
    """Documents in one token array: ``starts`` and ``lengths`` (N,), excluding each one's end token."""

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, tokens: np.ndarray, eos: int) -> Documents:
        """The documents separated by ``eos``; text after the last ``eos`` is a document too."""
        ends = np.flatnonzero(np.asarray(tokens) == eos)
        if not len(ends) or ends[-1] != len(tokens) - 1:
            ends = np.append(ends, len(tokens))
        starts = np.append(0, ends[:-1] + 1)
        return cls(tokens, starts, ends - starts)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: np.ndarray) -> Documents:
        return Documents(self.tokens, self.starts[chosen], self.lengths[chosen])

    @property
    def size(self) -> int:
        """Number of tokens, end tokens included."""
        return int(self.lengths.sum()) + len(self)

    def spread(self, budget: float) -> Documents:
        """Documents evenly spaced over the file, with at most ``budget`` tokens in total."""
        count = len(self)
        picked = self
        while picked.size > budget:
            count = min(count - 1, int(count * budget / picked.size))
            picked = self[np.arange(count) * len(self) // max(1, count)]
        return picked

    def text(self, eos: int) -> np.ndarray:
        """The documents' tokens (T,), with ``eos`` after each document."""
        end = np.array([eos], self.tokens.dtype)
        parts = [
            part
            for start, length in zip(self.starts, self.lengths, strict=True)
            for part in (self.tokens[start : start + length], end)
        ]
        return np.concatenate(parts) if parts else self.tokens[:0]


@dataclass(frozen=True)
class Scorer:
    """A trained model that scores the first ``limit`` tokens of documents."""

    shape: ModelShape
    weights: Mapping[str, np.ndarray]
    limit: int

    def score(self, documents: Documents) -> np.ndarray:
        """Mean loss (N,) in nats per token after the first; documents have 2 tokens or more.

        The shape of a document's batch depends only on the document's length, so its score does not depend on the
        other documents or their number.
        """
        targets = np.minimum(documents.lengths - 1, self.limit)
        scores = np.empty(len(documents))
        narrower = 0
        for width in self._widths():
            chosen = np.flatnonzero((targets > narrower) & (targets <= width))
            rows = max(1, BATCH_TOKENS // width)
            for i in range(0, len(chosen), rows):
                part = chosen[i : i + rows]
                batch, mask = _padded(documents[part], targets[part], rows, width)
                losses = score(self.shape, self.weights, batch).astype(np.float64)
                scores[part] = (np.where(mask, losses, 0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))[: len(part)]
            narrower = width
        return scores

    def _widths(self) -> list[int]:
        return [*range(STEP, self.limit, STEP), self.limit]


def _padded(documents: Documents, targets: np.ndarray, rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``targets + 1`` tokens of documents, padded to (rows, width+1) int64, and a mask (rows, width) of
    the losses that count. The model is causal, so padding does not affect earlier tokens."""
    batch, mask = np.zeros((rows, width + 1), np.int64), np.zeros((rows, width), bool)
    for row, (start, count) in enumerate(zip(documents.starts, targets, strict=True)):
        batch[row, : count + 1] = documents.tokens[start : start + count + 1]
        mask[row, :count] = True
    return batch, mask


def faults(options: Options, proxy: Training) -> Iterator[str]:
    if options.score_tokens > proxy.shape.context:
        yield f"score_tokens = {options.score_tokens}: must not exceed proxy.shape.context ({proxy.shape.context})"


def plan(context: Context, options: Options) -> Plan:
    """The kept documents and their token shares. Raises InputError if they are too few for the target."""
    if options.score_tokens > context.proxy.shape.context:
        raise InputError(
            f"params.yaml: target.methods: ppl: score_tokens = {options.score_tokens} exceeds the proxy's context of "
            f"{context.proxy.shape.context}; lower it"
        )
    scorer, eos = _reference(context, options), context.corpus.eos
    everything = [Documents.of(context.corpus.train[name], eos) for name in context.domains]
    budget = np.inf if options.tokens is None else options.tokens
    drawn = [documents.spread(budget * share) for documents, share in zip(everything, context.rules.prior, strict=True)]
    pool = [documents[documents.lengths >= 2] for documents in drawn]
    scores = [scorer.score(documents) for documents in pool]
    if not any(len(domain_scores) for domain_scores in scores):
        raise InputError(
            f"params.yaml: target.methods: ppl: tokens = {options.tokens}: no document is scored; raise tokens"
        )
    low, high = np.quantile(np.concatenate(scores), [options.low, options.high])
    chosen = [d[(s >= low) & (s <= high)] for d, s in zip(pool, scores, strict=True)]
    tokens, weights = _texts(context, options, chosen)
    table = pd.DataFrame(
        {
            "domain": context.domains,
            "documents": [len(documents) for documents in pool],
            "kept": [len(documents) for documents in chosen],
            "tokens": [documents.size for documents in pool],
            "kept_tokens": [documents.size for documents in chosen],
            "mean_loss": [s.mean() if len(s) else np.nan for s in scores],
        }
    )
    scored = [int(np.minimum(documents.lengths - 1, options.score_tokens).sum()) for documents in pool]
    facts = {
        "band": {"low": float(low), "high": float(high)},
        "documents": dict(zip(context.domains, table["documents"].tolist(), strict=True)),
        "kept": dict(zip(context.domains, table["kept"].tolist(), strict=True)),
        "kept_tokens": dict(zip(context.domains, table["kept_tokens"].tolist(), strict=True)),
        "scored_tokens": dict(zip(context.domains, scored, strict=True)),
        "too_short": {
            name: len(a) - len(b) for name, a, b in zip(context.domains, drawn, pool, strict=True)
        },
    }  # fmt: skip
    spent = Spent("reference", context.proxy.train_tokens, sum(scored), context.swarm.meta["flops_a_token"])
    return Plan(context.static(weights), tokens, facts, {"documents": table}, [spent])


def _reference(context: Context, options: Options) -> Scorer:
    (result,) = context.train(context.proxy, [Run("ppl reference", context.static(context.rules.prior), options.seed)])
    assert result.weights is not None
    s = context.proxy.shape
    shape = ModelShape(s.layers, s.heads, s.width, s.ffn, s.context, context.corpus.vocab)
    return Scorer(shape, result.weights, options.score_tokens)


def _texts(context: Context, options: Options, chosen: list[Documents]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The text of the chosen documents by domain, and the weights (K,) of the domains."""
    size = context.target.shape.context
    tokens, sizes = {}, np.zeros(len(chosen))
    for k, (name, documents) in enumerate(zip(context.domains, chosen, strict=True)):
        if windows(documents.size, size):
            tokens[name], sizes[k] = documents.text(context.corpus.eos), documents.size
            continue
        tokens[name] = np.asarray(context.corpus.train[name])  # the loader needs a window of every domain
        context.warn(
            f"method ppl: {name}: {documents.size} tokens in the band are fewer than one window of {size}; it gets "
            "weight 0; raise tokens or widen the band to have it in the mixture"
        )
    whole = [len(context.corpus.train[name]) for name in context.domains]
    region = dataclasses.replace(context.rules.region, epochs=context.rules.region.epochs * sizes / whole)
    if region.high.sum() < 1 - 1e-9:
        raise InputError(
            f"params.yaml: target.methods: ppl: tokens = {options.tokens} and the band {options.low:g} to "
            f"{options.high:g} leave {int(sizes.sum())} tokens, too few for a target of "
            f"{context.target.train_tokens} within the bounds on repetition; raise tokens or widen the band"
        )
    return tokens, region.nearest(sizes / sizes.sum())
