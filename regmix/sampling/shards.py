"""The runs of a swarm, shard by shard: random and switched mixtures, anchors, held-out mixtures and repeats.

K domains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.sampling.draws import ANCHOR, HELDOUT, PROPOSAL, RANDOM, REPEAT, RUN_SEED, SWITCHED, _generator, draw
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm


@dataclass(frozen=True)
class Planned:
    """One run to train: its name, kind (random, switched, anchor, heldout, repeat, proposal), seed and schedule."""

    name: str
    kind: str
    seed: int
    schedule: Schedule

    @property
    def mixture(self) -> np.ndarray:
        """The mixture (K,) that the run starts with."""
        return self.schedule.mixtures[0]


def shard_runs(rules: Rules, swarm: Swarm, shard: str, logged: Sequence[float]) -> list[Planned]:
    """The runs of the shard named ``random-<j>``, ``switched-<j>``, ``anchors``, ``heldout`` or ``repeats``.

    ``random-<j>`` contains mixtures ``j * per_shard`` to ``(j + 1) * per_shard - 1`` of one stream; so does
    ``switched-<j>``, whose runs change to a new mixture at ``swarm.switches`` of the ``logged`` fractions of
    training. A random mixture that nearly duplicates an anchor is redrawn. Anchors are the prior, the uniform mixture
    and each domain alone, as closely as the constraints allow.
    Repeats train the first held-out mixtures again with other seeds. Raises InputError as ``draw`` does.
    """
    if match := re.fullmatch(r"(random|switched)-(\d+)", shard):
        stream, make = {"random": (RANDOM, _random), "switched": (SWITCHED, _switched)}[match[1]]
        numbers = range(int(match[2]) * swarm.per_shard, (int(match[2]) + 1) * swarm.per_shard)
        return [
            Planned(
                f"{shard}-{i:02d}", match[1], run_seed(rules, swarm, stream, number), make(rules, swarm, number, logged)
            )
            for i, number in enumerate(numbers)
        ]
    if shard == "anchors":
        return _anchors(rules, swarm)
    heldout = [
        Planned(
            f"heldout-{i:02d}", "heldout", run_seed(rules, swarm, HELDOUT, i), _static(rules, draw(rules, HELDOUT, i))
        )
        for i in range(swarm.heldout if shard == "heldout" else swarm.repeats.mixtures)
    ]
    if shard == "heldout":
        return heldout
    return [
        Planned(f"{run.name}+{s}", "repeat", run_seed(rules, swarm, REPEAT, i, s), run.schedule)
        for i, run in enumerate(heldout)
        for s in range(1, swarm.repeats.seeds + 1)
    ]


def shard_json(rules: Rules, runs: list[Planned]) -> dict[str, Any]:
    """A shard in the format the trainer reads."""
    return {
        "domains": list(rules.domains),
        "runs": [
            {"run": run.name, "kind": run.kind, "seed": run.seed, "schedule": run.schedule.to_json()} for run in runs
        ],
    } | ({} if rules.text is None else {"text": rules.text})


def _static(rules: Rules, mixture: np.ndarray) -> Schedule:
    return Schedule.static(rules.domains, mixture)


def _random(rules: Rules, swarm: Swarm, number: int, logged: Sequence[float]) -> Schedule:
    """A weak strength often draws one domain all but alone, which is an anchor's mixture already."""
    apart = np.stack(list(_anchor_mixtures(rules).values())) if "anchors" in swarm.shards else None
    return _static(rules, draw(rules, RANDOM, number, apart=apart))


def _switched(rules: Rules, swarm: Swarm, number: int, logged: Sequence[float]) -> Schedule:
    """A proxy that changes its mixture, so that regressors of trajectories see what happens after a switch."""
    inner = np.array([fraction for fraction in logged if fraction < 1])
    if swarm.switches > len(inner):
        raise InputError(
            f"params.yaml: swarm.switches = {swarm.switches}: the proxies have {len(inner)} logged steps before their "
            "last; lower it or raise proxy.validation.logged"
        )
    at = np.sort(_generator(rules.seed, SWITCHED, number).choice(inner, swarm.switches, replace=False))
    mixtures = [draw(rules, SWITCHED, number, part) for part in range(swarm.switches + 1)]
    return Schedule(rules.domains, np.concatenate([[0.0], at]), np.stack(mixtures))


def _anchor_mixtures(rules: Rules) -> dict[str, np.ndarray]:
    """Without these a regressor extrapolates to the corners, where a single domain's loss has its optimum."""
    named = {"natural": rules.prior, "uniform": rules.uniform}
    for domain, mixture in zip(rules.domains, rules.nearest(np.eye(len(rules.domains))), strict=True):
        if not any(np.allclose(mixture, other, rtol=0, atol=1e-9) for other in named.values()):  # by the bounds
            named[f"only_{domain}"] = mixture
    return named


def _anchors(rules: Rules, swarm: Swarm) -> list[Planned]:
    return [
        Planned(f"anchor-{name}", "anchor", run_seed(rules, swarm, ANCHOR, i), _static(rules, mixture))
        for i, (name, mixture) in enumerate(_anchor_mixtures(rules).items())
    ]


def random_runs(rules: Rules, swarm: Swarm, count: int) -> list[Planned]:
    """The first ``count`` runs of the random shards' stream, whatever the size of a shard."""
    return [
        Planned(f"random {i}", "random", run_seed(rules, swarm, RANDOM, i), _static(rules, draw(rules, RANDOM, i)))
        for i in range(count)
    ]


def proposed(rules: Rules, swarm: Swarm, round_: str, mixtures: np.ndarray) -> list[Planned]:
    """The runs of a round at ``mixtures`` (n, K)."""
    return [
        Planned(f"{round_}-{i:02d}", "proposal", run_seed(rules, swarm, PROPOSAL, *round_.encode(), i),
                _static(rules, mixture))
        for i, mixture in enumerate(mixtures)
    ]  # fmt: skip


def run_seed(rules: Rules, swarm: Swarm, stream: int, *key: int) -> int:
    """The seed of a run, below 2**31: initial weights and, within each domain, the order of its text.

    Own seeds are independent of what else is in the swarm. With a shared one, runs differ by their mixture alone;
    repeats share one per repetition, by which all mixtures are compared again.
    """
    if swarm.run_seeds == "shared":
        stream, key = (REPEAT, key[-1:]) if stream == REPEAT else (RANDOM, (0,))
    return int(np.random.SeedSequence(rules.seed, spawn_key=(RUN_SEED, stream, *key)).generate_state(1)[0] >> 1)
