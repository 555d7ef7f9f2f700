"""Faults between the sections of params.yaml. See regmix.core.faults for what a check is."""

from __future__ import annotations

from collections.abc import Iterator

from regmix.constraints.build import around
from regmix.constraints.settings import Constraints
from regmix.core.faults import Check, raised, repeated, unknown
from regmix.core.settings import Kind
from regmix.corpus.settings import Corpus
from regmix.engine.machine import Machine
from regmix.engine.settings import Training
from regmix.evaluation.heldout_tasks import item_budget
from regmix.evaluation.settings import Evaluation
from regmix.mixture.settings import Mixture
from regmix.objectives import Guarded, Objectives, Tasks, Worst, counted, tasks_of
from regmix.regression.settings import Regression
from regmix.sampling.settings import Swarm
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory

MOST_PROCESSES = 1024


def trained(corpus: Corpus) -> Iterator[str]:
    yield from repeated(corpus.validation_only, "corpus.validation_only")
    yield from unknown(corpus.validation_only, corpus.domains, "corpus.validation_only", "domain")
    if len(corpus.trained) < 2:
        yield "corpus.domains: fewer than two domains are trained on; a mixture needs two"


def objectives_count_domains(corpus: Corpus, objectives: Objectives) -> Iterator[str]:
    for name, entry in objectives.items():
        key, weights = f"objectives.{name}", counted(entry, corpus.trained)
        among = corpus.trained if isinstance(entry, Worst) else corpus.domains
        if not isinstance(entry, Tasks):
            yield from unknown(weights, among, key, "domain")
        if isinstance(entry, Worst) and not isinstance(entry.worst, str):
            yield from repeated(entry.worst, f"{key}.worst")
        if not weights:
            yield f"{key} = {{}}: counts no domain or task; name one"


def objectives_count_tasks(evaluation: Evaluation, objectives: Objectives) -> Iterator[str]:
    for name, entry in objectives.items():
        if isinstance(entry, Tasks):
            yield from unknown(entry.tasks, evaluation.heldout, f"objectives.{name}.tasks", "task of evaluation")


def tasks_fit(evaluation: Evaluation, objectives: Objectives, proxy: Training, target: Target) -> Iterator[str]:
    """Proxies are scored on items that were made to fit a target."""
    longest, context = item_budget(target.shape.context, evaluation.shots), proxy.shape.context
    if tasks_of(objectives) and longest > context:
        yield (
            f"proxy.shape.context = {context}: an objective has tasks, whose items have up to {longest} tokens; raise "
            "it, or evaluation.shots, which makes items shorter"
        )


def trajectories_hold_losses(objectives: Objectives, target: Target, trajectory: Trajectory) -> Iterator[str]:
    aims = {"trajectory.objective": trajectory.objective}
    for name, method in target.methods.items():
        options = method.extras
        if "granularity" in options:  # it learns from trajectories
            aims[f"target.methods.{name}.objective"] = str(options.get("objective"))
    for key, objective in aims.items():
        if isinstance(objectives.get(objective), Tasks):
            yield f"{key} = {objective}: trajectories hold losses and no tasks; name an objective of losses"


def objectives_have_their_anchors(objectives: Objectives, swarm: Swarm) -> Iterator[str]:
    for name, entry in objectives.items():
        if isinstance(entry, Worst | Guarded) and "anchors" not in swarm.shards:
            yield f"objectives.{name}: needs the proxies of the anchors; add them to swarm.shards"


def constraints_name_domains(constraints: Constraints, corpus: Corpus) -> Iterator[str]:
    yield from constraints.of_domains(corpus.trained)


def constraints_can_be_kept(constraints: Constraints, corpus: Corpus) -> Iterator[str]:
    """As far as they are known before the corpus is tokenized."""
    names, counts = corpus.trained, constraints.available_tokens
    if not list(constraints.of_domains(names)) and len(names) > 1:
        shares = {name: counts.get(name, 1) for name in names}
        prior = {name: share / sum(shares.values()) for name, share in shares.items()}
        checkable = constraints if counts else constraints.model_copy(update={"max_kl": None})
        yield from raised(around, checkable, prior, {}, "constraints")


def evaluated(corpus: Corpus, evaluation: Evaluation) -> Iterator[str]:
    for key in ("last_word", "continuation"):
        names = getattr(evaluation, key)
        yield from repeated(names, f"evaluation.{key}")
        yield from unknown(names, corpus.domains, f"evaluation.{key}", "domain")
    for key in ("shots", "tasks"):
        yield from repeated(getattr(evaluation, key), f"evaluation.{key}")


def targets_have_tasks(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.heldout:
        yield "evaluation.last_word = []: targets have no task; name a domain here or in evaluation.continuation"


def ensemble(mixture: Mixture, regressors: dict[str, Kind]) -> Iterator[str]:
    yield from unknown(mixture.ensemble, regressors, "mixture.ensemble", "regressor")


def fronts(mixture: Mixture, objectives: Objectives) -> Iterator[str]:
    for pair in mixture.fronts.pairs:
        yield from repeated(pair, "mixture.fronts.pairs")
        yield from unknown(pair, objectives, "mixture.fronts.pairs", "objective")


def rounds_aim(objectives: Objectives, swarm: Swarm) -> Iterator[str]:
    for name, further in swarm.rounds.items():
        yield from unknown(further.objectives, objectives, f"swarm.rounds.{name}.objectives", "objective")


def rounds_search(mixture: Mixture, swarm: Swarm) -> Iterator[str]:
    most = mixture.refits.candidates
    for name, further in swarm.rounds.items():
        if further.proposals > most:
            yield (
                f"swarm.rounds.{name}.proposals = {further.proposals}: more than mixture.refits.candidates ({most}); "
                "lower it or raise these"
            )


def rounds_have_runs(corpus: Corpus, swarm: Swarm) -> Iterator[str]:
    followed = {f"swarm.rounds.{name}.follows": further.follows for name, further in swarm.rounds.items()}
    for key, place in (followed | {"swarm.learn_from": swarm.learn_from}).items():
        if not swarm.learnt(place, len(corpus.trained)):
            yield f"{key} = {place}: no run to learn from; add random-0 or anchors to swarm.shards"


def folds(corpus: Corpus, regression: Regression, swarm: Swarm) -> Iterator[str]:
    runs = swarm.learnt(swarm.learn_from, len(corpus.trained))
    if regression.folds > runs:
        yield f"regression.folds = {regression.folds}: more than the {runs} runs of {swarm.learn_from}; lower it"


def stepwise(objectives: Objectives, trajectory: Trajectory) -> Iterator[str]:
    yield from unknown(trajectory.objective, objectives, "trajectory.objective", "objective")
    yield from repeated(trajectory.granularities, "trajectory.granularities")


def stepwise_regressors(regressors: dict[str, Kind], trajectory: Trajectory) -> Iterator[str]:
    yield from repeated(trajectory.regressors, "trajectory.regressors")
    yield from unknown(trajectory.regressors, regressors, "trajectory.regressors", "regressor")


def steps_are_logged(proxy: Training, trajectory: Trajectory) -> Iterator[str]:
    most = proxy.validation.logged - 1
    for granularity in trajectory.granularities:
        if granularity > most:
            yield (
                f"trajectory.granularities = {granularity}: more than the {most} intervals between logged steps; "
                f"lower it or raise proxy.validation.logged to {granularity + 1}"
            )


def switches_are_logged(proxy: Training, swarm: Swarm) -> Iterator[str]:
    inner = proxy.validation.logged - 1
    if swarm.switches > inner and any(shard.startswith("switched") for shard in swarm.shards):
        yield (
            f"swarm.switches = {swarm.switches}: the proxies have {inner} logged steps before their last; lower it or "
            "raise proxy.validation.logged"
        )


def methods_aim(objectives: Objectives, target: Target) -> Iterator[str]:
    for name, method in target.methods.items():
        aim = method.extras.get("objective")
        if aim is not None:
            yield from unknown(str(aim), objectives, f"target.methods.{name}.objective", "objective")


def shared_sequences(machine: Machine, target: Target) -> Iterator[str]:
    most = target.recipe.sequences
    if machine.sharded > most:
        yield f"machine.sharded = {machine.sharded}: must not exceed target.recipe.sequences ({most})"


def processes(corpus: Corpus, machine: Machine) -> Iterator[str]:
    """All start at once."""
    for key, count in {"corpus.workers": corpus.workers, "machine.processes": machine.processes}.items():
        if count > MOST_PROCESSES:
            yield f"{key} = {count}: more than {MOST_PROCESSES} processes; lower it to this machine's cores or GPUs"


# Settings that other runs derive theirs from, such as an ablation's, must name what exists. Only those of a whole run
# must give it enough to work on.
NAMES: tuple[Check, ...] = (
    trained, constraints_name_domains, objectives_count_domains, objectives_count_tasks, trajectories_hold_losses,
    objectives_have_their_anchors, evaluated, ensemble, fronts, rounds_aim, stepwise, stepwise_regressors, methods_aim,
    shared_sequences, processes,
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    *NAMES, constraints_can_be_kept, targets_have_tasks, tasks_fit, rounds_search, rounds_have_runs, folds,
    steps_are_logged, switches_are_logged,
)  # fmt: skip
