"""Write down the code and the library versions behind every stage, as its imports have them.

A stage depends on its digest and so runs again when, and only when, a file or a version changes that it imports.
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

# Stages whose items pick one plug-in of a package have a digest of their own for each.
ITEMS = {"corpus_extract": "readers", "regression_fit": "regressors", "target_train": "methods"}
ITEMS["published_fit"] = "regressors"
PINS = Path("constraints.txt")


class Settings(Sections):
    mixture: Mixture
    regressors: dict[Name, Kind]
    target: Target
    trajectory: Trajectory


def code_digest(params: Settings, *, out: Path) -> None:
    """Write OUT/<stage>.json, or OUT/<stage>/<plug-in>.json, and OUT/libraries.json, the versions of all.

    Raises InputError if an installed library is not the one that constraints.txt pins.
    """
    found = {name: code.to_json() for name, code in closures(params).items()}
    versions = {name: version for one in found.values() for name, version in one["libraries"].items()}
    check_pins(versions)
    with writing(out) as scratch:
        for name, value in found.items():
            write_json(scratch / f"{name}.json", value)
        write_json(scratch / "libraries.json", dict(sorted(versions.items())))


def closures(params: Settings) -> dict[str, Code]:
    """The code behind each digest, by its name in the folder: of the files in stages/<part> and of the reports."""
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
    """The only plug-ins that a stage loads of a package, where settings name them; of others any may be loaded."""
    mixture, methods = params.mixture, params.target.methods.values()
    members = [mixture.paper_regressor] if mixture.mode == "paper" else mixture.ensemble
    asked = [str(extra["regressor"]) for one in methods if "regressor" in (extra := one.model_extra or {})]
    names = {
        "mixture_simulate": members,
        "mixture_choose": members,
        "trajectory_fit": params.trajectory.regressors,
        "target_schedule": asked,
        "target_train": asked,
    }
    if stage not in names:
        return {}
    return {"regressors": sorted({params.regressors[name].kind for name in names[stage] if name in params.regressors})}


def check_pins(versions: Mapping[str, str]) -> None:
    """Raises InputError if one of the installed ``versions`` by library is not pinned so in constraints.txt."""
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
