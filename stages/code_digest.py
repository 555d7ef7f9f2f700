"""Record the code and the library versions behind every stage, found through its imports.

A stage depends on its digest, so it runs again if and only if a file or version that it imports changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from regmix.core import plugins, provenance
from regmix.core.files import write_json, writing
from regmix.core.provenance import Code
from regmix.core.sections import Sections
from regmix.core.settings import Kind, Name
from regmix.mixture.settings import Mixture
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory
from stages.pins import check_pins
from stages.run import run

PIPELINES = {
    "root": [*(f"stages/{part}/*.py" for part in ("corpus", "mixture", "regression", "swarm", "target")),
             "reports/report.py"],
    "published": ["stages/published/*.py", "reports/published.py"],
    "ablations": ["stages/ablations/*.py", "reports/ablations.py"],
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
    digests = {name: code.to_json() for name, code in closures(params, pipeline).items()}
    versions = {name: version for digest in digests.values() for name, version in digest["libraries"].items()}
    check_pins(versions)
    with writing(out) as scratch:
        for name, value in digests.items():
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
    found = {}
    for path in sorted(path for pattern in PIPELINES[pipeline] for path in provenance.ROOT.glob(pattern)):
        if f"\ndef {path.stem}(" not in path.read_text(encoding="utf-8"):
            continue
        items = parts(path.stem, params)
        if items is None:
            found[path.stem] = provenance.code([path], _named(path.stem, params))
        else:
            found |= {f"{path.stem}/{item}": provenance.code([path], named) for item, named in items.items()}
    return found


def parts(stage: str, params: Settings) -> dict[str, dict[str, list[str]]] | None:
    """The items of a stage that each load one plug-in, with its package and name; None for other stages.

    Items of ``mixture_score`` are regressors of params.yaml, those of other stages are plug-ins.
    """
    if stage == "mixture_score":
        return {name: {"regressors": _kinds(params, [name])} for name in params.mixture.ensemble}
    packages = {"corpus_extract": "readers", "regression_fit": "regressors", "published_fit": "regressors"}
    if stage not in packages:
        return None
    return {kind: {packages[stage]: [kind]} for kind in plugins.names(packages[stage])}


def _named(stage: str, params: Settings) -> dict[str, list[str]]:
    """The plug-ins of a package that a stage can load, where settings name them; elsewhere it can load any."""
    if stage in {"mixture_simulate", "mixture_choose"}:
        return {"regressors": _kinds(params, params.mixture.ensemble)}
    if stage == "trajectory_fit":
        return {"regressors": _kinds(params, params.trajectory.regressors)}
    if stage in {"target_schedule", "target_train"}:
        methods = params.target.methods.values()
        # Any word among a method's options can name a regressor. Options have no defaults, so all are here.
        words = re.findall(r"\w+", str([method.model_extra for method in methods]))
        return {"methods": sorted({method.kind for method in methods}), "regressors": _kinds(params, words)}
    return {}


def _kinds(params: Settings, names: Iterable[str]) -> list[str]:
    """The files of the regressors ``names``, as far as params.yaml has them."""
    return sorted({params.regressors[name].kind for name in names if name in params.regressors})


if __name__ == "__main__":
    run(code_digest)
