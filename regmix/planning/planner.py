"""What a pipeline will train, counted from params.yaml alone: runs, tokens, FLOPs, memory, disk. It runs nothing.

FLOPs are those of ``ModelShape.flops``: 6 a parameter and token body only, as the papers count, or in full, with
attention and head. A token that is scored, in a trajectory or by a method, takes a third of one that is trained on.

K domains, P parameters, L layers, D width, F ffn width, V vocabulary, N tokens a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.engine.machine import Machine
from regmix.engine.settings import Training
from regmix.params import Params
from regmix.planning import memory
from regmix.sampling import shards
from regmix.sampling.rules import Rules, token_shares, weight_bounds


@dataclass(frozen=True)
class Text:
    """The corpus as far as known: tokens by domain on either side, and characters in all.

    ``how`` says whence. Without ``exact`` the counts are estimates.
    """

    train: Mapping[str, int]
    valid: Mapping[str, int]
    chars: float
    how: str
    exact: bool


@dataclass(frozen=True)
class Work:
    """What one call of a stage trains and scores on one shape.

    ``runs`` are those it lists, ``new`` those that no earlier work has trained; ``trained``, ``evaluated`` (in
    trajectories and at the end) and ``scored`` (otherwise) count the tokens of the new ones together.
    """

    stage: str
    part: str
    runs: int
    new: int
    shape: ModelShape
    step: int  # tokens a step
    precision: str
    trained: float
    evaluated: float
    scored: float
    weights: bool  # whether the run store keeps its weights
    target: bool = False  # whether its runs are of the target's size
    engine: bool = True  # whether the engine does it; else lm-eval, whose speed is not known here

    def flops(self) -> dict[str, float]:
        """Body only, with attention, in full."""
        tokens = self.trained + (self.evaluated + self.scored) / 3
        return {count: a_token * tokens for count, a_token in self.shape.flops().items()}

    def stack(self, processes: int, stack: int) -> int:
        """Runs in the largest stack, as the engine packs them."""
        packs = min(self.new, math.ceil(math.ceil(self.new / stack) / processes) * processes)
        return math.ceil(self.new / packs) if packs else 0

    def idle(self, processes: int) -> float:
        """How many times longer it takes than if all processes had the same to do: 2 for one run on two."""
        return math.ceil(self.new / processes) * processes / self.new if self.new else 1.0

    def training(self, machine: Machine) -> memory.Training:
        """One of its runs, as params.yaml's machine trains it."""
        compute = memory.compute_of(self.target, self.precision, machine)
        shared = machine.sharded if compute == "sharded" else 1
        return memory.Training(self.shape, self.step, self.precision, compute, shared)

    def memory(self, machine: Machine) -> int:
        """Bytes of all processes together."""
        if not self.new:
            return 0
        one = self.training(machine)
        if one.compute == "sharded":  # a run at a time
            return one.shared * (one.state + one.activations + memory.batches(self.step))
        at_once, runs = min(machine.processes, self.new), self.stack(machine.processes, machine.stack)
        activations = (runs if one.side_by_side else 1) * one.activations
        return at_once * (runs * one.state + activations + memory.batches(runs * self.step))


def model(training: Training, vocab: int) -> ModelShape:
    return ModelShape(**training.shape.model_dump(), vocab=vocab)


def evaluated(training: Training, domains: Sequence[str], text: Text | None) -> int:
    """Tokens that one run scores at its logged steps and at its end, as the engine chooses its windows."""
    context, validation = training.shape.context, training.validation
    total = 0
    for name in domains:
        windows = max(1, validation.final_tokens // context)
        if text is not None:
            windows = min(windows, max(0, (text.valid[name] - 1) // context))
        logged = min(windows, max(1, validation.logged_tokens // context))
        total += context * (windows + (validation.logged - 1) * logged)
    return total


def works(params: Params, vocab: int, text: Text | None) -> list[Work]:
    """All that is trained, in the order of dvc.yaml's stages.

    Without ``text`` every domain counts as an anchor, which is the most there can be. Raises InputError where no
    mixture keeps the bounds on repetition that ``text`` gives.
    """
    shards = {name: n for name, n in _shards(params, text).items() if n}
    known = _Maker(params, vocab, text)
    out = [known.proxies("swarm_train", shard, runs) for shard, runs in shards.items()]
    out.append(known.proxies("mixture_confirm", "", len(confirmed(params)) * params.mixture.confirm.seeds))
    out += _methods(known, params, text)
    beta = _beta_seeds(params)
    for name, method in params.target.methods.items():
        shared = beta if method.kind in ("natural", "uniform") else 0
        out.append(known.targets("target_train", name, params.target.seeds, params.target.seeds - shared))
    return [*out, known.downstream(len(params.target.methods) * params.target.seeds)]


def confirmed(params: Params) -> list[str]:
    """The mixtures at which proxies confirm the recommendation: two baselines, single domains, one an objective."""
    out = ["natural", "uniform"]
    for objective in params.objectives:
        weights = params.objective_weights(objective)
        (alone, *more) = weights
        if not more and alone in params.corpus.trained and f"only_{alone}" not in out:
            out.append(f"only_{alone}")
    return out + [f"regmix_{objective}" for objective in params.objectives]


def bounds(params: Params, text: Text) -> dict[str, float]:
    """The largest weight of each trained domain. Raises InputError if no mixture can keep them."""
    available = {name: text.train[name] for name in params.corpus.trained}
    return weight_bounds(available, params.swarm.max_epochs, params.target.train_tokens)


def rules_of(params: Params, text: Text) -> Rules:
    """How mixtures are drawn from this text. Raises InputError as ``bounds`` does."""
    available = {name: text.train[name] for name in params.corpus.trained}
    return Rules.of(token_shares(available), bounds(params, text), params.swarm)


def planned_runs(params: Params, text: Text) -> dict[str, list[shards.Planned]]:
    """The runs of every shard, drawn as swarm_sample draws them. Raises InputError as it does."""
    known = rules_of(params, text)
    logged = [step / params.proxy.recipe.steps for step in params.proxy.logged_steps]
    return {shard: shards.shard_runs(known, params.swarm, shard, logged) for shard in params.swarm.shards}


def token_bytes(vocab: int) -> int:
    """Of one token in a file."""
    return 2 if vocab <= 1 << 16 else 4


def disk(params: Params, vocab: int, text: Text | None, todo: Sequence[Work]) -> dict[str, float]:
    """Bytes that stay after each stage, in data/ and in the run store; checkpoints of what trains come on top."""
    out: dict[str, float] = {}
    if text is not None:
        out["corpus_extract"] = text.chars  # a byte a character, as in English
        out["corpus_tokenize"] = token_bytes(vocab) * (sum(text.train.values()) + sum(text.valid.values()))
    size = 4 * model(params.target, vocab).parameters
    targets = len(params.target.methods) * params.target.seeds * size
    stored = [work for work in todo if work.weights]
    out["target_schedule"] = sum(4 * w.shape.parameters * w.new for w in stored if w.stage == "target_schedule")
    out["target_schedule"] += _ppl_bytes(params, vocab, text)
    # The store keeps them, target_train takes them out of it, and target_export writes them for transformers.
    out["target_train"] = targets + sum(4 * w.shape.parameters * w.new for w in stored if w.stage == "target_train")
    out["target_export"] = targets
    return out


def checkpoints(params: Params, todo: Sequence[Work]) -> int:
    """Bytes of the checkpoints of the largest set of runs that train at one time: weights and two moments."""
    machine = params.machine
    at_once = [
        12 * w.shape.parameters * min(machine.processes, w.new) * w.stack(machine.processes, machine.stack)
        for w in todo
    ]
    return max(at_once, default=0)


@dataclass(frozen=True)
class _Maker:
    params: Params
    vocab: int
    text: Text | None

    def proxies(self, stage: str, part: str, runs: int, *, scored: float = 0, weights: bool = False) -> Work:
        return self._work(stage, part, self.params.proxy, runs, runs, scored, weights)

    def targets(self, stage: str, part: str, runs: int, new: int) -> Work:
        return self._work(stage, part, self.params.target, runs, new, 0, True, target=True)

    def downstream(self, models: int) -> Work:
        """lm-eval's own tasks, at most: every item as long as the context. Tasks of the hub are not counted."""
        e, target = self.params.evaluation, self.params.target
        items = e.items * (len(e.last_word) + e.choices * len(e.continuation)) * len(e.shots)
        scored = models * items * target.shape.context
        shape = model(target, self.vocab)
        return Work("target_evaluate", "", 0, 0, shape, e.batch_size * target.shape.context, "fp32", 0, 0, scored,
                    False, target=True, engine=False)  # fmt: skip

    def _work(
        self, stage: str, part: str, training: Training, runs: int, new: int, scored: float, weights: bool,
        target: bool = False,
    ) -> Work:  # fmt: skip
        step = training.recipe.sequences * training.shape.context
        looked = new * evaluated(training, list(self.params.corpus.domains), self.text)
        shape = model(training, self.vocab)
        return Work(stage, part, runs, new, shape, step, training.recipe.precision, new * training.train_tokens, looked,
                    scored, weights, target)  # fmt: skip


def _shards(params: Params, text: Text | None) -> dict[str, int]:
    """The number of runs of every shard."""
    if text is not None:
        return {shard: len(runs) for shard, runs in planned_runs(params, text).items()}
    swarm = params.swarm
    fixed = {
        "anchors": 2 + len(params.corpus.trained),
        "heldout": swarm.heldout,
        "repeats": swarm.repeats.mixtures * swarm.repeats.seeds,
    }
    return {shard: fixed.get(shard, swarm.per_shard) for shard in swarm.shards}


def _methods(known: _Maker, params: Params, text: Text | None) -> Iterator[Work]:
    """What methods train and score to make their plans, as their own files say."""
    for name, method in params.target.methods.items():
        more: Mapping[str, Any] = method.model_extra or {}
        if method.kind == "doremi":  # a reference and a proxy a round; the reference scores all that the proxy sees
            rounds = more["rounds"]
            yield known.proxies("target_schedule", name, 2 * rounds, scored=rounds * params.proxy.train_tokens,
                                weights=True)  # fmt: skip
        elif method.kind == "ppl":  # a reference, and at most the first tokens of every document considered
            yield known.proxies("target_schedule", name, 1, scored=_considered(more, text), weights=True)
        elif method.kind == "regmix_d_online" and more["beta"] == "fitted":
            runs = 2 * min(more["beta_seeds"], params.target.seeds)
            yield known.targets("target_schedule", name, runs, runs)


def _beta_seeds(params: Params) -> int:
    """How many runs of the natural and of the uniform mixture are trained for RegMix-D's exponent before."""
    found = [
        min((method.model_extra or {})["beta_seeds"], params.target.seeds)
        for method in params.target.methods.values()
        if method.kind == "regmix_d_online" and (method.model_extra or {})["beta"] == "fitted"
    ]
    return max(found, default=0)


def _considered(options: Mapping[str, Any], text: Text | None) -> float:
    """Tokens of the documents that perplexity filtering considers, at most; NaN where neither is known."""
    limits = [options["tokens"]] if options["tokens"] is not None else []
    limits += [sum(text.train.values())] if text is not None else []
    return min(limits, default=math.nan)


def _ppl_bytes(params: Params, vocab: int, text: Text | None) -> float:
    """Of the text that perplexity filtering keeps: the band's share of what it considers."""
    kept = 0.0
    for method in params.target.methods.values():
        more = method.model_extra or {}
        if method.kind == "ppl":
            kept += (more["high"] - more["low"]) * _considered(more, text)
    return kept * token_bytes(vocab)


def infeasible(params: Params, text: Text) -> str | None:
    """Why no mixture, or no draw of one, keeps the bounds on repetition; None if they can be kept."""
    try:
        planned_runs(params, text)
    except InputError as error:
        return str(error)
    return None
