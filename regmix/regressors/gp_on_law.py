"""A Gaussian process on the errors of a law of effective tokens: the law far from the runs, the runs near them.

``sd`` is the process's, seed noise included. M mixtures to predict, N runs, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from regmix.core.settings import Count, Strict
from regmix.regression.interface import Draws, Prediction
from regmix.regressors import effective_tokens, gp

MONOTONE = False
BAYESIAN = True


class Options(Strict):
    """``law`` as for effective_tokens, the others as for gp."""

    law: effective_tokens.Options
    features: Literal["sqrt", "log"]
    length_scale: gp.Range
    starts: Count


@dataclass(frozen=True)
class Corrected:
    law: effective_tokens.Law
    errors: gp.Process

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.law.mean(mixtures) + self.errors.mean(mixtures)

    def predict(self, mixtures: np.ndarray) -> Prediction:
        errors = self.errors.predict(mixtures)
        return Prediction(self.law.mean(mixtures) + errors.mean, errors.sd)

    def draws(self, count: int, rng: np.random.Generator) -> Draws:
        errors = self.errors.draws(count, rng)
        return lambda mixtures: self.law.mean(mixtures)[:, None] + errors(mixtures)


def least_runs(domains: int, options: Options) -> int:
    """Those of the law, which are more than those of the process."""
    return effective_tokens.least_runs(domains, options.law)


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Corrected:
    """Raises TooFewRuns as effective_tokens does."""
    law = effective_tokens.fit(mixtures, losses, options.law, seed)
    process = gp.Options(
        features=options.features, target="loss", length_scale=options.length_scale, starts=options.starts
    )
    return Corrected(law, gp.fit(mixtures, losses - law.mean(mixtures), process, seed))
