"""AutoScale: loss = c + sum_k b_k (1 + w_k / n_k)**(-g_k), a power law in each domain's tokens (arXiv 2407.20177).

The paper adds up a constant and, for each domain, a power -g of its tokens plus n: the equivalent number of tokens that
the other domains contribute to what it teaches. Here runs have the same number of tokens, so weights take their place,
and b is what the term is at weight 0. As b > 0, the loss is convex in the weights and its optimum can lie inside the
simplex.

The fit is adapted. The paper takes a domain's b, n and g from a few runs that vary this domain's amount alone. Here all
are fitted together to mixtures that vary everything, often fewer than the 3 K + 1 parameters; so ``shrinkage`` pulls
the logarithms of b, n and g to their means over the domains.

``sd`` is Laplace's approximation: the spread of the parameters, plus that of a run around the law.

N runs, K domains, P = 3 K + 4 parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Prediction, TooFewRuns
from regmix.regressors import _least_squares

MONOTONE = False

LEAST = 8  # runs
COMMON = [(-1e3, 1e3), *np.log([(1e-6, 1e3), (1e-4, 10.0), (0.02, 8.0)])]  # bounds of c, log b, log n and log g
APART = (-np.log(1e3), np.log(1e3))  # of a domain's from them


class Options(Strict):
    starts: Count
    shrinkage: Positive  # penalty on squared logs, against squared errors of losses scaled to variance 1


@dataclass(frozen=True)
class Law:
    center: float  # of the losses; ``fitted`` is to their distance from it, divided by ``scale``
    scale: float
    fitted: _least_squares.Fitted

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self.center + self.scale * _law(self.fitted.free, mixtures)[0]

    def predict(self, mixtures: np.ndarray) -> Prediction:
        mean, sd = _least_squares.predict(_law, self.fitted, mixtures, self.scale)
        return Prediction(self.center + self.scale * mean, sd)


def least_runs(domains: int, options: Options) -> int:
    """For any number of domains: shrinkage determines what the runs do not."""
    return LEAST


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Deterministic least squares from several starts; no ``seed``. Raises TooFewRuns below ``least_runs``."""
    runs, domains = mixtures.shape
    if runs < LEAST:
        raise TooFewRuns(f"{runs} runs are too few for a law of {domains} domains; train at least {LEAST} proxies")
    center, scale = float(losses.mean()), float(losses.std()) or 1.0
    target = (losses - center) / scale
    tokens = np.geomspace(0.02, 0.5, options.starts) if options.starts > 1 else [0.1]
    starts = [_start(mixtures, target, n) for n in tokens]
    bounds = np.array([*COMMON, *[APART] * (3 * domains)])
    fitted = _least_squares.fit(_law, starts, mixtures, target, bounds, options.shrinkage, common=4)
    return Law(center, scale, fitted)


def _law(free: np.ndarray, mixtures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (N,) and their slopes (N, P).

    ``free`` (P,): c, the means of log b, log n and log g, then each domain's distance from them (K, K, K).
    """
    scale, tokens, decay = np.exp(free[1:4, None] + free[4:].reshape(3, -1))  # (K,) each
    logs = np.log1p(mixtures / tokens)  # (N, K)
    parts = scale * np.exp(-decay * logs)
    by_tokens, by_decay = parts * decay * mixtures / (tokens + mixtures), -parts * decay * logs
    common = [part.sum(axis=1) for part in (parts, by_tokens, by_decay)]
    return free[0] + common[0], np.column_stack([np.ones(len(logs)), *common, parts, by_tokens, by_decay])


def _start(mixtures: np.ndarray, target: np.ndarray, tokens: float, decay: float = 0.5) -> np.ndarray:
    """The parameters (P,) with b by least squares, all n and g alike."""
    features = (1 + mixtures / tokens) ** -decay
    scale, _ = optimize.nnls(features - features.mean(axis=0), target - target.mean())
    scale = np.log(np.maximum(scale, 0.02 * max(float(scale.max()), 1e-3)))
    constant = float(np.mean(target - features @ np.exp(scale)))
    means = [scale.mean(), np.log(tokens), np.log(decay)]
    return np.concatenate([[constant, *means], scale - scale.mean(), np.zeros(2 * len(scale))])
