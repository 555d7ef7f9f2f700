"""The training loop of one stack: P runs, the same number of steps, each on its own batches.

The one loop for proxies and targets. At the logged steps it evaluates every domain and asks each run's
policy, if it has one, for a mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from regmix.engine.model import Model, Weights
from regmix.engine.optimizer import adamw, clip_each
from regmix.engine.run import Result, RunState, Setup
from regmix.errors import InputError

AHEAD = 32  # steps whose batches are gathered at one time
EVAL_WINDOWS = 16  # validation windows in one forward pass; fixed, so that no sum depends on the stack


def train_stack(
    setup: Setup,
    states: Sequence[RunState],
    trained: Callable[[int], None] = lambda tokens: None,
    checkpoint: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Train the runs of ``states``, which stand at one and the same step, to the end.

    ``trained`` hears the tokens of every step; ``checkpoint`` is called every few steps, when ``states``
    are whole. Raises InputError if a loss is not finite, naming run, step and mixture.
    """
    model = Model(setup.shape, setup.recipe.precision)
    weights = {
        name: torch.nn.Parameter(torch.stack([state.tensors["weights"][name] for state in states]))
        for name in setup.shape.tensors()
    }
    optimizer = _optimizer(setup, states, weights)
    _bind(states, weights, optimizer)
    step, stops = states[0].step, setup.logged_steps()
    while step < setup.recipe.steps:
        until = min(step + AHEAD, next(stop for stop in stops if stop > step))
        for tokens in _batches(setup, states, step, until - step):
            optimizer.param_groups[0]["lr"] = setup.learning_rate(step)
            optimizer.zero_grad(set_to_none=True)
            losses = model.loss(weights, tokens)
            _check(losses, states, step)
            losses.sum().backward()
            clip_each(list(weights.values()), setup.recipe.clip)
            optimizer.step()
            step += 1
            trained(tokens[:, :, 1:].numel())
        for state in states:
            state.step = step
        if step in stops and step < setup.recipe.steps:
            _log(setup, states, evaluate(setup, model, weights, logged=True), step)
        checkpoint()
    final = evaluate(setup, model, weights)
    _log(setup, states, {name: losses[:, setup.logged[name]] for name, losses in final.items()}, step)
    return [
        _result(setup, state, {name: float(losses[p].mean()) for name, losses in final.items()})
        for p, state in enumerate(states)
    ]


def evaluate(setup: Setup, model: Model, weights: Weights, logged: bool = False) -> dict[str, np.ndarray]:
    """Loss (P, W) in nats of every validation window by domain; with ``logged``, of the smaller set alone."""
    out = {}
    for name, windows in setup.windows.items():
        chosen = windows[setup.logged[name]] if logged else windows
        parts = [model.window_losses(weights, chunk) for chunk in chosen.split(EVAL_WINDOWS)]
        out[name] = torch.cat(parts, dim=1).double().numpy()
    return out


def _optimizer(setup: Setup, states: Sequence[RunState], weights: Weights) -> torch.optim.AdamW:
    optimizer = adamw(list(weights.values()), setup.recipe)
    for name, parameter in weights.items():
        optimizer.state[parameter] = {
            "step": torch.tensor(float(states[0].step)),
            **{key: torch.stack([state.tensors[key][name] for state in states]) for key in ("exp_avg", "exp_avg_sq")},
        }
    return optimizer


def _bind(states: Sequence[RunState], weights: Weights, optimizer: torch.optim.AdamW) -> None:
    """Make each state's tensors views of the stack, so that the states are always current."""
    for p, state in enumerate(states):
        state.tensors = {"weights": {name: value.data[p] for name, value in weights.items()}}
        for key in ("exp_avg", "exp_avg_sq"):
            state.tensors[key] = {name: optimizer.state[value][key][p] for name, value in weights.items()}


def _batches(setup: Setup, states: Sequence[RunState], step: int, count: int) -> Tensor:
    """Tokens (count, P, B, T+1) of the next steps; moves the ledgers on."""
    parts = []
    for state in states:
        tokens, state.ledger = setup.loader.batches(state.run.seed, state.schedule, state.ledger, step, count)
        parts.append(torch.from_numpy(tokens))
    return torch.stack(parts, dim=1).long()


def _check(losses: Tensor, states: Sequence[RunState], step: int) -> None:
    if torch.isfinite(losses).all():
        return
    bad = states[int((~torch.isfinite(losses)).nonzero()[0, 0])]
    mixture = zip(bad.schedule.domains, bad.schedule.mixtures[-1], strict=True)
    heavy = ", ".join(f"{domain} {weight:.3g}" for domain, weight in mixture if weight > 0)
    raise InputError(f"run {bad.run.name}: loss is not finite at step {step} under mixture {heavy}; lower recipe.lr")


def _log(setup: Setup, states: Sequence[RunState], losses: Mapping[str, np.ndarray], step: int) -> None:
    """Add a row to each trajectory and ask each policy; ``losses`` (P, W) are those of the smaller windows."""
    fraction = step / setup.recipe.steps
    for p, state in enumerate(states):
        row = {name: float(value[p].mean()) for name, value in losses.items()}
        state.trajectory.append((step, row))
        if state.run.policy is not None and fraction < 1:
            mixture = state.run.policy.decide(fraction, row, state.schedule)
            if mixture is not None:
                state.schedule = state.schedule.switched(fraction, mixture)


def _result(setup: Setup, state: RunState, losses: dict[str, float]) -> Result:
    for name, loss in losses.items():
        if not np.isfinite(loss):
            raise InputError(f"run {state.run.name}: its loss on {name} is not finite at the end; lower recipe.lr")
    tokens = (state.ledger * setup.shape.context).tolist()
    ledger = dict(zip(setup.loader.domains, tokens, strict=True))
    weights = {name: value.numpy().copy() for name, value in state.tensors["weights"].items()}
    return Result(losses, state.trajectory, state.schedule, ledger, weights)
