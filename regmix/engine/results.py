"""The results of many runs as tables, the same for swarm, confirmation and targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regmix.core.errors import InputError
from regmix.core.files import read_rows

if TYPE_CHECKING:  # joining tables needs no engine
    from regmix.engine.run import Result, Run, Setup

TABLES = ("mixtures", "schedules", "losses", "trajectories", "ledger")
Rows = list[dict[str, Any]]


def tables(runs: Sequence[Run], kinds: Sequence[str], results: Sequence[Result]) -> dict[str, Rows]:
    """Rows by table: one per run; in ``trajectories`` one per run and logged step, in ``schedules`` per run and knot.

    ``mixtures`` holds the first mixture of each run, ``schedules`` the realised mixtures (``knot`` is the fraction of
    training at which a mixture starts), ``losses`` the final validation loss per domain in nats per token and, if the
    runs were scored on tasks, bits per byte per task, ``ledger`` the training tokens per domain.
    """
    mixtures, schedules, trajectories = [], [], []
    for run, kind, result in zip(runs, kinds, results, strict=True):
        weights = dict(zip(run.schedule.domains, run.schedule.mixtures[0].tolist(), strict=True))
        mixtures.append({"run": run.name, "kind": kind, "seed": run.seed, **weights})
        for knot, row in zip(result.schedule.knots.tolist(), result.schedule.mixtures.tolist(), strict=True):
            schedules.append({"run": run.name, "knot": knot, **dict(zip(result.schedule.domains, row, strict=True))})
        trajectories += [{"run": run.name, "step": step, **losses} for step, losses in result.trajectory]
    return {
        "mixtures": mixtures,
        "schedules": schedules,
        "losses": [{"run": r.name, **v.losses} for r, v in zip(runs, results, strict=True)],
        "trajectories": trajectories,
        "ledger": [{"run": r.name, **v.ledger} for r, v in zip(runs, results, strict=True)],
    }


def joined(paths: Sequence[Path]) -> list[dict[str, str]]:
    """The rows of tables one after the other. Raises InputError if one has other columns than the first."""
    tables = {path: read_rows(path) for path in paths}
    columns = [list(rows[0]) for rows in tables.values() if rows]
    for path, rows in tables.items():
        if rows and list(rows[0]) != columns[0]:
            raise InputError(f"{path}: its columns differ from those of {paths[0]}; delete it and run `dvc repro`")
    return [row for rows in tables.values() for row in rows]


def describe(setup: Setup, fingerprint: str) -> dict[str, Any]:
    """What the runs of ``setup`` have in common, for meta.json; FLOPs are for training on one token."""
    shape = setup.shape
    return {
        "fingerprint": fingerprint,
        "steps": setup.recipe.steps,
        "train_tokens": setup.recipe.steps * setup.recipe.sequences * shape.context,
        "shape": vars(shape),
        "parameters": {"body": shape.body, "all": shape.parameters},
        "flops_a_token": shape.flops(),
    }
