"""A law of effective tokens: loss = E + A (sum_k t_k w_k**g)**(-a), a power law in what the mixture is worth.

``t_k`` says what a token of domain k is worth to this loss, ``g`` how fast a domain wears out (at 1 it does not), ``a``
how fast the loss falls, and E lies below every loss. With g below 1 the optimum can lie inside the simplex. On the
published tables it ranks with 128 proxies as the paper's LightGBM does with 512 (reports/published.html).

A is folded into ``t``, and ``shrinkage`` pulls the logarithms of t to their mean, because few runs determine the worth
of a domain that hardly matters. ``sd`` is Laplace's approximation: the spread of the parameters, plus that of a run
around the law.

N runs, K domains, P = K + 4 parameters, M mixtures to predict, S posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Draws, Prediction, TooFewRuns
from regmix.regressors import _least_squares

MONOTONE = False
BAYESIAN = True

FLOOR = 1e-6  # the smallest weight; its logarithm must be finite
SEEN = 0.6  # share of a swarm's runs that a refit sees at least
DECAY, WEAR, MARGIN = (0.02, 8.0), (0.02, 1.2), (1e-3, 20.0)  # bounds of a, g, and (lowest loss - E) / sd
WORTH = 1e5  # largest t, and one over the smallest, where their mean logarithm is 0


class Options(Strict):
    starts: Count
    shrinkage: Positive  # penalty on the squared logs of t, against squared errors of losses scaled to variance 1


@dataclass(frozen=True)
class Law:
    """A fitted law. ``floor`` (E), ``worth`` (K,) (t, the scale A folded in), ``wear`` (g) and ``decay`` (a)."""

    floor: float
    worth: np.ndarray
    wear: float
    decay: float
    scale: float  # of the loss; ``fitted`` is to the losses above the lowest, divided by it
    fitted: _least_squares.Fitted

    @property
    def share_sd(self) -> np.ndarray:
        """(K,), the standard deviation of log (t / sum of t)."""
        slopes = np.eye(len(self.worth)) - self.worth / self.worth.sum()
        return np.sqrt(np.diag(slopes @ self.fitted.covariance[4:, 4:] @ slopes.T))

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        tokens = np.maximum(mixtures, FLOOR) ** self.wear @ self.worth
        return self.floor + self.scale * tokens**-self.decay

    def predict(self, mixtures: np.ndarray) -> Prediction:
        above, sd = _least_squares.predict(_law, self.fitted, _logs(mixtures), self.scale)
        return Prediction(self.floor + self.scale * (above + np.exp(self.fitted.free[0])), sd)

    def draws(self, count: int, rng: np.random.Generator) -> Draws:
        """Linear in the parameters, as ``sd`` is: laws with drawn parameters would spread many times as far, because
        the parameters compensate for each other.
        """
        free, zeros = self.fitted.free, np.zeros(len(self.fitted.free))
        # Not checked: rounding can leave the covariance a little short of semidefinite.
        steps = rng.multivariate_normal(zeros, self.fitted.covariance, count, check_valid="ignore", method="eigh")
        return lambda mixtures: self.mean(mixtures)[:, None] + self.scale * _law(free, _logs(mixtures))[1] @ steps.T


def least_runs(domains: int, options: Options) -> int:
    """Any more than the share ``SEEN`` of P runs."""
    return int(SEEN * (domains + 4)) + 1


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Fit by least squares; the first start is deterministic, the others are drawn from ``seed``.

    Raises TooFewRuns if a swarm of which this is a share of ``SEEN`` would have no more runs than parameters.
    """
    runs, domains = mixtures.shape
    if runs < least_runs(domains, options):
        raise TooFewRuns(f"{runs} runs cannot determine {domains + 4} parameters; train at least {domains + 5} proxies")
    scale, lowest = float(losses.std()) or 1.0, float(losses.min())
    target, logs = (losses - lowest) / scale, _logs(mixtures)
    starts = _starts(logs, target, options.starts, seed)
    bounds = np.log([MARGIN, (1e-20, 1e20), DECAY, WEAR, *[(1 / WORTH, WORTH)] * domains])
    fitted = _least_squares.fit(_law, starts, logs, target, bounds, options.shrinkage, common=4)
    margin, decay, wear = np.exp(fitted.free[[0, 2, 3]])
    return Law(
        floor=lowest - scale * float(margin),
        worth=np.exp(fitted.free[4:] - fitted.free[1] / decay),
        wear=float(wear),
        decay=float(decay),
        scale=scale,
        fitted=fitted,
    )


def _logs(mixtures: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(mixtures, FLOOR))


def _law(free: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses above the lowest (N,) and their slopes (N, P), for log weights (N, K).

    ``free`` (P,): log (lowest loss - E), log A, log a, log g, log t (K).
    """
    margin, decay, wear = np.exp(free[[0, 2, 3]])
    parts = np.exp(wear * logs + free[4:])  # (N, K)
    tokens = parts.sum(axis=1)
    log_tokens = np.log(tokens)
    above = np.exp(np.minimum(free[1] - decay * log_tokens, 50))
    parts *= (-decay * above / tokens)[:, None]
    wearing = wear * np.einsum("nk,nk->n", parts, logs)
    others = np.column_stack([np.full(len(logs), -margin), above, -decay * above * log_tokens, wearing])
    return above - margin, np.hstack([others, parts])


def _starts(logs: np.ndarray, target: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Starts (count, P); log t from the slope of the loss in the square root of each weight, random but for the first.

    The other starts spread margin, decay and wear over the range that fits take.
    """
    rng = np.random.default_rng(seed)
    features = np.exp(logs / 2)
    features -= features.mean(axis=0)
    worth = -(features.T @ (target - target.mean())) / np.maximum((features**2).sum(axis=0), 1e-9)
    worth = np.log(np.maximum(worth, 0.02 * max(float(worth.max()), 1e-9)))
    out = np.empty((count, logs.shape[1] + 4))
    out[0, [0, 2, 3]] = np.log([0.5, 0.7, 0.5])
    out[1:, 0] = np.log(np.geomspace(0.1, 3.0, count - 1))
    out[1:, 2] = np.log(rng.permutation(np.geomspace(0.3, 2.0, count - 1)))
    out[1:, 3] = np.log(rng.permutation(np.linspace(0.25, 0.9, count - 1)))
    out[:, 4:] = worth - worth.mean()
    out[1:, 4:] += rng.normal(0, 0.5, (count - 1, logs.shape[1]))
    for start in out:  # A: so that the law has the mean of the losses
        tokens = np.exp(np.exp(start[3]) * logs + start[4:]).sum(axis=1)
        start[1] = np.log((target.mean() + np.exp(start[0])) / np.mean(tokens ** -np.exp(start[2])))
    return out
