"""Write a mixture in a trainer's format: one file, or one for each phase of a schedule where the format has none."""

from __future__ import annotations

from importlib import metadata
from types import ModuleType

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend

DOCUMENTS = "documents"  # what the weights of a format count, if not tokens


def versions() -> dict[str, str | None]:
    """The versions of what chooses a mixture; None for source that is not installed."""
    out: dict[str, str | None] = {}
    for name in ("regmix-workbench", "numpy", "scikit-learn", "scipy"):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            out[name] = None
    return out


def formats() -> list[str]:
    """The names of all formats: the files of regmix/exports, with - for _."""
    return [name.replace("_", "-") for name in plugins.names("exports")]


def export(blend: Blend, form: str) -> dict[str, str]:
    """The content of each file, by name. Raises InputError.

    Where a format draws documents, weights of tokens become weights of documents, w / mean tokens per document, which
    the blend must then have. Domains without weight are left out.
    """
    module = _load(form)
    stem = getattr(module, "STEM", form)
    if getattr(module, "SCHEDULES", False):
        return _files(module, stem, module.render(blend), _about(blend, module.COUNTS))
    files: dict[str, str] = {}
    for number, phase in enumerate(blend.phases):
        weights = {name: weight for name, weight in phase.weights.items() if weight > 0}
        if module.COUNTS == DOCUMENTS:
            weights = _of_documents(blend, weights, form)
        part = f"{stem}-phase{number + 1}" if len(blend.phases) > 1 else stem
        about = _about(blend, module.COUNTS) + _place(blend, number)
        files |= _files(module, part, module.render(blend, weights), about)
    return files


def _files(module: ModuleType, stem: str, text: str, about: list[str]) -> dict[str, str]:
    """A file with a header comment, or where its format has no comments, a second file with that text."""
    if module.COMMENT is None:
        return {f"{stem}{module.SUFFIX}": text, f"{stem}.about.txt": "".join(f"{line}\n" for line in about)}
    return {f"{stem}{module.SUFFIX}": "".join(f"{module.COMMENT} {line}\n" for line in about) + text}


def _load(form: str) -> ModuleType:
    if form not in formats():
        raise InputError(f"--to: {form!r} is not one of {', '.join(formats())}; use one of these")
    return plugins.load("exports", form.replace("-", "_"), "--to", file="")


def _of_documents(blend: Blend, weights: dict[str, float], form: str) -> dict[str, float]:
    lengths = blend.document_tokens
    if lengths is None:
        raise InputError(
            f"--to {form}: it draws documents, so weights of tokens need the mean tokens per document of each domain; "
            "give --document-tokens, equal numbers if its documents are packed sequences"
        )
    for name in weights:
        if not lengths.get(name, 0) > 0:
            raise InputError(f"--document-tokens: {name} = {lengths.get(name)}: give its mean tokens per document")
    shares = {name: weight / lengths[name] for name, weight in weights.items()}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _about(blend: Blend, counts: str) -> list[str]:
    """What a file says about its mixture, a line each."""
    lines = [blend.about, f"Weights are shares of {counts} and sum to 1; domains without weight are left out."]
    if counts == DOCUMENTS:
        lines.append("They are the shares of tokens divided by each domain's mean tokens per document.")
    if len(blend.phases) > 1:
        lines.append("Weights are constant within a phase.")
    return lines


def _place(blend: Blend, number: int) -> list[str]:
    """Which part of a schedule a phase is."""
    length = blend.length(number)
    if len(blend.phases) == 1 or length is None:
        return []
    first = blend.phases[number].first_token
    before = ", ".join(f"{name} {tokens}" for name, tokens in blend.consumed(number).items())
    return [
        f"Phase {number + 1} of {len(blend.phases)}: tokens {first} to {first + length} of {blend.tokens}.",
        f"Tokens taken before it: {before}.",
    ]
