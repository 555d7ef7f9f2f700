"""RegMix-D: schedules from a stepwise regressor, planned ahead (Algorithm 1) or decided during training (Algorithm 2).

At every logged step but the last, the mixture until the next step is chosen: the mean of the candidates with the
lowest predicted next losses, among draws from Dir(alpha * human). When planning ahead, the starting loss is the one
predicted for the previous choice; online, it is the target's loss, corrected to the proxies' size. Two additions to
the paper: the schedule keeps the constraints, and every query reports its support, because a schedule can need
predictions for combinations of loss and mixture that no proxy had.

The paper does not state alpha. Its m_human can be any mixture here; where it has weight zero, so do all candidates.

K domains, M candidates, L logged steps, S = L - 1 decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from regmix.constraints.region import Region
from regmix.core.errors import InputError
from regmix.core.schedule import Schedule, check_mixture
from regmix.sampling.draws import BLOCK
from regmix.statistics.intervals import Score
from regmix.trajectory import size_correction
from regmix.trajectory.next_loss import StepModel, Support

MAPPINGS = ("linear", "tokens")
MAX_TRIES = 1000  # draws per candidate before the settings are rejected as infeasible
DECISION = 64  # random number stream, far from those that regmix.sampling.draws numbers from 0


@dataclass(frozen=True)
class Search:
    """How mixtures of a ``region`` are drawn and averaged; ``human`` is (K,) in the order of its domains.

    Raises InputError if ``human`` is off the simplex, ``alpha`` is not positive or ``top_k`` not in 1..candidates.
    """

    region: Region
    human: np.ndarray
    alpha: float
    candidates: int
    top_k: int
    seed: int

    @property
    def domains(self) -> tuple[str, ...]:
        return self.region.domains

    def __post_init__(self) -> None:
        check_mixture(self.human, self.domains, "human mixture")
        if not self.alpha > 0:
            raise InputError(f"alpha = {self.alpha:g} must be above 0")
        if not 1 <= self.top_k <= self.candidates:
            raise InputError(f"top_k = {self.top_k} must lie between 1 and candidates = {self.candidates}; change one")


class Choice(NamedTuple):
    """The mixture (K,) chosen for one interval, the loss predicted at its end, and the query's support."""

    mixture: np.ndarray
    predicted: float
    support: Support


def candidates(search: Search, step: int, region: Region) -> np.ndarray:
    """The candidates (M, K) of the decision at logged step number ``step``, all within its ``region``.

    They depend only on the seed, the step and the region; a larger number starts with the same candidates. Those above
    a largest weight are drawn again; those that break other constraints move to the nearest mixture that does not.
    Raises InputError if ``MAX_TRIES`` draws per candidate do not give enough, or the first ``100 * MAX_TRIES`` give
    none.
    """
    rng = np.random.default_rng(np.random.SeedSequence(search.seed, spawn_key=(DECISION, step)))
    drawable = np.flatnonzero(search.human)  # Dirichlet parameters must be above 0
    accepted: list[np.ndarray] = []
    count, tried = 0, 0
    over = np.zeros(len(search.domains))
    while count < search.candidates:
        if tried >= search.candidates * MAX_TRIES or (count == 0 and tried >= 100 * MAX_TRIES):
            raise _infeasible(search, region, over / tried)
        drawn = np.zeros((BLOCK, len(search.domains)))
        drawn[:, drawable] = rng.dirichlet(search.alpha * search.human[drawable], BLOCK)
        above = drawn > region.high
        within = drawn[~above.any(axis=1)] if region.bounded_above else drawn[: search.candidates - count]
        accepted.append(within)
        over += above.sum(axis=0)
        count, tried = count + len(within), tried + BLOCK
    return region.nearest(np.concatenate(accepted)[: search.candidates])


def best(
    model: StepModel, search: Search, step: int, loss: float, risk: float = 0.0, region: Region | None = None
) -> Choice:
    """The mean of the ``top_k`` candidates with the lowest predicted loss after training on them from ``loss``.

    ``region`` is what the interval's mixture must keep, the search's by default. ``risk`` standard deviations are added
    before ranking; the paper adds none. Raises InputError if
    ``candidates`` does, if the model has other domains, or if its optimum is always a single domain.
    """
    if model.monotone:
        raise InputError(
            f"regressors.{model.name}: monotone along any direction, so its optimum is always a single domain; "
            "choose mixtures with a regressor of kind gp or lightgbm"
        )
    if model.learnt.domains != search.domains:
        raise InputError(
            f"search: its domains {', '.join(search.domains)} are not the proxies' "
            f"{', '.join(model.learnt.domains)}; train the proxies on the same domains"
        )
    drawn = candidates(search, step, region or search.region)
    if risk == 0:  # standard deviations are slow for some regressors
        scores = model.mean(step, drawn, loss)
    else:
        mean, sd = model.predict(step, drawn, loss)
        scores = mean + risk * sd
    mixture = drawn[np.argsort(scores, kind="stable")[: search.top_k]].mean(axis=0)
    mixture /= mixture.sum()
    predicted = float(model.mean(step, mixture[None], loss)[0])
    return Choice(mixture, predicted, model.support(step, mixture, loss))


def offline(
    model: StepModel, search: Search, start_loss: float, knots: np.ndarray, risk: float = 0.0
) -> tuple[Schedule, list[dict[str, Any]]]:
    """Algorithm 1: a schedule that starts with ``human`` and switches at ``knots`` (S,), fractions of training.

    ``start_loss`` is the loss at the first logged step, in the paper the proxies' mean: ``first_loss``. ``knots``
    come from ``mapped``. The queries, one per switch, are JSON values: see ``online_choice``. Raises InputError if
    ``best`` does, or if the knots do not increase, lie outside (0, 1) or are not one per decision.
    """
    decisions = len(model.learnt.steps) - 1
    if len(knots) != decisions:
        raise InputError(f"{len(knots)} switches do not fit the model's {decisions} intervals; give one per interval")
    for before, knot in pairwise([0.0, *knots.tolist()]):
        if knot <= before:
            raise InputError(f"switch at {knot:g} of training does not come after {before:g}; sort them")
    schedule, loss = Schedule.static(search.domains, search.human), start_loss
    queries = []
    for step, knot in enumerate(knots.tolist()):
        region = within(search, schedule, knot, [*knots.tolist(), 1.0][step + 1])
        choice = best(model, search, step, loss, risk, region)
        schedule = schedule.switched(knot, choice.mixture)
        queries.append(_query(search, step, knot, choice))
        loss = choice.predicted
    return schedule, queries


def within(search: Search, schedule: Schedule, knot: float, following: float) -> Region:
    """What the mixture from ``knot`` to the ``following`` switch must keep, after ``schedule``."""
    return search.region.during(schedule.used(knot), following - knot, 1 - following)


def first_loss(model: StepModel) -> float:
    """The proxies' mean loss at the first logged step, nats per token."""
    return float(model.learnt.losses[:, 0].mean())


def online_choice(
    model: StepModel,
    search: Search,
    step: int,
    target_loss: float,
    ratio: float,
    beta: float,
    *,
    fraction: float | None = None,
    risk: float = 0.0,
    region: Region | None = None,
) -> tuple[Choice, dict[str, Any]]:
    """One decision of Algorithm 2, from the target's loss at logged step number ``step``, corrected for size.

    ``ratio`` is the ratio of the models' parameters, ``beta`` the exponent (see ``fit_beta``). ``fraction`` of the
    target's training is recorded in the query; it defaults to the proxies'. The query is a JSON value: step (the
    index), fraction, raw_loss and corrected_loss, predicted, weights by domain, and Support's fields, where
    ``outside`` says that the corrected loss or the mixture is outside the proxies' range. Raises InputError if
    ``best`` does, or if the target's loss is not finite.
    """
    if not np.isfinite(target_loss):
        raise InputError(f"target: loss {target_loss} at logged step number {step}; lower target.recipe.lr")
    loss = float(size_correction.corrected(np.array(target_loss), ratio, beta))
    choice = best(model, search, step, loss, risk, region)
    at = float(model.learnt.fractions[step]) if fraction is None else fraction
    query = _query(search, step, at, choice)
    return choice, query | {"raw_loss": float(target_loss), "corrected_loss": loss}


def mapped(fractions: np.ndarray, mapping: str, proxy_tokens: float, target_tokens: float) -> np.ndarray:
    """The fractions of the target's training (S,) that correspond to ``fractions`` (S,) of a proxy's.

    ``linear`` keeps the fraction (the paper); ``tokens`` keeps the number of tokens seen, where a whole run has
    ``proxy_tokens`` or ``target_tokens``. Raises InputError if one falls at or after the end of training.
    """
    if mapping not in MAPPINGS:
        raise InputError(f"mapping: {mapping!r} is not one of {', '.join(MAPPINGS)}; use one of these")
    placed = fractions * (proxy_tokens / target_tokens if mapping == "tokens" else 1.0)
    if np.any(placed >= 1):
        raise InputError(
            f"mapping: {mapping}: a switch would fall at {placed.max():.3g} of the target's training, which ends "
            "at 1; train the target on more tokens than a proxy, or use linear without the last logged step"
        )
    return placed


def fit_beta(
    small: np.ndarray,
    large: np.ndarray,
    groups: np.ndarray,
    ratio: float,
    *,
    level: float,
    resamples: int,
    seed: int,
) -> Score:
    """The exponent that converts large models' losses (n,) to small models' (n,) at the same mixture and fraction.

    ``groups`` (n,) are the mixtures; all count equally, however many rows they have, and the interval is over
    resamples of them. ``ratio`` is the ratio of body parameters. Raises InputError unless losses are finite and
    positive, there are at least two groups, and the ratio is above 1.
    """
    if not ratio > 1:
        raise InputError(f"beta: the target has {ratio:g} times the proxies' parameters; use a larger target")
    for name, losses in (("small", small), ("large", large)):
        bad = np.flatnonzero(~(np.isfinite(losses) & (losses > 0)))
        if len(bad):
            raise InputError(f"beta: the {name} run of {groups[bad[0]]} has loss {losses[bad[0]]}; train it again")
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"beta: {len(names)} mixtures at both sizes give no interval; train 2 or more")
    sums = np.bincount(group, size_correction.exponents(small, large, ratio))
    return size_correction.mean(sums / np.bincount(group), resamples=resamples, level=level, seed=seed)


def _query(search: Search, step: int, fraction: float, choice: Choice) -> dict[str, Any]:
    weights = dict(zip(search.domains, choice.mixture.tolist(), strict=True))
    return {
        "step": step,
        "fraction": fraction,
        "predicted": choice.predicted,
        "weights": weights,
    } | choice.support._asdict()


def _infeasible(search: Search, region: Region, over: np.ndarray) -> InputError:
    worst = int(np.argmax(over))
    return InputError(
        f"alpha = {search.alpha:g}: too few draws of Dir(alpha * human) keep the bounds; {search.domains[worst]} is "
        f"above its bound of {region.high[worst]:.3g} in {over[worst]:.0%} of them; raise alpha "
        f"or constraints.max_epochs, or lower target.recipe.steps"
    )
