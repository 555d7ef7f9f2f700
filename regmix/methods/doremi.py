"""DoReMi (Xie et al. 2023, Algorithm 1): weights that minimise a small model's excess loss over a reference.

A reference with the proxy's shape and recipe trains on the reference weights. A proxy then trains by group DRO on
batches drawn uniformly over domains (as far as the bounds on repetition allow). At each step, with lambda_d the mean
over domain d's tokens of max(proxy loss - reference loss, 0), alpha_d <- alpha_d exp(step_size lambda_d), normalised,
then mixed with uniform: (1 - smoothing) alpha + smoothing / K. The proxy's loss weights a sequence of domain d by
alpha_d / u_d, where u are the sampling weights. The result is the mean of alpha over the steps.

Two differences from the paper. The loss weights of a step are set before its losses are known, so step t uses the alpha
computed from steps up to t - 1. A domain with no sequence in a step keeps its last excess, initially 0.

With ``rounds`` above 1 (the paper's iterated DoReMi), the next reference trains on the resulting weights, within the
bounds. As in the paper, rounds end early when every weight is within ``CONVERGED`` of the reference's.

If a batch has fewer sequences than there are domains, most excesses are stale and alpha drifts: here the weights of six
seeds lie L1 .3 to .7 apart. So the result can be the mean over several ``plans``, each with seeds of its own.

K domains, B sequences per step, T tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from regmix.core.model_shape import ModelShape
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, NonNegative, Positive, Share, Strict
from regmix.engine.compute.compiled import score
from regmix.engine.policy import Policy, Seen, State
from regmix.engine.run import Result, Run
from regmix.target.interface import Context, Plan, Preparation, Scale, Spent, code_of

CONVERGED = 1e-3  # largest change of a weight from one round to the next
NOTED = 48  # approximate number of rows of the alpha table per round
ALONE, FEW = 0.99, 1.5  # collapsed: a weight above ALONE, or fewer effective domains than FEW


class Options(Strict):
    """``reference``: prior | uniform, what the first reference trains on (paper: the Pile's own weights).
    ``step_size`` of alpha, 1/nat (paper: 1). ``smoothing``: share of uniform in alpha (paper: 1e-3). ``rounds``:
    maximum (paper: 1; iterated: until convergence, 3 on GLaM). ``plans``: whose weights are averaged (paper: 1).
    ``seed`` of the references and proxies."""

    reference: Literal["prior", "uniform"]
    step_size: Positive
    smoothing: Share
    rounds: Count
    plans: Count
    seed: NonNegative


def preparation(options: Options, scale: Scale) -> Sequence[Preparation]:
    """One reference and one proxy per round and plan; the reference scores every token the proxy trains on."""
    count = options.plans * options.rounds
    return [Preparation(2 * count, scored=count * scale.proxy_tokens)]


def plan(context: Context, options: Options) -> Plan:
    """The mean weights, as closely as the bounds allow. The alpha table has plan, round, step and <domains>."""
    plans, tables = zip(*(_plan(context, options, number) for number in range(options.plans)), strict=True)
    average = np.mean([list(facts["average"].values()) for facts in plans], axis=0)
    trained, rounds = context.proxy.train_tokens, sum(facts["rounds"] for facts in plans)
    spent = Spent("reference and proxy", 2 * rounds * trained, rounds * trained, context.swarm.meta["flops_a_token"])
    return Plan(
        context.static(context.rules.nearest(average)),
        facts={"average": dict(zip(context.domains, average.tolist(), strict=True)), "plans": list(plans)},
        tables={"alpha": pd.concat(tables)},
        spent=[spent],
    )


def _plan(context: Context, options: Options, number: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """The facts of one plan (rounds, whether they converged, alpha at the end and on average) and its alpha table."""
    rules = context.rules
    weights = {"prior": rules.prior, "uniform": rules.uniform}[options.reference]
    tables, rounds, converged = [], 0, False
    while rounds < options.rounds and not converged:
        before, state = weights, _round(context, options, number, rounds, weights)
        average, rounds = np.array(state["total"]) / state["steps"], rounds + 1
        _warn_of_collapse(context, average, rounds)
        weights = rules.nearest(average)
        converged = bool(np.abs(weights - before).max() < CONVERGED)
        table = pd.DataFrame(state["noted"], columns=["step", *context.domains])
        tables.append(table.assign(plan=number + 1, round=rounds)[["plan", "round", "step", *context.domains]])
    facts = {
        "rounds": rounds,
        "converged": converged,
        "alpha": dict(zip(context.domains, state["alpha"], strict=True)),
        "average": dict(zip(context.domains, average.tolist(), strict=True)),
    }
    return facts, pd.concat(tables)


def _round(context: Context, options: Options, number: int, index: int, weights: np.ndarray) -> State:
    """The final group DRO state of a proxy whose reference trained on ``weights`` (K,)."""
    # Separate seeds: with a shared one, the reference would have trained on the windows it scores.
    seeds = np.random.SeedSequence(options.seed + number, spawn_key=(index,)).generate_state(2) >> 1
    label = f"{number + 1}.{index + 1}"
    reference = Run(f"doremi reference {label}", context.static(weights), int(seeds[0]))
    (reference_result,) = context.train(context.proxy, [reference])
    dro = GroupDRO.against(reference_result, context, options)
    proxy = Run(f"doremi proxy {label}", context.static(context.rules.uniform), int(seeds[1]), dro)
    return context.train(context.proxy, [proxy])[0].state


def _warn_of_collapse(context: Context, average: np.ndarray, round_: int) -> None:
    positive = average[average > 0]
    effective = float(np.exp(-(positive * np.log(positive)).sum()))
    top = int(np.argmax(average))
    if len(average) > 1 and (average[top] > ALONE or effective < FEW):
        context.warn(
            f"method doremi: round {round_}: {context.domains[top]} has {average[top]:.3g} of the weight "
            f"({effective:.2f} effective domains); lower step_size or raise smoothing"
        )


@dataclass(frozen=True)
class Rates:
    """How alpha is updated, and how many steps lie between rows of the table."""

    step_size: float
    smoothing: float
    note_every: int


class GroupDRO(Policy):
    """State: ``alpha`` (K), the last ``excess`` (K) in nats, the ``total`` (K) of alpha over the ``steps`` so far,
    the sampling weights ``drawn`` (K), and ``noted``: rows of step and alpha.

    ``reference`` holds the reference's weights by parameter. It is sent to the training processes with its run.
    """

    stepwise = True

    def __init__(self, shape: ModelShape, reference: Mapping[str, np.ndarray], rates: Rates) -> None:
        self.shape, self.reference, self.rates = shape, dict(reference), rates
        digest = hashlib.sha256(repr((vars(shape), rates)).encode())
        digest.update(code_of(__file__).encode())
        for name, value in sorted(self.reference.items()):
            digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
        self.key = digest.hexdigest()

    @classmethod
    def against(cls, reference: Result, context: Context, options: Options) -> GroupDRO:
        """The policy of a proxy, given its trained reference."""
        assert reference.weights is not None
        s, recipe = context.proxy.shape, context.proxy.recipe
        shape = ModelShape(s.layers, s.heads, s.width, s.ffn, s.context, context.corpus.vocab)
        rates = Rates(options.step_size, options.smoothing, max(1, recipe.steps // NOTED))
        return cls(shape, reference.weights, rates)

    def start(self, schedule: Schedule) -> State:
        K = len(schedule.domains)
        return {
            "alpha": [1 / K] * K,
            "excess": [0.0] * K,
            "total": [0.0] * K,
            "steps": 0,
            "drawn": schedule.mixtures[0].tolist(),
            "noted": [],
        }

    def loss_weights(self, state: State) -> np.ndarray:
        return np.array(state["alpha"]) / np.array(state["drawn"])

    def observe(self, state: State, seen: Seen) -> State:
        excesses = np.maximum(seen.losses.astype(np.float64) - self.reference_losses(seen.tokens), 0).mean(axis=1)
        excess, K = np.array(state["excess"]), len(state["alpha"])
        count = np.bincount(seen.domains, minlength=K)
        present = count > 0
        excess[present] = np.bincount(seen.domains, excesses, K)[present] / count[present]
        alpha = np.array(state["alpha"]) * np.exp(self.rates.step_size * (excess - excess.max()))
        alpha = (1 - self.rates.smoothing) * alpha / alpha.sum() + self.rates.smoothing / K
        steps, rows = state["steps"] + 1, state["noted"]
        if steps % self.rates.note_every == 0:
            rows = [*rows, [steps, *alpha.tolist()]]
        return state | {
            "alpha": alpha.tolist(),
            "excess": excess.tolist(),
            "total": (np.array(state["total"]) + alpha).tolist(),
            "steps": steps,
            "noted": rows,
        }

    def reference_losses(self, tokens: np.ndarray) -> np.ndarray:
        """The reference's loss (B, T), in nats, on every token of ``tokens`` (B, T+1)."""
        return score(self.shape, self.reference, tokens)
