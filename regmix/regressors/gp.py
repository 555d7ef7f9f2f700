"""A Gaussian process: Matern-5/2, one length scale per domain, white noise.

Better than the paper's LightGBM at every number of proxies on the published tables: with 128 proxies it ranks
as well as LightGBM does with 512. One length scale per domain is needed; a shared one fails on narrow domains.
The features are sqrt(w) or log(w + 0.01), because a loss falls steeply while a domain's weight is small.

``target: log_excess`` models log(loss - floor). Mixtures that starve the objective stretch the scale of the
loss, and a stationary process on it is then too optimistic far from the runs; on the log scale it is not.

``sd`` is the posterior's, seed noise included: the spread of a new run at that mixture.

Written here rather than taken from scikit-learn: the gradient in all K length scales costs one matrix product
instead of an (N, N, K) array, which makes the refits of a simulation affordable.

N runs, K domains, M mixtures to predict, S posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import linalg, optimize

from regmix.core.settings import Count, Positive, Strict
from regmix.regression.interface import Draws, Prediction, TooFewRuns

MONOTONE = False
BAYESIAN = True

FREQUENCIES = 1024  # of the random features of draws
CHUNK = 1 << 17  # kernel entries per step of a prediction: few enough to stay in the cache
SHIFT = 0.01  # the weight below which the log feature flattens
SIGNAL = (1e-2, 1e3)  # bounds of the signal's variance; the target is scaled to variance 1
NOISE = (1e-6, 1.0)  # bounds of the noise's variance, on the same scale


class Range(Strict):
    low: Positive
    high: Positive


class LogExcess(Strict):
    """``log_excess`` places the floor below the best loss by this share of (median - best)."""

    log_excess: Annotated[float, Field(gt=0)]


class Options(Strict):
    features: Literal["sqrt", "log"]
    target: Literal["loss"] | LogExcess
    length_scale: Range  # bounds, in features that range from 0 to 1
    starts: Count  # of the search for the length scales


@dataclass(frozen=True)
class Process:
    """A fitted process: the runs' scaled features and the solved quantities that prediction needs."""

    options: Options
    floor: float | None
    shift: float
    scale: float
    lengths: np.ndarray  # (K,)
    signal: float
    noise: float
    inputs: np.ndarray  # (N, K), divided by the length scales
    weights: np.ndarray  # (N,), the inverse covariance times the targets
    root: np.ndarray  # (N, N), inverse of the Cholesky factor

    def mean(self, mixtures: np.ndarray) -> np.ndarray:
        return self._predict(mixtures, deviation=self.floor is not None).mean

    def predict(self, mixtures: np.ndarray) -> Prediction:
        return self._predict(mixtures, deviation=True)

    def _predict(self, mixtures: np.ndarray, deviation: bool) -> Prediction:
        mean, variance = np.empty(len(mixtures)), np.zeros(len(mixtures))
        rows = max(1, CHUNK // len(self.inputs))
        for first in range(0, len(mixtures), rows):
            part = slice(first, first + rows)
            inputs = _features(mixtures[part], self.options.features) / self.lengths
            covariance = _matern(_squared_distances(inputs, self.inputs))[0]
            covariance *= self.signal
            mean[part] = covariance @ self.weights
            if deviation:
                explained = covariance @ self.root.T
                variance[part] = self.signal + self.noise - np.einsum("mn,mn->m", explained, explained)
        mean = mean * self.scale + self.shift
        variance = np.maximum(variance, self.noise) * self.scale**2
        if self.floor is None:
            return Prediction(mean, np.sqrt(variance))
        excess = np.exp(np.minimum(mean + variance / 2, 500))  # the mean of a log-normal, kept finite
        return Prediction(self.floor + excess, excess * np.sqrt(np.expm1(np.minimum(variance, 500))))

    def draws(self, count: int, rng: np.random.Generator) -> Draws:
        """Functions of the prior, from random features, corrected at the runs (Matheron's rule; Wilson et al. 2020,
        arXiv 2002.09309, section 3). The frequencies of a Matern-5/2 kernel follow Student's t, 5 degrees of freedom.
        """
        runs, domains = self.inputs.shape
        frequencies = rng.standard_normal((FREQUENCIES, domains)) / np.sqrt(rng.chisquare(5, (FREQUENCIES, 1)) / 5)
        phases = rng.uniform(0, 2 * np.pi, FREQUENCIES)
        heights = rng.standard_normal((FREQUENCIES, count)) * np.sqrt(2 * self.signal / FREQUENCIES)

        def prior(inputs: np.ndarray) -> np.ndarray:
            return np.asarray(np.cos(inputs @ frequencies.T + phases) @ heights)

        noisy = prior(self.inputs) + rng.standard_normal((runs, count)) * np.sqrt(self.noise)
        pull = self.signal * (self.weights[:, None] - self.root.T @ (self.root @ noisy))

        def posterior(mixtures: np.ndarray) -> np.ndarray:
            inputs = _features(mixtures, self.options.features) / self.lengths
            near = _matern(_squared_distances(inputs, self.inputs))[0]
            values = (prior(inputs) + near @ pull) * self.scale + self.shift
            return values if self.floor is None else self.floor + np.exp(np.minimum(values, 500))

        return posterior


def least_runs(domains: int, options: Options) -> int:
    return 3


def fit(mixtures: np.ndarray, losses: np.ndarray, options: Options, seed: int) -> Process:
    """Fit length scales, signal and noise by the largest marginal likelihood over several starts.

    Raises TooFewRuns below ``least_runs``.
    """
    if len(losses) < (least := least_runs(mixtures.shape[1], options)):
        raise TooFewRuns(f"{len(losses)} runs are too few for a Gaussian process; train at least {least} proxies")
    floor = None
    target = losses
    if isinstance(options.target, LogExcess):
        lowest, median = float(losses.min()), float(np.median(losses))
        floor = lowest - options.target.log_excess * max(median - lowest, 1e-6)
        target = np.log(losses - floor)
    shift, scale = float(target.mean()), float(target.std()) or 1.0
    standard = (target - shift) / scale
    inputs = _features(mixtures, options.features)
    low, high = options.length_scale.low, options.length_scale.high
    bounds = np.log([SIGNAL, *[(low, high)] * inputs.shape[1], NOISE])
    optima = [
        optimize.minimize(_loss_and_slope, start, (inputs, standard), jac=True, method="L-BFGS-B", bounds=bounds)
        for start in _starts(bounds, options.starts, seed)
    ]
    best = min(optima, key=lambda result: result.fun).x
    signal, lengths, noise = np.exp(best[0]), np.exp(best[1:-1]), np.exp(best[-1])
    scaled = inputs / lengths
    factor = _factor(scaled, signal, noise)
    return Process(
        options=options,
        floor=floor,
        shift=shift,
        scale=scale,
        lengths=lengths,
        signal=float(signal),
        noise=float(noise),
        inputs=scaled,
        weights=linalg.cho_solve((factor, True), standard),
        root=linalg.solve_triangular(factor, np.eye(len(losses)), lower=True),
    )


def _features(mixtures: np.ndarray, kind: str) -> np.ndarray:
    """Features (M, K) that range from 0 to 1."""
    return np.sqrt(mixtures) if kind == "sqrt" else np.log1p(mixtures / SHIFT) / np.log1p(1 / SHIFT)


def _starts(bounds: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The first start is smooth and almost noise-free; the others are random in the middle half of the bounds."""
    first = np.log(np.concatenate([[1.0], np.ones(len(bounds) - 2), [1e-2]]))
    spread = np.random.default_rng(seed).uniform(0.25, 0.75, (count - 1, len(bounds)))
    others = bounds[:, 0] + spread * (bounds[:, 1] - bounds[:, 0])
    return np.clip(np.vstack([first, others]), bounds[:, 0], bounds[:, 1])


def _squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    squares = np.einsum("mk,mk->m", left, left)[:, None] + np.einsum("nk,nk->n", right, right)
    squares -= 2 * (left @ right.T)
    return np.maximum(squares, 0, out=squares)


def _matern(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matern-5/2 correlation of squared distances, and its derivative in log distance over distance squared.

    With u = sqrt(5) d: (1 + u + u**2 / 3) exp(-u), and 5/3 (1 + u) exp(-u). Overwrites ``squares``.
    """
    squares *= 5
    root = np.sqrt(squares)
    decay = np.exp(-root)
    root += 1
    root *= decay
    squares *= decay
    squares /= 3
    squares += root
    return squares, root


def _factor(scaled: np.ndarray, signal: float, noise: float) -> np.ndarray:
    covariance = signal * _matern(_squared_distances(scaled, scaled))[0]
    covariance[np.diag_indices_from(covariance)] = signal + noise
    return linalg.cholesky(covariance, lower=True)


def _loss_and_slope(log: np.ndarray, inputs: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Negative log marginal likelihood and its gradient in log (signal, K length scales, noise)."""
    signal, lengths, noise = np.exp(log[0]), np.exp(log[1:-1]), np.exp(log[-1])
    scaled = inputs / lengths
    correlation, slope = _matern(_squared_distances(scaled, scaled))
    covariance = signal * correlation
    covariance[np.diag_indices_from(covariance)] = signal + noise
    factor, wrong = linalg.lapack.dpotrf(covariance, lower=1, clean=1)  # as linalg.cholesky, without its checks
    if wrong:
        raise linalg.LinAlgError(f"minor {wrong} of the covariance is not positive definite")
    weights = linalg.lapack.dpotrs(factor, target, lower=1)[0]
    half_log_det = np.log(np.diag(factor)).sum()
    value = 0.5 * target @ weights + half_log_det + 0.5 * len(target) * np.log(2 * np.pi)
    inner = linalg.lapack.dpotrs(factor, np.eye(len(target)), lower=1)[0] - np.outer(weights, weights)
    by_noise = 0.5 * noise * np.trace(inner)
    by_signal = 0.5 * (np.sum(inner * covariance) - noise * np.trace(inner))
    inner *= slope
    # sum over i, j of inner[i, j] * (scaled[i, k] - scaled[j, k]) ** 2, without the (N, N, K) array
    squares = 2 * (inner.sum(axis=1) @ scaled**2 - np.einsum("nk,nk->k", scaled, inner @ scaled))
    by_length = 0.5 * signal * (5 / 3) * squares
    return float(value), np.concatenate([[by_signal], by_length, [by_noise]])
