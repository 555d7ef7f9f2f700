"""Run the whole pipeline in a copy of this repository: python -m profiles.tryout PROFILE FOLDER [ablations].

With ``ablations``, the smallest ablations run instead of the pipeline.

The copy has the working tree's files and its own git repository and cache, so a trial touches neither params.yaml nor
computed results. An existing copy is updated, and its run resumes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from profiles import switch
from regmix.ablations import settings
from regmix.core.errors import InputError
from regmix.core.files import read_yaml

ROOT = Path(__file__).parent.parent
# As `make ablations`.
ABLATIONS = (
    ["python", "-m", "stages.ablations.ablations_check"],
    ["dvc", "repro", "target/dvc.yaml:target_evaluate"],
    ["dvc", "--cd", "ablations", "repro"],
)
PIPELINE = (["python", "-m", "profiles.repro"], ["python", "-m", "reports.headline"])


def copy(profile: str, folder: Path) -> None:
    """Copy this working tree's files to ``folder``, with params.yaml switched to ``profile``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        if name.startswith("metrics/") or name.endswith("dvc.lock"):
            continue  # they describe this tree's run, not the copy's
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for compiled in (ROOT / "regmix").rglob("*.nb[ci]"):  # numba's cache; it checks the sources' times, as copied
        (folder / compiled.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    switch.main(profile, folder / "params.yaml", replace=True)
    smallest = read_yaml(ROOT / "ablations/smoke.yaml")
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
