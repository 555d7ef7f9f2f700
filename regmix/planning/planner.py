"""What a pipeline will train, counted from params.yaml alone: runs, tokens, shapes. It runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from regmix.core import plugins
from regmix.core.model_shape import ModelShape
from regmix.engine.settings import Training
from regmix.evaluation.heldout_tasks import item_budget
from regmix.objectives import sole, tasks_of
from regmix.params import Params
from regmix.planning.feasibility import Text, planned_runs
from regmix.planning.stage_work import StageWork
from regmix.target.interface import Preparation, Scale


def works(params: Params, vocab: int, text: Text | None) -> list[StageWork]:
    """All training, in the order of dvc.yaml's stages.

    Without ``text`` every domain counts as an anchor, an upper bound. Raises InputError where no
    mixture stays within the bounds on repetition that ``text`` gives.
    """
    return list(_Counter(params, vocab, text).works())


def audits(params: Params, vocab: int, text: Text | None, sizes: Mapping[str, tuple[float, float]]) -> list[StageWork]:
    """What audits train, by name from their numbers of proxies and targets: an upper bound, since they share runs."""
    counter = _Counter(params, vocab, text)
    return [
        counter._work(name, part, round(count), weights=target, target=target)
        for name, counts in sizes.items()
        for part, count, target in (("proxies", counts[0], False), ("targets", counts[1], True))
        if count
    ]


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


def confirmed(params: Params) -> int:
    """At how many mixtures proxies confirm the recommendation: natural, uniform, single domains, one per objective."""
    alone = {sole(entry, params.corpus.trained) for entry in params.objectives.values()} - {None}
    return 2 + len(alone) + len(params.objectives)


def preparations(params: Params, text: Text | None) -> dict[str, list[Preparation]]:
    """What each method trains and scores to make its plan, by its own module. Raises InputError for bad options."""
    scale = Scale(params.proxy.train_tokens, params.target.seeds, sum(text.train.values()) if text else None)
    out: dict[str, list[Preparation]] = {}
    for name, method in params.target.methods.items():
        key = f"target.methods.{name}"
        module = plugins.load("methods", method.kind, key)
        if hasattr(module, "preparation"):
            out[name] = list(module.preparation(plugins.options(module, method.extras, key), scale))
    return out


@dataclass(frozen=True)
class _Counter:
    params: Params
    vocab: int
    text: Text | None

    def works(self) -> Iterator[StageWork]:
        target, prepared = self.params.target, preparations(self.params, self.text)
        tasks = tasks_of(self.params.objectives)
        keep, answers = bool(tasks), self._answers(tasks)  # proxies are scored from their weights
        for shard, runs in self._shards().items():
            if runs:
                yield self._work("swarm_train", shard, runs, scored=runs * answers, weights=keep)
        for name, entry in self.params.swarm.rounds.items():
            runs = entry.proposals
            yield self._work("swarm_round", name, runs, scored=runs * answers, weights=keep)
        runs = confirmed(self.params) * self.params.mixture.confirm.seeds
        yield self._work("mixture_confirm", "", runs, scored=runs * answers, weights=keep)
        for name, preps in prepared.items():
            for prep in preps:
                yield self._work(
                    "target_schedule", name, prep.runs, scored=prep.scored, weights=True, target=prep.target_sized
                )
        every = [prep for preps in prepared.values() for prep in preps]
        work, answers = {}, self._answers(self.params.evaluation.heldout)
        for name, method in target.methods.items():
            already = max((prep.first_targets.get(method.kind, 0) for prep in every), default=0)
            work[name] = self._work(
                "target_train", name, target.seeds, new=target.seeds - already, scored=target.seeds * answers,
                weights=True, target=True,
            )  # fmt: skip
        # A method with its own text trains alone, and so do runs that several processes share.
        joint = [name for name in work if not any(prep.written != 0 for prep in prepared.get(name, []))]
        total = 0 if self.params.machine.sharded else sum(work[name].new for name in joint)
        for name, each in work.items():
            yield replace(each, together=total) if name in joint else each
        yield self._downstream()

    def _answers(self, tasks: Collection[str]) -> int:
        """Tokens of the tasks' right answers with their contexts, an upper bound."""
        e = self.params.evaluation
        return len(tasks) * e.items * item_budget(self.params.target.shape.context, e.shots)

    def _shards(self) -> dict[str, int]:
        """The number of runs of every shard."""
        if self.text is not None:
            return {shard: len(runs) for shard, runs in planned_runs(self.params, self.text).items()}
        swarm = self.params.swarm
        fixed = {
            "anchors": 2 + len(self.params.corpus.trained),
            "heldout": swarm.heldout,
            "repeats": swarm.repeats.mixtures * swarm.repeats.seeds,
        }
        return {shard: fixed.get(shard, swarm.per_shard) for shard in swarm.shards}

    def _work(
        self,
        stage: str,
        part: str,
        runs: int,
        *,
        new: int | None = None,
        scored: float = 0,
        weights: bool = False,
        target: bool = False,
    ) -> StageWork:
        training = self.params.target if target else self.params.proxy
        new = runs if new is None else new
        return StageWork(
            stage=stage,
            part=part,
            runs=runs,
            new=new,
            shape=model(training, self.vocab),
            step=training.recipe.sequences * training.shape.context,
            precision=training.recipe.precision,
            trained=new * training.train_tokens,
            evaluated=new * evaluated(training, list(self.params.corpus.domains), self.text),
            scored=scored,
            weights=weights,
            target=target,
        )

    def _downstream(self) -> StageWork:
        """Our tasks in lm-eval, an upper bound: every item as long as the context. The hub's tasks are not counted."""
        e, target = self.params.evaluation, self.params.target
        items = e.items * (len(e.last_word) + e.choices * len(e.continuation)) * len(e.shots)
        context, models = target.shape.context, len(target.methods) * target.seeds
        return StageWork(
            stage="target_evaluate",
            part="",
            runs=0,
            new=0,
            shape=model(target, self.vocab),
            step=e.batch_size * context,
            precision="fp32",
            trained=0,
            evaluated=0,
            scored=models * items * context,
            weights=False,
            target=True,
            engine=False,
        )
