"""Variants of the default context for audits: another vocabulary, parts of its domains, or another budget."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from regmix.ablations.bench import Part
from regmix.ablations.settings import FILE, with_steps
from regmix.constraints.build import by_tokens
from regmix.core import plugins
from regmix.core.files import write_json
from regmix.corpus.settings import Corpus
from regmix.corpus.tokens.tokenized import open_corpus
from regmix.params import Params
from regmix.target.interface import Context
from stages.common.run import call
from stages.corpus.corpus_extract import corpus_extract
from stages.corpus.corpus_tokenize import corpus_tokenize
from stages.corpus.tokenizer_train import tokenizer_train
from stages.target.context import PlanSections, context_of, trainer


def under_vocabulary(params: Params, swarms: dict[str, Path], extracted: Path, work: Path, entries: int) -> Context:
    """The context with the corpus tokenized with a vocabulary of ``entries``."""
    tokenizer = params.tokenizer.model_copy(update={"source": "train", "vocab_size": entries})
    own, folder = params.model_copy(update={"tokenizer": tokenizer}), work / str(entries)
    call(tokenizer_train, own, extracted=extracted, out=folder / "tokenizer")
    call(corpus_tokenize, own, extracted=extracted, tokenizer=folder / "tokenizer", store=folder / "parts",
         out=folder / "corpus")  # fmt: skip
    return context_of(PlanSections.of(own), corpus=folder / "corpus", **swarms)


def at_budget(params: Params, swarms: dict[str, Path], corpus: Path, budget: float) -> Context:
    """The context in which proxies and targets train for ``budget`` times the steps. Its swarm is the default's."""
    trained = {name: with_steps(getattr(params, name), budget, f"audits: {name}") for name in ("proxy", "target")}
    context = context_of(PlanSections.of(params.model_copy(update=trained)), corpus=corpus, **swarms)
    available = {name: len(tokens) for name, tokens in context.corpus.train.items()}
    region = by_tokens(params.constraints, available, context.target.train_tokens)
    return dataclasses.replace(context, rules=dataclasses.replace(context.rules, region=region))


def with_parts(
    params: Params, context: Context, swarms: dict[str, Path], tokenizer: Path, work: Path, parts: Mapping[str, Part]
) -> Context:
    """The context with parts of domains in place of these domains, read with the default's tokenizer; losses are those
    of the parts and of all domains. Its rules and swarm are the default's."""
    values = params.corpus.model_dump()
    values["domains"] = {name: values["domains"][domain] | changes for name, (domain, changes) in parts.items()}
    corpus = plugins.checked(Corpus, values | {"validation_only": []}, FILE, "audits: parts")
    own, texts = params.model_copy(update={"corpus": corpus}), work / "parts"
    for name in parts:
        call(corpus_extract, own, domain=name, out=texts / name)
    shutil.copytree(tokenizer, work / "tokenizer")
    write_json(work / "tokenizer/domains.json", {"all": list(parts), "trained": list(parts)})
    call(corpus_tokenize, own, extracted=texts, tokenizer=work / "tokenizer", store=work / "store", out=work / "corpus")
    whole, finer = context.corpus, open_corpus(work / "corpus", list(parts))
    split = {domain for domain, _ in parts.values()}
    train = {name: tokens for name, tokens in whole.train.items() if name not in split} | finer.train
    digest = hashlib.sha256(f"{whole.digest} {finer.digest} {list(train)}".encode()).hexdigest()
    text = dataclasses.replace(whole, train=train, valid=whole.valid | finer.valid, digest=digest)
    lengths = dict(context.rules.text or {})  # of what proxies see, if they are to repeat text as targets do
    lengths |= {name: len(finer.train[name]) * lengths[domain] // len(whole.train[domain])
                for name, (domain, _) in parts.items() if domain in lengths}  # fmt: skip
    through = trainer(PlanSections.of(params), text, text.cut(lengths), swarms["answers"], swarms["store"])
    return dataclasses.replace(context, corpus=text, train=through)
