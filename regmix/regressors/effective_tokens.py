"""A law of effective tokens: loss = E + A (sum_k t_k w_k**g)**(-a), a power law in what the mixture is worth.

``t_k`` says what a token of domain k is worth to this loss, ``g`` how fast a domain wears out (at 1 it does not), ``a``
how fast the loss falls, and E lies below every loss. With g below 1 the optimum lies inside the simplex. On the
published tables it ranks with 64 proxies as the paper's LightGBM does with 512 (reports/published.html).

A is folded into ``t``, and the logarithms of t are drawn to their mean by ``shrinkage``: runs hardly tell the worth of
a domain that is worth next to nothing. Least squares by Levenberg and Marquardt's method, from several starts at once.

``sd`` is Laplace's approximation: the spread of the parameters, plus that of a run around the law.

N runs, K domains, S starts, P = K + 4 parameters, M mixtures to predict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Prediction, TooFewRuns

MONOTONE = False

FLOOR = 1e-6  # the smallest weight; its logarithm must be finite
SEEN = 0.6  # share of a swarm's runs that a refit sees at least
STEPS = 60  # of the search, at most
SETTLED = 1e-7  # the relative gain of a step below which a search stops
DECAY, WEAR, MARGIN = (0.02, 8.0), (0.02, 1.2), (1e-3, 20.0)  # bounds of a, g, and (lowest loss - E) / sd
WORTH = 12.0  # largest absolute log of t
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
            above, slopes = _law(self.free[None], np.log(np.maximum(mixtures[part], FLOOR)))
            mean[part] = self.floor + self.scale * (above[0] + np.exp(self.free[0]))
            spread = self.scale**2 * np.einsum("mp,pq,mq->m", slopes[0], self.covariance, slopes[0], optimize=True)
            sd[part] = np.sqrt(spread + self.noise**2)
        return Prediction(mean, sd)


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Law:
    """Fit by least squares; the first start is deterministic, the others are drawn from ``seed``.

    Raises TooFewRuns unless a swarm with these ``SEEN`` has more runs than parameters.
    """
    runs, domains = mixtures.shape
    if runs <= SEEN * (domains + 4):
        raise TooFewRuns(f"{runs} runs cannot determine {domains + 4} parameters; train at least {domains + 5} proxies")
    scale, lowest = float(losses.std()) or 1.0, float(losses.min())
    target, logs = (losses - lowest) / scale, np.log(np.maximum(mixtures, FLOOR))
    best, errors, normal = _search(_starts(logs, target, options.starts, seed), logs, target, options.shrinkage)
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
    """Losses above the lowest (S, N) and their slopes (S, N, P), for log weights (N, K).

    ``free`` (S, P): log (lowest loss - E), log A, log a, log g, log t (K).
    """
    margin, decay, wear = (np.exp(free[:, [i]]) for i in (0, 2, 3))
    parts = np.exp(wear[:, :, None] * logs + free[:, None, 4:])  # (S, N, K)
    tokens = parts.sum(axis=2)
    above = np.exp(np.minimum(free[:, [1]] - decay * np.log(tokens), 50))
    slopes = np.empty((*tokens.shape, free.shape[1]))
    slopes[..., 0] = -margin
    slopes[..., 1] = above
    slopes[..., 2] = -above * decay * np.log(tokens)
    parts *= (-decay * above / tokens)[..., None]
    slopes[..., 4:] = parts
    slopes[..., 3] = wear * np.einsum("snk,nk->sn", parts, logs)
    return above - margin, slopes


def _starts(logs: np.ndarray, target: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Starts (S, P); log t from the correlation of the loss with the square root of each weight."""
    rng = np.random.default_rng(seed)
    domains = logs.shape[1]
    features = np.exp(logs / 2)
    features -= features.mean(axis=0)
    worth = -(features.T @ (target - target.mean())) / np.maximum((features**2).sum(axis=0), 1e-9)
    worth = np.log(np.maximum(worth, 0.02 * max(float(worth.max()), 1e-9)))
    out = np.empty((count, domains + 4))
    out[:, 0] = np.log(np.geomspace(0.1, 3.0, count) if count > 1 else 0.5)
    out[:, 2] = np.log(rng.permutation(np.geomspace(0.3, 2.0, count)) if count > 1 else 0.7)
    out[:, 3] = np.log(rng.permutation(np.linspace(0.25, 0.9, count)) if count > 1 else 0.5)
    out[:, 4:] = (
        worth - worth.mean() + np.where(np.arange(count) > 0, 1.0, 0.0)[:, None] * rng.normal(0, 0.5, (count, domains))
    )
    for start in out:  # A: so that the law has the mean of the losses
        tokens = np.exp(np.exp(start[3]) * logs + start[4:]).sum(axis=1)
        start[1] = np.log((target.mean() + np.exp(start[0])) / np.mean(tokens ** -np.exp(start[2])))
    return out


def _search(
    free: np.ndarray, logs: np.ndarray, target: np.ndarray, shrinkage: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best parameters (P,) of all starts, their errors (N,) and the normal matrix (P, P), the penalty included."""
    size = free.shape[1]
    low, high = np.full(size, -WORTH), np.full(size, WORTH)
    low[1], high[1] = -50, 50
    for place, (least, most) in zip((0, 2, 3), (MARGIN, DECAY, WEAR), strict=True):
        low[place], high[place] = np.log(least), np.log(most)
    penalty = np.concatenate([np.zeros(4), np.full(size - 4, shrinkage)])
    diagonal = np.arange(size)

    def state(free: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, slopes = _law(free, logs)
        errors = value - target
        return errors, slopes, (errors**2).sum(axis=1) + (penalty * free**2).sum(axis=1)

    errors, slopes, cost = state(free)
    damping = np.full(len(free), 1e-2)
    active = np.ones(len(free), dtype=bool)
    for _ in range(STEPS):
        normal = slopes.transpose(0, 2, 1) @ slopes
        normal[:, diagonal, diagonal] += penalty
        right = np.einsum("snp,sn->sp", slopes, errors) + penalty * free
        damped = normal.copy()
        damped[:, diagonal, diagonal] *= 1 + damping[:, None]
        damped[:, diagonal, diagonal] += 1e-9
        trial = np.clip(free - np.linalg.solve(damped, right[..., None])[..., 0], low, high)
        new_errors, new_slopes, new_cost = state(trial)
        better = new_cost < cost
        settled = better & (cost - new_cost < SETTLED * cost)
        free = np.where(better[:, None], trial, free)
        errors = np.where(better[:, None], new_errors, errors)
        slopes = np.where(better[:, None, None], new_slopes, slopes)
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e9)
        active &= ~settled & (damping < 1e8)
        if not active.any():
            break
    best = int(np.argmin(cost))
    normal = slopes[best].T @ slopes[best]
    normal[diagonal, diagonal] += penalty + 1e-9
    return free[best], errors[best], normal
