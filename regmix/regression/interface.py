"""What a regressor is: a file in regmix/regressors with ``Options``, ``MONOTONE`` and ``fit``.

It learns the loss (N,) of runs from their mixtures (N, K) and predicts the loss of other mixtures (M, K). A file whose
``fit`` raises TooFewRuns also has ``least_runs(domains, options)``, the fewest runs that it takes, and one whose models
are Bayesian says ``BAYESIAN = True``, so that settings can be checked before a run is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

import numpy as np

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.settings import Kind


class Prediction(NamedTuple):
    """Predicted losses (M,) and the standard deviation (M,) of a run's loss around each, in nats per token.

    What the deviation covers depends on the regressor; its file says so.
    """

    mean: np.ndarray
    sd: np.ndarray


class Model(Protocol):
    """A fitted regressor. ``mean`` equals ``predict(...).mean``, and is cheaper where the deviation is expensive."""

    def mean(self, mixtures: np.ndarray) -> np.ndarray: ...

    def predict(self, mixtures: np.ndarray) -> Prediction: ...


class Linear(Protocol):
    """A model whose prediction is linear in the weights: ``coefficients`` (K,), nats per token."""

    coefficients: np.ndarray


def is_linear(model: object) -> TypeGuard[Linear]:
    """Whether a model has coefficients, which it may learn when asked: isinstance looks at its class alone."""
    return hasattr(model, "coefficients")


@runtime_checkable
class TokenLaw(Protocol):
    """A model in which the loss falls to ``floor`` (nats per token) as a power ``decay`` of what a mixture is worth.

    ``worth`` (K,) says what a token of each domain is worth, up to a common factor, and ``wear`` is the exponent of the
    weights.
    """

    floor: float
    worth: np.ndarray
    wear: float
    decay: float

    @property
    def share_sd(self) -> np.ndarray:
        """(K,), the standard deviation of the logarithm of each domain's share of the summed ``worth``."""


Draws = Callable[[np.ndarray], np.ndarray]  # mixtures (M, K) -> losses (M, S), each column a function of the mixture


@runtime_checkable
class Bayesian(Protocol):
    """A model with a posterior: ``draws`` are S = ``count`` functions from it, of the loss without a run's noise."""

    def draws(self, count: int, rng: np.random.Generator) -> Draws: ...


Fit = Callable[[np.ndarray, np.ndarray, int], Model]  # mixtures (N, K), losses (N,) or by part (N, D), seed


class TooFewRuns(InputError):
    """The regressor cannot be fitted to so few runs; a learning curve leaves the point out."""


@dataclass(frozen=True)
class Regressor:
    """An entry of params.yaml's ``regressors``, ready to fit.

    ``monotone``: along any direction its prediction only rises or only falls, so its optimum is always a
    single domain and it must not choose a mixture. ``bayesian``: its models are.
    """

    name: str
    monotone: bool
    fit: Fit
    bayesian: bool = False


def bind(name: str, entry: Kind, place: str | None = None) -> Regressor:
    """The regressor that ``regressors.<name>`` of params.yaml describes. Raises InputError.

    ``place`` replaces that key in the errors of a fit, for a regressor described elsewhere.
    """
    key = f"regressors.{name}"
    module = plugins.load("regressors", entry.kind, key)
    chosen = options(name, entry)

    def fit(mixtures: np.ndarray, losses: np.ndarray, seed: int) -> Model:
        try:
            return module.fit(mixtures, losses, chosen, seed)
        except TooFewRuns as error:
            raise TooFewRuns(f"{place or f'params.yaml: {key}'}: {error}") from None

    return Regressor(name, module.MONOTONE, fit, getattr(module, "BAYESIAN", False))


def options(name: str, entry: Kind) -> Any:
    """The ``Options`` of its file, filled from ``regressors.<name>``. Raises InputError."""
    key = f"regressors.{name}"
    return plugins.options(plugins.load("regressors", entry.kind, key), entry.extras, key)


def least_runs(name: str, entry: Kind, domains: int) -> int:
    """The fewest runs over K = ``domains`` that ``regressors.<name>`` can be fitted to. Raises InputError."""
    module = plugins.load("regressors", entry.kind, f"regressors.{name}")
    return int(module.least_runs(domains, options(name, entry))) if hasattr(module, "least_runs") else 1


def grouped_folds(mixtures: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold (N,) of each run: random, equally many mixtures per fold, all runs of a mixture (N, K) in one fold.

    A mixture in two folds would be tested by a model that was trained on it. Raises TooFewRuns if there are
    fewer mixtures than folds.
    """
    _, group = np.unique(mixtures, axis=0, return_inverse=True)
    count = int(group.max(initial=-1)) + 1
    if count < folds:
        raise TooFewRuns(f"{count} mixtures are fewer than {folds} folds; train more proxies or lower the folds")
    order = np.random.default_rng(seed).permutation(count)
    return (order % folds)[group.ravel()]
