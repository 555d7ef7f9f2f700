"""Mixtures of a swarm and of a simulation: the prior, the bounds, Dirichlet draws, anchors, shards.

The rules are those of RegMix's published code (the paper's section 3.1 names only the Dirichlet draw around
the token shares): a tempered prior, a strength from a log grid, rejection above a bound, tiny weights set to
zero. Two things differ on purpose. The bound is the constraint meant, passes over a domain in the target's
training, not a multiple of the prior. And mixture i depends on (seed, stream, i) alone, so that a larger
swarm extends a smaller one instead of replacing it.

K domains, M candidates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.errors import InputError
from regmix.params import Swarm
from regmix.schedule import Schedule

RANDOM, ANCHOR, HELDOUT, REPEAT, CANDIDATE, RUN_SEED, SWITCHED = range(7)  # streams of random numbers, never renumbered
BLOCK = 32768  # candidates drawn from one stream; part of what makes candidate i what it is


@dataclass(frozen=True)
class Rules:
    """What a mixture may be and how it is drawn; arrays are (K,) in the order of ``domains``."""

    domains: tuple[str, ...]
    prior: np.ndarray
    bounds: np.ndarray
    tempered: np.ndarray
    strengths: np.ndarray
    min_weight: float
    max_tries: int
    seed: int

    @property
    def uniform(self) -> np.ndarray:
        """The mixture (K,) within the bounds that is nearest to equal weights."""
        return project(np.full(len(self.domains), 1 / len(self.domains)), self.bounds)


@dataclass(frozen=True)
class Planned:
    """One run to train: its name, kind (random, switched, anchor, heldout, repeat), seed and schedule."""

    name: str
    kind: str
    seed: int
    schedule: Schedule

    @property
    def mixture(self) -> np.ndarray:
        """The mixture (K,) that it begins with."""
        return self.schedule.mixtures[0]


def token_shares(available: Mapping[str, int]) -> dict[str, float]:
    """The prior: each domain's share of the training tokens. Raises InputError where a domain has none."""
    for domain, tokens in available.items():
        if tokens <= 0:
            raise InputError(f"corpus.domains.{domain}: {tokens} training tokens; give it text or drop the domain")
    total = sum(available.values())
    return {domain: tokens / total for domain, tokens in available.items()}


def weight_bounds(available: Mapping[str, int], max_epochs: float, train_tokens: int) -> dict[str, float]:
    """The largest weight of each domain: ``min(1, max_epochs * available / train_tokens)``.

    ``train_tokens`` is what one run of the target trains on: a weight above the bound would pass over the
    domain more than ``max_epochs`` times. Raises InputError if no mixture can keep all bounds.
    """
    bounds = {domain: min(1.0, max_epochs * tokens / train_tokens) for domain, tokens in available.items()}
    if sum(bounds.values()) < 1:
        scarce = min(bounds, key=lambda domain: bounds[domain])
        needed = train_tokens / sum(available.values())
        raise InputError(
            f"params.yaml: swarm.max_epochs = {max_epochs:g}: the bounds of all domains sum to "
            f"{sum(bounds.values()):.3g}, below 1 (tightest: {scarce} at {bounds[scarce]:.3g}); "
            f"raise it above {needed:.3g} or lower target.recipe.steps"
        )
    return bounds


def rules(prior: Mapping[str, float], bounds: Mapping[str, float], swarm: Swarm) -> Rules:
    """The rules that params.yaml's ``swarm`` section makes of a prior and its bounds."""
    shares = np.array(list(prior.values()))
    tempered = shares**swarm.temperature
    grid = swarm.strength
    return Rules(
        domains=tuple(prior),
        prior=shares,
        bounds=np.array([bounds[domain] for domain in prior]),
        tempered=tempered / tempered.sum(),
        strengths=np.geomspace(grid.low, grid.high, grid.points),
        min_weight=swarm.min_weight,
        max_tries=swarm.max_tries,
        seed=swarm.seed,
    )


def project(mixture: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The point (K,) of the simplex nearest to ``mixture`` (Euclidean) among those within ``bounds``.

    It is ``clip(mixture - shift, 0, bounds)`` with the one shift that makes it sum to 1, found by bisection.
    The bounds must sum to 1 or more.
    """
    low, high = float(np.min(mixture - bounds)), float(np.max(mixture))
    for _ in range(100):
        shift = (low + high) / 2
        if np.clip(mixture - shift, 0, bounds).sum() > 1:
            low = shift
        else:
            high = shift
    return np.clip(mixture - low, 0, bounds)


def draw(rules: Rules, stream: int, *index: int) -> np.ndarray:
    """Mixture ``index`` (K,) of a stream. Raises InputError if ``max_tries`` draws all break a bound."""
    rng = _generator(rules.seed, stream, *index)
    over = np.zeros(len(rules.domains))
    for _ in range(rules.max_tries):
        mixture, accepted = _dirichlet(rng, rules, 1)
        if accepted[0]:
            return mixture[0]
        over += mixture[0] > rules.bounds
    raise _infeasible(rules, over / rules.max_tries)


def candidate_block(rules: Rules, seed: int, stream: int, block: int) -> np.ndarray:
    """Candidates ``block * BLOCK`` to ``(block + 1) * BLOCK - 1`` (BLOCK, K) of a simulation's stream.

    Drawn by the rules of the swarm, many at a time. A block depends on (seed, stream, block) alone, so a
    simulation with more candidates has the same first ones. Raises InputError if the block takes more than
    ``max_tries`` draws a candidate, or the first ``100 * max_tries`` give none.
    """
    rng = _generator(seed, CANDIDATE, stream, block)
    kept: list[np.ndarray] = []
    found, tried, size = 0, 0, BLOCK
    over = np.zeros(len(rules.domains))
    while found < BLOCK:
        if tried >= BLOCK * rules.max_tries or (found == 0 and tried >= 100 * rules.max_tries):
            raise _infeasible(rules, over / tried)
        mixtures, accepted = _dirichlet(rng, rules, size)
        kept.append(mixtures[accepted])
        over += (mixtures > rules.bounds).sum(axis=0)
        found, tried = found + len(kept[-1]), tried + size
        rate = max(found / tried, 0.01)
        size = max(1024, min(BLOCK, int((BLOCK - found) / rate * 1.05)))
    return np.concatenate(kept)[:BLOCK]


def shard_runs(rules: Rules, swarm: Swarm, shard: str, logged: Sequence[float]) -> list[Planned]:
    """The runs of the shard named ``random-<j>``, ``switched-<j>``, ``anchors``, ``heldout`` or ``repeats``.

    ``random-<j>`` holds mixtures ``j * per_shard`` to ``(j + 1) * per_shard - 1`` of one stream; so does
    ``switched-<j>``, whose runs change to new mixtures after ``swarm.switches`` of the ``logged`` fractions of
    training. Anchors are the prior, the uniform mixture and each domain alone where its bound allows that.
    Repeats train the first held-out mixtures again under other seeds. Raises InputError as ``draw`` does.
    """
    if match := re.fullmatch(r"(random|switched)-(\d+)", shard):
        stream, make = {"random": (RANDOM, _random), "switched": (SWITCHED, _switched)}[match[1]]
        numbers = range(int(match[2]) * swarm.per_shard, (int(match[2]) + 1) * swarm.per_shard)
        return [
            Planned(f"{shard}-{i:02d}", match[1], _run_seed(rules, stream, number), make(rules, swarm, number, logged))
            for i, number in enumerate(numbers)
        ]
    if shard == "anchors":
        return _anchors(rules)
    heldout = [
        Planned(f"heldout-{i:02d}", "heldout", _run_seed(rules, HELDOUT, i), _static(rules, draw(rules, HELDOUT, i)))
        for i in range(swarm.heldout if shard == "heldout" else swarm.repeats.mixtures)
    ]
    if shard == "heldout":
        return heldout
    return [
        Planned(f"{run.name}+{s}", "repeat", _run_seed(rules, REPEAT, i, s), run.schedule)
        for i, run in enumerate(heldout)
        for s in range(1, swarm.repeats.seeds + 1)
    ]


def shard_json(rules: Rules, runs: list[Planned]) -> dict[str, Any]:
    """A shard as the trainer reads it."""
    return {
        "domains": list(rules.domains),
        "runs": [
            {"run": run.name, "kind": run.kind, "seed": run.seed, "schedule": run.schedule.to_json()} for run in runs
        ],
    }


def _static(rules: Rules, mixture: np.ndarray) -> Schedule:
    return Schedule.static(rules.domains, mixture)


def _random(rules: Rules, swarm: Swarm, number: int, logged: Sequence[float]) -> Schedule:
    return _static(rules, draw(rules, RANDOM, number))


def _switched(rules: Rules, swarm: Swarm, number: int, logged: Sequence[float]) -> Schedule:
    """A proxy that changes its mixture, so that a regressor of trajectories has seen what follows a switch."""
    inner = np.array([fraction for fraction in logged if fraction < 1])
    if swarm.switches > len(inner):
        raise InputError(
            f"params.yaml: swarm.switches = {swarm.switches}: the proxies have {len(inner)} logged steps before their "
            "last; lower it or raise proxy.validation.logged"
        )
    at = np.sort(_generator(rules.seed, SWITCHED, number).choice(inner, swarm.switches, replace=False))
    mixtures = [draw(rules, SWITCHED, number, part) for part in range(swarm.switches + 1)]
    return Schedule(rules.domains, np.concatenate([[0.0], at]), np.stack(mixtures))


def _anchors(rules: Rules) -> list[Planned]:
    """Without these a regressor extrapolates to the corners, where the optimum of one domain's loss lies."""
    named = {"natural": rules.prior, "uniform": rules.uniform}
    named |= {f"only_{d}": row for d, row in zip(rules.domains, np.eye(len(rules.domains)), strict=True)}
    return [
        Planned(f"anchor-{name}", "anchor", _run_seed(rules, ANCHOR, i), _static(rules, mixture))
        for i, (name, mixture) in enumerate(named.items())
        if np.all(mixture <= rules.bounds)
    ]


def _dirichlet(rng: np.random.Generator, rules: Rules, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` draws (count, K) and whether each keeps the bounds, before and after tiny weights go.

    A Dirichlet draw is a normalised vector of gammas. Their logarithms are taken, by
    Gamma(a) = Gamma(a + 1) * U**(1 / a), because at a strength of 0.1 the gammas themselves underflow.
    """
    strengths = rules.strengths[rng.integers(len(rules.strengths), size=count)]
    shape = strengths[:, None] * rules.tempered
    logs = np.log(rng.standard_gamma(shape + 1)) - rng.standard_exponential(shape.shape) / shape
    mixtures = np.exp(logs - logs.max(axis=1, keepdims=True))
    mixtures /= mixtures.sum(axis=1, keepdims=True)
    accepted = np.all(mixtures <= rules.bounds, axis=1)
    mixtures[mixtures < rules.min_weight] = 0
    total = mixtures.sum(axis=1, keepdims=True)
    mixtures /= np.where(total > 0, total, 1)
    return mixtures, accepted & (total[:, 0] > 0) & np.all(mixtures <= rules.bounds, axis=1)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _run_seed(rules: Rules, *key: int) -> int:
    """The seed of a run: below 2**31, its own, whatever else is in the swarm."""
    return int(np.random.SeedSequence(rules.seed, spawn_key=(RUN_SEED, *key)).generate_state(1)[0] >> 1)


def _infeasible(rules: Rules, over: np.ndarray) -> InputError:
    worst = int(np.argmax(over))
    if over[worst] == 0:
        return InputError(
            f"params.yaml: swarm.min_weight = {rules.min_weight:g}: it leaves no weight in any draw; "
            f"lower it below 1 / {len(rules.domains)}"
        )
    return InputError(
        f"params.yaml: swarm.max_tries = {rules.max_tries}: no draw keeps the bounds; {rules.domains[worst]} is above "
        f"its bound of {rules.bounds[worst]:.3g} in {over[worst]:.0%} of them; raise swarm.max_epochs or "
        f"swarm.strength.low, or lower target.recipe.steps"
    )
