"""Mixtures of a swarm and of a simulation: the prior, the bounds, Dirichlet draws, anchors, shards.

The rules are those of RegMix's published code (the paper's section 3.1 mentions only the Dirichlet draw around
the token shares): a tempered prior, a strength from a log grid, rejection above a bound, tiny weights set to
zero. Two things differ on purpose. The bound limits the passes over a domain in the target's training, which is
the real constraint, instead of being a multiple of the prior. And mixture i depends only on (seed, stream, i), so
a larger swarm extends a smaller one instead of replacing it.

K domains, M candidates.
"""

from __future__ import annotations

import math

import numpy as np

from regmix.core.errors import InputError
from regmix.sampling.rules import Rules

RANDOM, ANCHOR, HELDOUT, REPEAT, CANDIDATE, RUN_SEED, SWITCHED, LOCAL, PROPOSAL = range(9)  # never renumber
NEAR = (30.0, 1000.0)  # Dirichlet strengths of draws around a mixture
FRESH = 0.02  # their share of all domains, so that one that the mixture lacks can come back
APART = 0.05  # L1 distance below which a mixture repeats another
BLOCK = 32768  # candidates drawn from one stream; changing it changes every candidate


class Infeasible(InputError):
    """No draw keeps the bounds; ``domain`` exceeds its bound most often, in a fraction ``share`` of the draws."""

    def __init__(self, message: str, domain: str, share: float) -> None:
        super().__init__(message, domain, share)  # all, to survive pickling
        self.domain, self.share = domain, share


def draw(rules: Rules, stream: int, *index: int, apart: np.ndarray | None = None) -> np.ndarray:
    """Mixture ``index`` (K,) of a stream, redrawn while it nearly duplicates one of ``apart`` (n, K).

    Raises Infeasible if ``max_tries`` draws all break a bound.
    """
    rng = _generator(rules.seed, stream, *index)
    over, repeated = np.zeros(len(rules.domains)), None
    for _ in range(rules.max_tries):
        (mixture,), (accepted,) = _dirichlet(rng, rules, 1)
        if not accepted:
            over += mixture > rules.bounds
        elif apart is None or np.abs(apart - mixture).sum(axis=1).min() >= APART:
            return np.asarray(mixture)
        else:
            repeated = mixture
    if repeated is None:
        raise _infeasible(rules, over / rules.max_tries)
    return np.asarray(repeated)


def candidate_block(rules: Rules, seed: int, stream: int, block: int) -> np.ndarray:
    """Candidates ``block * BLOCK`` to ``(block + 1) * BLOCK - 1`` (BLOCK, K) of a simulation's stream.

    Drawn by the rules of the swarm, many at a time. A block depends only on (seed, stream, block), so a
    simulation with more candidates starts with the same ones. Raises Infeasible if the block takes more than
    ``max_tries`` draws per candidate, or if none of the first ``100 * max_tries`` draws is accepted.
    """
    rng = _generator(seed, CANDIDATE, stream, block)
    parts: list[np.ndarray] = []
    count, tried, size = 0, 0, BLOCK
    over = np.zeros(len(rules.domains))
    while count < BLOCK:
        if tried >= BLOCK * rules.max_tries or (count == 0 and tried >= 100 * rules.max_tries):
            raise _infeasible(rules, over / tried)
        mixtures, accepted = _dirichlet(rng, rules, size)
        parts.append(mixtures[accepted])
        over += (mixtures > rules.bounds).sum(axis=0)
        count, tried = count + len(parts[-1]), tried + size
        rate = max(count / tried, 0.01)
        size = max(1024, min(BLOCK, int((BLOCK - count) / rate * 1.05)))
    return np.concatenate(parts)[:BLOCK]


def near(rules: Rules, parents: np.ndarray, *key: int, count: int) -> np.ndarray:
    """``count`` mixtures (count, K) drawn around ``parents`` (n, K) in turn, moved within the bounds.

    They depend on ``parents`` and ``key``, numbers of which the first is a seed. Tiny weights are zeroed.
    """
    rng = _generator(key[0], LOCAL, *key[1:])
    centres = (1 - FRESH) * parents[np.arange(count) % len(parents)] + FRESH * rules.tempered
    strengths = np.exp(rng.uniform(math.log(NEAR[0]), math.log(NEAR[1]), count))
    mixtures = _normalised_gammas(rng, strengths[:, None] * centres)
    mixtures[mixtures < rules.min_weight] = 0
    return rules.nearest(mixtures / mixtures.sum(axis=1, keepdims=True))


def _normalised_gammas(rng: np.random.Generator, shape: np.ndarray) -> np.ndarray:
    """Dirichlet draws (count, K) of parameters ``shape``, by Gamma(a) = Gamma(a + 1) * U**(1 / a) in logarithms,
    because at a strength of 0.1 the gammas themselves underflow.
    """
    logs = np.log(rng.standard_gamma(shape + 1)) - rng.standard_exponential(shape.shape) / shape
    mixtures = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(mixtures / mixtures.sum(axis=1, keepdims=True))


def _dirichlet(rng: np.random.Generator, rules: Rules, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` draws (count, K), and whether each keeps the bounds both before and after tiny weights are zeroed.

    With constraints beside these bounds, floors come off before the draw, which divides the rest, and what then breaks
    one moves to the nearest mixture that does not.
    """
    region = rules.region
    strengths = rules.strengths[rng.integers(len(rules.strengths), size=count)]
    mixtures = _normalised_gammas(rng, strengths[:, None] * rules.tempered)
    if region.bounded_above:
        accepted = np.all(mixtures <= rules.bounds, axis=1)
        total = _drop_tiny(mixtures, rules.min_weight)
        return mixtures, accepted & (total > 0) & np.all(mixtures <= rules.bounds, axis=1)
    mixtures[:, region.low >= rules.bounds] = 0  # fixed
    total = _drop_tiny(mixtures, rules.min_weight)
    mixtures = region.low + (1 - region.low.sum()) * mixtures
    return region.nearest(mixtures), total > 0


def _drop_tiny(mixtures: np.ndarray, least: float) -> np.ndarray:
    """Zero the weights below ``least`` in place and scale the rest to sum to 1. Returns the sums before (n,)."""
    mixtures[mixtures < least] = 0
    total = mixtures.sum(axis=1, keepdims=True)
    mixtures /= np.where(total > 0, total, 1)
    return np.asarray(total[:, 0])


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _infeasible(rules: Rules, over: np.ndarray) -> InputError:
    worst = int(np.argmax(over))
    if over[worst] == 0:
        return InputError(
            f"params.yaml: swarm.min_weight = {rules.min_weight:g}: every weight of every draw is below it; "
            f"lower it below 1 / {len(rules.domains)}"
        )
    message = (
        f"params.yaml: swarm.max_tries = {rules.max_tries}: no draw keeps the bounds; {rules.domains[worst]} is above "
        f"its bound of {rules.bounds[worst]:.3g} in {over[worst]:.0%} of them; raise constraints.max_epochs or "
        f"swarm.strength.low, or lower target.recipe.steps"
    )
    return Infeasible(message, rules.domains[worst], float(over[worst]))
