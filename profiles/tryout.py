"""Run the whole pipeline in a copy of this repository: python -m profiles.tryout PROFILE FOLDER [ablations].

With ``ablations`` the ablations at their smallest run in the place of the pipeline.

The copy has the working tree's files, a git repository and a cache of its own, so that a trial touches neither
params.yaml nor what has been computed. A copy that is there already is brought up to date and goes on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from profiles import switch
from regmix.ablations import settings
from regmix.core.errors import InputError

ROOT = Path(__file__).parent.parent
# `make ablations` takes no more than this of the root's pipeline: its corpus and its tasks.
ABLATIONS = (
    ["python", "-m", "stages.ablations.ablations_check"],
    ["dvc", "repro", "swarm_sample", "target_tasks"],
    ["dvc", "--cd", "ablations", "repro"],
)
PIPELINE = (["dvc", "repro"], ["python", "-m", "reports.headline"])


def copy(profile: str, folder: Path) -> None:
    """Bring ``folder`` to this working tree's files, params.yaml switched to ``profile``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        if name.startswith("metrics/") or name in ("dvc.lock", "ablations/dvc.lock"):
            continue  # they tell of this tree's run, not of the copy's
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    switch.main(profile, folder / "params.yaml", replace=True)
    smallest = yaml.safe_load((ROOT / "ablations/smoke.yaml").read_text())
    path = folder / settings.FILE
    path.write_text(switch.switch(path.read_text(), smallest, "smoke", settings.parse_ablations))
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def main(profile: str, folder: Path, ablations: bool = False) -> int:
    copy(profile, folder)
    for command in (["python", "-m", "stages.params_check"], *(ABLATIONS if ablations else PIPELINE)):
        if code := subprocess.run(command, cwd=folder, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["ablations"]):
        sys.exit("error: give a profile and a folder, as in `python -m profiles.tryout smoke .smoke`")
    try:
        sys.exit(main(sys.argv[1], Path(sys.argv[2]), ablations=len(sys.argv) == 4))
    except InputError as error:
        sys.exit(f"error: {error}")
