"""A plan as a folder, and the runs of a method's targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regmix.core import plugins
from regmix.core.files import read_json, write_csv, write_json
from regmix.core.schedule import Schedule
from regmix.core.tables import read_csv
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.target.interface import Plan
from regmix.target.targets import FILE, Targets


def write_plan(folder: Path, plan: Plan) -> None:
    """plan.json, the tables as CSV, and tokens/<domain>.npy if the method has its own tokens."""
    costs = [{"what": s.what, "trained": s.trained, "scored": s.scored, "flops": s.flops()} for s in plan.spent]
    write_json(folder / "plan.json", {"schedule": plan.schedule.to_json(), "facts": plan.facts, "spent": costs})
    for name, table in plan.tables.items():
        write_csv(folder / f"{name}.csv", table)
    if plan.tokens is not None:
        (folder / "tokens").mkdir()
        for name, array in plan.tokens.items():
            np.save(folder / "tokens" / f"{name}.npy", array)


def read_plan(folder: Path) -> Plan:
    """The plan of a folder, without its cost."""
    value, tokens, own = read_json(folder / "plan.json"), folder / "tokens", None
    schedule = Schedule.from_json(value["schedule"])
    if tokens.is_dir():
        own = {name: np.load(tokens / f"{name}.npy", mmap_mode="r") for name in schedule.domains}
    tables = {path.stem: read_csv(path) for path in sorted(folder.glob("*.csv"))}
    return Plan(schedule, own, value["facts"], tables)


def training_of(targets: Targets) -> Training:
    return plugins.checked(Training, targets.training, FILE, "training")


def runs_of(method: str, plan: Plan, targets: Targets) -> list[Run]:
    """A method's runs, one per seed, with its policy if it has one."""
    entry, key = targets.methods[method], f"target.methods.{method}"
    module = plugins.load("methods", entry.kind, f"{key}.kind")
    policy = None
    if hasattr(module, "policy"):
        policy = module.policy(plan, plugins.options(module, entry.extras, key), training_of(targets))
    most = np.array(targets.epochs)
    return [Run(f"seed-{i}", plan.schedule, seed, policy, most) for i, seed in enumerate(targets.seeds)]
