"""A law of effective tokens: loss = E + A (sum_k t_k w_k**g)**(-a), a power law in what the mixture is worth.

``t_k`` says what a token of domain k is worth to this loss, ``g`` how fast a domain wears out (at 1 it does not), ``a``
how fast the loss falls, and E lies below every loss. With g below 1 the optimum can lie inside the simplex. On the
published tables it ranks with 128 proxies as the paper's LightGBM does with 512 (reports/published.html).

A is folded into ``t``, and ``shrinkage`` pulls the logarithms of t to their mean, because few runs determine the worth
of a domain that hardly matters. Least squares by Levenberg and Marquardt's method, from several starts.

``sd`` is Laplace's approximation: the spread of the parameters, plus that of a run around the law.

N runs, K domains, P = K + 4 parameters, M mixtures to predict, S posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Draws, Prediction, TooFewRuns

MONOTONE = False

FLOOR = 1e-6  # the smallest weight; its logarithm must be finite
SEEN = 0.6  # share of a swarm's runs that a refit sees at least
STEPS = 40  # of the search, at most
SETTLED = 1e-4  # the relative gain of a step below which a search stops
DECAY, WEAR, MARGIN = (0.02, 8.0), (0.02, 1.2), (1e-3, 20.0)  # bounds of a, g, and (lowest loss - E) / sd
WORTH = 1e5  # largest t, and one over the smallest, where their mean logarithm is 0
CHUNK = 1 << 16  # entries of a prediction computed together: few enough to stay in the cache


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
    scale: float  # of the loss; ``covariance`` is that of the parameters of losses divided by it
    free: np.ndarray  # (P,), the parameters as ``_law`` takes them
    noise: float  # standard deviation of a run around the law, nats
    covariance: np.ndarray  # (P, P), of ``free``

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        tokens = np.maximum(mixtures, FLOOR) ** self.wear @ self.worth
        return self.floor + self.scale * tokens**-self.decay

    def predict(self, mixtures: np.ndarray) -> Prediction:
        mean, sd = np.empty(len(mixtures)), np.empty(len(mixtures))
        rows = max(1, CHUNK // len(self.free))
        for first in range(0, len(mixtures), rows):
            part = slice(first, first + rows)
            above, slopes = _law(self.free, np.log(np.maximum(mixtures[part], FLOOR)))
            mean[part] = self.floor + self.scale * (above + np.exp(self.free[0]))
            spread = self.scale**2 * np.einsum("mp,mp->m", slopes @ self.covariance, slopes)
            sd[part] = np.sqrt(spread + self.noise**2)
        return Prediction(mean, sd)

    def draws(self, count: int, rng: np.random.Generator) -> Draws:
        """Linear in the parameters, as ``sd`` is: laws with drawn parameters would spread many times as far, because
        the parameters compensate for each other.
        """
        none = np.zeros(len(self.free))
        steps = self.scale * rng.multivariate_normal(none, self.covariance, count, check_valid="ignore")  # rounding
        return lambda mixtures: (
            self.mean(mixtures)[:, None] + _law(self.free, np.log(np.maximum(mixtures, FLOOR)))[1] @ steps.T
        )


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Fit by least squares; the first start is deterministic, the others are drawn from ``seed``.

    Raises TooFewRuns if a swarm of which this is a share of ``SEEN`` would have no more runs than parameters.
    """
    runs, domains = mixtures.shape
    if runs <= SEEN * (domains + 4):
        raise TooFewRuns(f"{runs} runs cannot determine {domains + 4} parameters; train at least {domains + 5} proxies")
    scale, lowest = float(losses.std()) or 1.0, float(losses.min())
    target, logs = (losses - lowest) / scale, np.log(np.maximum(mixtures, FLOOR))
    ends = [_descend(start, logs, target, options.shrinkage) for start in _starts(logs, target, options.starts, seed)]
    best, errors, normal, _ = min(ends, key=lambda end: end.cost)
    inverse = np.linalg.inv(normal)
    used = domains + 4 - options.shrinkage * np.trace(inverse[4:, 4:])  # effective number of parameters
    noise = float(np.sqrt(errors @ errors / max(runs - used, 1.0)))
    margin, decay, wear = np.exp(best[[0, 2, 3]])
    return Law(
        floor=lowest - scale * float(margin),
        worth=np.exp(best[4:] - best[1] / decay),
        wear=float(wear),
        decay=float(decay),
        scale=scale,
        free=best,
        noise=noise * scale,
        covariance=noise**2 * inverse,
    )


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


class _End(NamedTuple):
    free: np.ndarray  # (P,)
    errors: np.ndarray  # (N,)
    normal: np.ndarray  # (P, P), of the least squares, the penalty included
    cost: float


def _descend(free: np.ndarray, logs: np.ndarray, target: np.ndarray, shrinkage: float) -> _End:
    """Where the search from the start ``free`` (P,) ends."""
    bounds = np.log([MARGIN, (1e-20, 1e20), DECAY, WEAR, *[(1 / WORTH, WORTH)] * logs.shape[1]])
    penalty = np.concatenate([np.zeros(4), np.full(logs.shape[1], shrinkage)])

    def state(free: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        value, slopes = _law(free, logs)
        errors = value - target
        return errors, slopes, float(errors @ errors + penalty @ free**2)

    errors, slopes, cost = state(free)
    damping, growth = 1e-2, 2.0
    for _ in range(STEPS):
        normal, downhill = slopes.T @ slopes + np.diag(penalty + 1e-9), slopes.T @ errors + penalty * free
        scales = np.diag(normal)
        step = np.linalg.solve(normal + damping * np.diag(scales), downhill)
        trial = np.clip(free - step, *bounds.T)
        tried, tried_slopes, tried_cost = state(trial)
        gain, expected = cost - tried_cost, step @ (damping * scales * step + downhill)
        if not gain > 0:
            damping, growth = damping * growth, 2 * growth
            continue
        free, errors, slopes, cost = trial, tried, tried_slopes, tried_cost
        damping, growth = max(damping * max(1 / 3, 1 - (2 * gain / expected - 1) ** 3), 1e-9), 2.0  # Nielsen's rule
        if gain < SETTLED * cost:
            break
    normal = slopes.T @ slopes + np.diag(penalty + 1e-9)
    return _End(free, errors, normal, cost)
