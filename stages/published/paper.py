"""Fetch the published tables if they are missing, and run published/dvc.yaml.

    python -m stages.published.paper [--remote DIR]

Not a stage: `make paper` runs it. Without the tables it runs what needs only the papers' own, then fails.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

import yaml

from regmix.core.errors import InputError
from regmix.core.tables import read_csv
from regmix.published.tables import SOURCES, join, read_printed

NAME = "published"  # name of the DVC remote in DVC's local configuration
FOLDER = Path("published")  # a DVC project of its own


def paper(remote: Path | None) -> str:
    """Fetch, run, and return the summary to print. Raises InputError."""
    if remote is not None:
        if not (remote / "files").is_dir():
            raise InputError(f"REMOTE={remote}: not a DVC remote: it has no folder `files`; name one that does")
        _dvc("remote", "add", "--quiet", "--local", "--force", NAME, str(remote.resolve()))
    if _missing():
        registered = NAME in _dvc("remote", "list").stdout.split()
        imports = sorted(path.name for path in FOLDER.glob("*.csv.dvc"))
        _dvc("pull", "--quiet", *(["--remote", NAME] if registered else []), *imports)
    if missing := _missing():
        _repro("published_tables")
        raise InputError(
            f"{FOLDER / 'data'}: {len(missing)} published tables are missing ({missing[0]}, ...): get them with "
            "`make paper REMOTE=DIR` from a DVC remote that has them, or with `cd published && dvc update *.dvc` "
            "from their source on the web"
        )
    if changed := _changed():
        _check()
        raise InputError(f"{changed[0]}: not the published file, by its md5; delete it and run again")
    _repro()
    verdicts = read_csv(Path("reports/published/tables/claims.csv"))["verdict"].value_counts()
    return "\n".join(["page: reports/published.html", *(f"{word}: {n} claims" for word, n in verdicts.items())])


def _missing() -> list[str]:
    files = {file for source in SOURCES.values() for file in (source.mixtures, source.losses)}
    return sorted(file for file in files if not (FOLDER / "data" / file).is_file())


def _changed() -> list[Path]:
    """Tables whose md5 is not the one in their .dvc file."""
    outs = [yaml.safe_load(path.read_text(encoding="utf-8"))["outs"][0] for path in sorted(FOLDER.glob("*.csv.dvc"))]
    return [
        FOLDER / out["path"]
        for out in outs
        if hashlib.md5((FOLDER / out["path"]).read_bytes()).hexdigest() != out["md5"]
    ]


def _check() -> None:
    """Raise InputError with row and column if a table cannot be the published one.

    Does not run the stage, for which DVC would first look up a changed import on the web.
    """
    for name, source in SOURCES.items():
        try:
            mixtures, losses = (read_printed(FOLDER / "data" / file) for file in (source.mixtures, source.losses))
            join(mixtures, losses, name)
        except InputError as error:
            raise InputError(f"{FOLDER / 'data'}/{error}: delete it and run again") from None


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )


def _repro(*stages: str) -> None:
    if subprocess.run([sys.executable, "-m", "dvc", "repro", *stages], cwd=FOLDER, check=False).returncode:
        raise InputError("published/dvc.yaml: a stage failed, see above; fix the cause and run again")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.published.paper")
    parser.add_argument("--remote", type=Path)
    try:
        print(paper(parser.parse_args().remote))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
