"""Record the code and the library versions behind every stage, found through its imports, and its regressors.

A stage depends on its digest, so it runs again if and only if a file or version that it imports changes, or a regressor
that other settings choose for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regmix.core import plugins, provenance
from regmix.core.files import write_json, writing
from regmix.core.provenance import Code
from regmix.core.sections import Sections
from regmix.core.settings import Kind, Name
from regmix.mixture.settings import Mixture
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory
from stages.common.pins import check_pins
from stages.common.run import run

PIPELINES = {
    "root": [*(f"stages/{part}/*.py" for part in ("corpus", "evaluation", "mixture", "regression", "swarm", "target")),
             "reports/report.py"],
    "published": ["stages/published/*.py", "reports/published.py"],
    "ablations": ["stages/ablations/*.py", "reports/ablations.py", "reports/audits.py"],
}  # fmt: skip


class Settings(Sections):
    mixture: Mixture
    regressors: dict[Name, Kind]
    target: Target
    trajectory: Trajectory


def code_digest(params: Settings, *, pipeline: str, out: Path) -> None:
    """Write OUT/<stage>.json, or OUT/<stage>/<item>.json, and OUT/libraries.json, all library versions.

    Raises InputError if an installed library is not the one that constraints.txt pins.
    """
    digests: dict[str, dict[str, Any]] = {name: code.to_json() for name, code in closures(params, pipeline).items()}
    versions = {name: version for digest in digests.values() for name, version in digest["libraries"].items()}
    check_pins(versions)
    with writing(out) as scratch:
        for name, value in digests.items():
            if used := entries(name, params):
                value["regressors"] = {key: entry.model_dump() for key, entry in used.items()}
            write_json(scratch / f"{name}.json", value)
        write_json(scratch / "libraries.json", dict(sorted(versions.items())))


def closures(params: Settings, pipeline: str) -> dict[str, Code]:
    """The code behind each stage of a pipeline, by the name of its digest.

    A stage is a file in one of the pipeline's folders with a function of its name.
    """
    for name, entry in params.regressors.items():
        plugins.check_name("regressors", entry.kind, f"regressors.{name}.kind")
    for name, entry in params.target.methods.items():
        plugins.check_name("methods", entry.kind, f"target.methods.{name}.kind")
    out = {}
    for path in sorted(path for pattern in PIPELINES[pipeline] for path in provenance.ROOT.glob(pattern)):
        if f"\ndef {path.stem}(" not in path.read_text(encoding="utf-8"):
            continue
        items = parts(path.stem, params)
        if items is None:
            out[path.stem] = provenance.code([path], _named(path.stem, params))
        else:
            out |= {f"{path.stem}/{item}": provenance.code([path], named) for item, named in items.items()}
    return out


def parts(stage: str, params: Settings) -> dict[str, dict[str, list[str]]] | None:
    """The items of a stage that each load one plug-in, with its package and name; None for other stages."""
    packages = {"audit": "audits", "corpus_extract": "readers", "published_fit": "regressors",
                "regression_fit": "regressors"}  # fmt: skip
    if stage not in packages:
        return None
    return {kind: {packages[stage]: [kind]} for kind in plugins.names(packages[stage])}


def entries(stage: str, params: Settings) -> dict[str, Kind]:
    """The entries of params.yaml's ``regressors`` that a stage uses, where other settings name them.

    They are in its digest, so that an edit of another regressor leaves the stage alone: DVC depends on a key that
    dvc.yaml names, while params.yaml decides which keys count.
    """
    names: Iterable[str] = ()
    if stage in {"mixture_simulate", "mixture_choose", "mixture_explore", "swarm_round"}:
        names = params.mixture.ensemble
    elif stage == "trajectory_fit":
        names = params.trajectory.regressors
    elif stage in {"target_schedule", "target_train"}:
        # Any word among a method's options can name a regressor. Options have no defaults, so every option is listed.
        names = re.findall(r"\w+", str([method.extras for method in params.target.methods.values()]))
    return {name: params.regressors[name] for name in sorted(set(names)) if name in params.regressors}


def _named(stage: str, params: Settings) -> dict[str, list[str]]:
    """The plug-ins of a package that a stage can load, where settings name them; elsewhere it can load any."""
    out = {}
    if regressors := entries(stage, params):
        out["regressors"] = sorted({entry.kind for entry in regressors.values()})
        out["portable"] = [kind for kind in out["regressors"] if kind in plugins.names("portable")]
    if stage in {"target_schedule", "target_train"}:
        out |= {"regressors": out.get("regressors", []),
                "methods": sorted({method.kind for method in params.target.methods.values()})}  # fmt: skip
    return out


if __name__ == "__main__":
    run(code_digest)
