"""Settings: the sections corpus and tokenizer of params.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from regmix.core.settings import Count, Line, Name, Plugin, Strict, Tokens

TOKENIZERS = "corpus/tokenizers/"  # tokenizers of the user's own


class Archive(Strict):
    # Its name in the index, after any folder where corpus_fetch puts it, so that a domain can read that whole folder.
    file: Annotated[str, Field(pattern=r"^(\w[\w.+-]*/)*\w[\w.+-]*$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Domain(Plugin):
    reader: str
    path: Line
    domain_chars: Tokens | None = None  # where it is fewer than the corpus's


class Corpus(Strict):
    domain_chars: Tokens
    valid_fraction: Annotated[float, Field(gt=0, lt=1)]
    split_salt: str
    workers: Count
    validation_only: list[Name]
    archives: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$")], Archive]
    domains: dict[Name, Domain]

    def chars_of(self, domain: str) -> int:
        """The most characters of a domain's text."""
        return min(self.domain_chars, self.domains[domain].domain_chars or self.domain_chars)

    @property
    def trained(self) -> list[str]:
        """The domains a mixture weighs, in the order of params.yaml."""
        return [name for name in self.domains if name not in self.validation_only]


class Tokenizer(Strict):
    source: Line
    vocab_size: Annotated[int, Field(ge=257, le=1 << 32)]
    domain_chars: Tokens

    def _faults(self) -> Iterator[str]:
        path = self.source.endswith(".json") or self.source.startswith((".", "/", "~"))
        if path and not self.source.startswith(TOKENIZERS):
            yield f"source = {self.source!r}: move it to {TOKENIZERS}, on which tokenizer_train depends"
