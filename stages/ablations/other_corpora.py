"""Variants of the default corpus for audits: another vocabulary, or parts of its domains."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from regmix.ablations.bench import Part
from regmix.ablations.settings import FILE
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
from stages.target.context import PlanSections, context_of


def under_vocabulary(params: Params, swarms: dict[str, Path], extracted: Path, work: Path, entries: int) -> Context:
    """The context with the corpus tokenized with a vocabulary of ``entries``."""
    tokenizer = params.tokenizer.model_copy(update={"source": "train", "vocab_size": entries})
    own, folder = params.model_copy(update={"tokenizer": tokenizer}), work / str(entries)
    call(tokenizer_train, own, extracted=extracted, out=folder / "tokenizer")
    call(corpus_tokenize, own, extracted=extracted, tokenizer=folder / "tokenizer", store=folder / "parts",
         out=folder / "corpus")  # fmt: skip
    return context_of(PlanSections.of(own), corpus=folder / "corpus", **swarms)


def parts_of_domains(params: Params, tokenizer: Path, work: Path, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """The training tokens of parts of domains, read again with the default's tokenizer."""
    values = params.corpus.model_dump()
    values["domains"] = {name: values["domains"][domain] | changes for name, (domain, changes) in parts.items()}
    corpus = plugins.checked(Corpus, values | {"validation_only": []}, FILE, "audits: parts")
    own, texts = params.model_copy(update={"corpus": corpus}), work / "parts"
    for name in parts:
        call(corpus_extract, own, domain=name, out=texts / name)
    shutil.copytree(tokenizer, work / "tokenizer")
    write_json(work / "tokenizer/domains.json", {"all": list(parts), "trained": list(parts)})
    call(corpus_tokenize, own, extracted=texts, tokenizer=work / "tokenizer", store=work / "store", out=work / "corpus")
    return {name: np.array(tokens) for name, tokens in open_corpus(work / "corpus", list(parts)).train.items()}
