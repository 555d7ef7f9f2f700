"""Record the code and the library versions behind every stage, found through its imports.

A stage depends on its digest, so it runs again if and only if a file or version that it imports changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from regmix.core import plugins, provenance
from regmix.core.errors import InputError
from regmix.core.files import write_json, writing
from regmix.core.provenance import Code
from regmix.core.sections import Sections
from regmix.core.settings import Kind, Name
from regmix.mixture.settings import Mixture
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory
from stages.run import run

# Stages whose items each use one plug-in of a package have one digest per plug-in.
ITEMS = {"corpus_extract": "readers", "regression_fit": "regressors", "target_train": "methods"}
ITEMS["published_fit"] = "regressors"
PINS = Path("constraints.txt")


class Settings(Sections):
    mixture: Mixture
    regressors: dict[Name, Kind]
    target: Target
    trajectory: Trajectory


def code_digest(params: Settings, *, out: Path) -> None:
    """Write OUT/<stage>.json, or OUT/<stage>/<plug-in>.json, and OUT/libraries.json, all library versions.

    Raises InputError if an installed library is not the one that constraints.txt pins.
    """
    digests = {name: code.to_json() for name, code in closures(params).items()}
    versions = {name: version for digest in digests.values() for name, version in digest["libraries"].items()}
    check_pins(versions)
    with writing(out) as scratch:
        for name, value in digests.items():
            write_json(scratch / f"{name}.json", value)
        write_json(scratch / "libraries.json", dict(sorted(versions.items())))


def closures(params: Settings) -> dict[str, Code]:
    """The code behind each digest, by its file name: for the files in stages/<part> and for the reports."""
    found = {}
    for path in sorted([*provenance.ROOT.glob("stages/*/*.py"), *provenance.ROOT.glob("reports/*.py")]):
        stage, named = path.stem, _named(path.stem, params)
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


def check_pins(versions: Mapping[str, str]) -> None:
    """Raises InputError unless constraints.txt pins every one of the installed ``versions`` (by library)."""
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pins = {_plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    for name, installed in versions.items():
        pinned = pins.get(_plain(name))
        if installed != pinned:
            raise InputError(
                f"{PINS}: {name} is pinned to {pinned}, but {installed} is installed; run `make install`, or change "
                "the pin"
            )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    run(code_digest)
