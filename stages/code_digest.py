"""Record the code and the library versions behind every stage, found through its imports.

A stage depends on its digest, so it runs again if and only if a file or version that it imports changes.
"""

from __future__ import annotations

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

# Stages whose items each use one plug-in of a package have one digest per plug-in.
ITEMS = {"corpus_extract": "readers", "regression_fit": "regressors", "target_train": "methods"}
ITEMS["published_fit"] = "regressors"
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
    """Write OUT/<stage>.json, or OUT/<stage>/<plug-in>.json, and OUT/libraries.json, all library versions.

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
    found = {}
    for path in sorted(path for pattern in PIPELINES[pipeline] for path in provenance.ROOT.glob(pattern)):
        stage, named = path.stem, _named(path.stem, params)
        if f"\ndef {stage}(" not in path.read_text(encoding="utf-8"):
            continue
        if stage not in ITEMS:
            found[stage] = provenance.code([path], named)
            continue
        for kind in plugins.names(ITEMS[stage]):
            found[f"{stage}/{kind}"] = provenance.code([path], named | {ITEMS[stage]: [kind]})
    return found


def _named(stage: str, params: Settings) -> dict[str, list[str]]:
    """The plug-ins of a package that a stage can load, where settings name them; elsewhere it can load any."""
    mixture, methods = params.mixture, params.target.methods.values()
    members = [mixture.paper_regressor] if mixture.mode == "paper" else mixture.ensemble
    planned = [str(extra["regressor"]) for method in methods if "regressor" in (extra := method.model_extra or {})]
    names = {
        "mixture_simulate": members,
        "mixture_choose": members,
        "trajectory_fit": params.trajectory.regressors,
        "target_schedule": planned,
        "target_train": planned,
    }
    if stage not in names:
        return {}
    return {"regressors": sorted({params.regressors[name].kind for name in names[stage] if name in params.regressors})}


if __name__ == "__main__":
    run(code_digest)
