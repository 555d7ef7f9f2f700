"""BiMix: loss = A / (r + e)**a, a power law in the weight r of the loss's own domain (arXiv 2405.14908).

The paper's law of a domain's loss after s steps is A / r**a * (B / s**b + C). A swarm's runs all have the same number
of steps, so the second factor is a constant, which A absorbs. Two things are adapted:

- The paper's mixtures contain every domain, while a swarm's can have r = 0, where the law is infinite. So ``e`` is
  added to r: what the other domains together are worth, as a weight of the own one.
- The paper knows whose loss it fits, while a regressor sees a loss without a name. The own domain is the one whose law
  has the lowest squared error; for text that is not trained on, that is the domain that explains its loss best.

The law sees one weight alone: it ranks mixtures as that weight does, and its optimum is always a single domain. ``sd``
is Laplace's approximation: the spread of the parameters, plus that of a run around the law.

N runs, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regmix.core.settings import Count, Strict
from regmix.regression.interface import Prediction, TooFewRuns
from regmix.regressors import _least_squares

MONOTONE = True

BOUNDS = np.log([(1e-9, 1e9), (1e-4, 8.0), (1e-6, 10.0)])  # of A, over the standard deviation of the losses, a and e
FIRST = 0.1  # a, where searches start


class Options(Strict):
    starts: Count  # values of e to start the search from


@dataclass(frozen=True)
class Law:
    """A fitted law of the weight of domain ``own``."""

    own: int
    scale: float  # of the loss; ``fitted`` is to the losses divided by it
    fitted: _least_squares.Fitted

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.scale * _law(self.fitted.free, mixtures[:, self.own])[0]

    def predict(self, mixtures: np.ndarray) -> Prediction:
        mean, sd = _least_squares.predict(_law, self.fitted, mixtures[:, self.own], self.scale)
        return Prediction(self.scale * mean, sd)


def least_runs(domains: int, options: Options) -> int:
    """One more than it has parameters, the own domain among them."""
    return 5


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Least squares for each domain as the own one; the best fit stays.

    Deterministic; ``seed`` is not used. Raises TooFewRuns below ``least_runs``.
    """
    if len(losses) < (least := least_runs(mixtures.shape[1], options)):
        raise TooFewRuns(
            f"{len(losses)} runs cannot determine a domain and 3 parameters; train at least {least} proxies"
        )
    scale = float(losses.std()) or 1.0
    laws = []
    for own, share in enumerate(mixtures.T):
        starts = [_start(share, losses / scale, e) for e in np.geomspace(0.003, 0.3, options.starts)]
        fitted = _least_squares.fit(_law, starts, share, losses / scale, BOUNDS, 0.0, common=3)
        laws.append(Law(own, scale, fitted))
    return min(laws, key=lambda law: law.fitted.cost)


def _law(free: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (N,) and their slopes (N, 3) by log A, log a and log e, for weights (N,) of the own domain."""
    _, decay, others = np.exp(free)
    logs = np.log(share + others)
    losses = np.exp(free[0] - decay * logs)
    return losses, losses[:, None] * np.column_stack(
        [np.ones(len(logs)), -decay * logs, -decay * others / (share + others)]
    )


def _start(share: np.ndarray, losses: np.ndarray, others: float) -> np.ndarray:
    """The parameters (3,) with A by least squares."""
    shape = (share + others) ** -FIRST
    return np.log([max(shape @ losses / (shape @ shape), 1e-9), FIRST, others])
