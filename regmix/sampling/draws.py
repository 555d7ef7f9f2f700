"""Mixtures of a swarm and of a simulation: the prior, the bounds, Dirichlet draws, anchors, shards.

The rules are those of RegMix's published code (the paper's section 3.1 names only the Dirichlet draw around
the token shares): a tempered prior, a strength from a log grid, rejection above a bound, tiny weights set to
zero. Two things differ on purpose. The bound is the constraint meant, passes over a domain in the target's
training, not a multiple of the prior. And mixture i depends on (seed, stream, i) alone, so that a larger
swarm extends a smaller one instead of replacing it.

K domains, M candidates.
"""

from __future__ import annotations

import numpy as np

from regmix.core.errors import InputError
from regmix.sampling.rules import Rules

RANDOM, ANCHOR, HELDOUT, REPEAT, CANDIDATE, RUN_SEED, SWITCHED = range(7)  # streams of random numbers, never renumbered
BLOCK = 32768  # candidates drawn from one stream; part of what makes candidate i what it is


class Infeasible(InputError):
    """No draw keeps the bounds; ``domain`` is above its own most often, in a ``share`` of the draws."""

    def __init__(self, message: str, domain: str, share: float) -> None:
        super().__init__(message, domain, share)
        self.domain, self.share = domain, share

    def __str__(self) -> str:
        return str(self.args[0])


def draw(rules: Rules, stream: int, *index: int) -> np.ndarray:
    """Mixture ``index`` (K,) of a stream. Raises Infeasible if ``max_tries`` draws all break a bound."""
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
    simulation with more candidates has the same first ones. Raises Infeasible if the block takes more than
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


def _infeasible(rules: Rules, over: np.ndarray) -> InputError:
    worst = int(np.argmax(over))
    if over[worst] == 0:
        return InputError(
            f"params.yaml: swarm.min_weight = {rules.min_weight:g}: it leaves no weight in any draw; "
            f"lower it below 1 / {len(rules.domains)}"
        )
    message = (
        f"params.yaml: swarm.max_tries = {rules.max_tries}: no draw keeps the bounds; {rules.domains[worst]} is above "
        f"its bound of {rules.bounds[worst]:.3g} in {over[worst]:.0%} of them; raise swarm.max_epochs or "
        f"swarm.strength.low, or lower target.recipe.steps"
    )
    return Infeasible(message, rules.domains[worst], float(over[worst]))
