"""The training loop of one stack: P runs with the same number of steps, each on its own batches.

Proxies and targets share this loop on every backend. At the logged steps it evaluates every domain. If a run has a
policy, the policy is asked for a mixture at the logged steps, or after every step if it is ``stepwise``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from regmix.core.errors import InputError
from regmix.core.schedule import check_epochs, check_mixture
from regmix.engine.compute.interface import Compute
from regmix.engine.compute.threads import one_thread
from regmix.engine.policy import Seen
from regmix.engine.run import Result, RunState, Setup

AHEAD, TOKENS = 32, 1 << 18  # most steps and most tokens whose batches are gathered at a time; at least one step


def train_stack(
    setup: Setup,
    states: Sequence[RunState],
    compute: Compute,
    trained: Callable[[int], None] = lambda tokens: None,
    checkpoint: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Train the runs of ``states``, which are all at the same step, to the end.

    ``trained`` is called with the number of tokens after every step; ``checkpoint`` after every ``ahead`` steps, when
    ``states`` are complete except for the tensors that ``compute`` still has to gather.
    Raises InputError, naming run, step and mixture, if a loss is not finite.
    """
    with one_thread():
        return _train(setup, states, compute, trained, checkpoint)


def ahead(tokens: int) -> int:
    """How many steps to gather batches for at a time, if one step of the whole stack has ``tokens`` tokens."""
    return max(1, min(AHEAD, TOKENS // tokens))


def _train(
    setup: Setup,
    states: Sequence[RunState],
    stack: Compute,
    trained: Callable[[int], None],
    checkpoint: Callable[[], None],
) -> list[Result]:
    step, stops = states[0].step, setup.logged_steps
    tokens = len(states) * setup.recipe.sequences * setup.shape.context
    most = 1 if any(_stepwise(state) for state in states) else ahead(tokens)
    while step < setup.recipe.steps:
        until = min(step + most, next(stop for stop in stops if stop > step))
        for batch, domains in _batches(setup, states, step, until - step):
            means, losses = stack.step(batch, _counts(states, domains), setup.learning_rate(step))
            _check(means, states, step)
            _observe(states, step, batch, domains, losses)
            step += 1
            trained(losses.size)
        for state in states:
            state.step = step
        if step in stops and step < setup.recipe.steps:
            _log(setup, states, stack.evaluate(logged=True), step)
        if step < setup.recipe.steps:
            _decide(states, step, step / setup.recipe.steps)
        checkpoint()
    final = stack.evaluate()
    _log(setup, states, {name: losses[:, setup.logged[name]] for name, losses in final.items()}, step)
    stack.gather()
    return [
        _result(setup, state, {name: float(losses[p].mean()) for name, losses in final.items()})
        for p, state in enumerate(states)
    ]


def _batches(
    setup: Setup, states: Sequence[RunState], step: int, count: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens (P, B, T+1) and domains (P, B) for each of the next ``count`` steps; advances the ledgers."""
    tokens, domains = [], []
    for state in states:
        t, d, state.ledger = setup.loader.batches(state.run.seed, state.schedule, state.ledger, step, count)
        tokens.append(t)
        domains.append(d)
    return zip(np.stack(tokens, axis=1).astype(np.int64), np.stack(domains, axis=1), strict=True)


def _stepwise(state: RunState) -> bool:
    return state.run.policy is not None and state.run.policy.stepwise


def _counts(states: Sequence[RunState], domains: np.ndarray) -> np.ndarray | None:
    """The weight of each sequence (P, B) in its run's loss; None if all sequences of all runs count equally."""
    by_domain = [state.run.policy.loss_weights(state.policy) if state.run.policy else None for state in states]
    if all(weights is None for weights in by_domain):
        return None
    rows = [np.ones(len(d)) if w is None else w[d] for w, d in zip(by_domain, domains, strict=True)]
    return np.stack(rows).astype(np.float32)


def _observe(
    states: Sequence[RunState], step: int, tokens: np.ndarray, domains: np.ndarray, losses: np.ndarray
) -> None:
    for p, state in enumerate(states):
        if _stepwise(state):
            assert state.run.policy is not None
            seen = Seen(step, tokens[p], domains[p], losses[p])
            state.policy = state.run.policy.observe(state.policy, seen)


def _decide(states: Sequence[RunState], step: int, fraction: float) -> None:
    """Ask the policies for mixtures; they are given losses only after a logged step."""
    for state in states:
        policy, logged = state.run.policy, bool(state.trajectory) and state.trajectory[-1][0] == step
        if policy is None or not (policy.stepwise or logged):
            continue
        losses = state.trajectory[-1][1] if logged else None
        state.policy, mixture = policy.decide(state.policy, fraction, losses, state.schedule)
        if mixture is not None:
            what = f"run {state.run.name}: the policy's mixture at step {step}"
            check_mixture(mixture, state.schedule.domains, what)
            if state.run.most is not None:
                check_epochs(state.schedule.used(fraction), state.run.most, state.schedule.domains, what)
            state.schedule = state.schedule.switched(fraction, mixture)


def _check(losses: np.ndarray, states: Sequence[RunState], step: int) -> None:
    if np.isfinite(losses).all():
        return
    bad = states[int(np.isfinite(losses).argmin())]
    mixture = zip(bad.schedule.domains, bad.schedule.mixtures[-1], strict=True)
    heavy = ", ".join(f"{domain} {weight:.3g}" for domain, weight in mixture if weight > 0)
    raise InputError(f"run {bad.run.name}: loss is not finite at step {step} under mixture {heavy}; lower recipe.lr")


def _log(setup: Setup, states: Sequence[RunState], losses: Mapping[str, np.ndarray], step: int) -> None:
    """Add a row to each trajectory; ``losses`` (P, W) are on the smaller set of windows."""
    for p, state in enumerate(states):
        state.trajectory.append((step, {name: float(value[p].mean()) for name, value in losses.items()}))


def _result(setup: Setup, state: RunState, losses: dict[str, float]) -> Result:
    for name, loss in losses.items():
        if not np.isfinite(loss):
            raise InputError(f"run {state.run.name}: its final loss on {name} is not finite; lower recipe.lr")
    tokens = (state.ledger * setup.shape.context).tolist()
    ledger = dict(zip(setup.loader.domains, tokens, strict=True))
    weights = {name: value.copy() for name, value in state.tensors["weights"].items()}
    return Result(losses, state.trajectory, state.schedule, ledger, state.policy, weights)
