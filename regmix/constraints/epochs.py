"""What the number of tokens of each domain says: the prior, and the largest weights."""

from __future__ import annotations

from collections.abc import Mapping

from regmix.core.errors import InputError

SINGLE = 1e-9  # excess over a sum of 1 below which the bounds allow only one mixture


def token_shares(available: Mapping[str, int]) -> dict[str, float]:
    """The prior: each domain's share of the training tokens. Raises InputError if a domain has none."""
    for domain, tokens in available.items():
        if tokens <= 0:
            raise InputError(f"corpus.domains.{domain}: {tokens} training tokens; add text or drop the domain")
    total = sum(available.values())
    return {domain: tokens / total for domain, tokens in available.items()}


def weight_bounds(available: Mapping[str, int], max_epochs: float, train_tokens: int, key: str) -> dict[str, float]:
    """The largest weight of each domain: ``max_epochs * available / train_tokens``, also above 1.

    ``train_tokens`` is the number of tokens of the training: with a weight above the bound it would pass over the
    domain more than ``max_epochs`` times, the setting ``key``. Raises InputError if no mixture, or only one,
    keeps all bounds.
    """
    bounds = {domain: max_epochs * tokens / train_tokens for domain, tokens in available.items()}
    total = sum(min(1.0, bound) for bound in bounds.values())
    if total <= 1 + SINGLE:
        scarce = min(bounds, key=lambda domain: bounds[domain])
        needed = train_tokens / sum(available.values())
        raise InputError(
            f"{key} = {max_epochs:g}: the bounds of all domains sum to {total:.3g}, so "
            f"{'no' if total < 1 - SINGLE else 'only one'} mixture keeps them (tightest: {scarce} at "
            f"{bounds[scarce]:.3g}); raise it above {needed:.3g} or train on fewer tokens"
        )
    return bounds
