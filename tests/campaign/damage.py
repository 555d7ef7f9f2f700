"""Every file that a stage of a finished pipeline opens, damaged in six ways: what does the stage say?

Stages run in forks of one process, on a copy of the pipeline's folder, so a case takes about a second. A first, sound
run of each stage shows which files it opens, and what its outputs are.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import random
import shlex
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.common.run import run

LIMIT = 120  # seconds for a case
MOST = 30  # cases of a stage, drawn at random where there are more
LOCKS = ("corpus/dvc.lock", "dvc.lock", "target/dvc.lock")


@dataclass(frozen=True)
class Case:
    """``kind`` of outcome: clear (a line names the file), unclear, traceback, late, the same result, another result."""

    stage: str
    file: str
    damage: str
    kind: str
    printed: str


def _other_shape(path: Path) -> None:
    """A table without its last column, JSON without its first key or entry, other files a byte longer."""
    if path.suffix == ".csv":
        path.write_text("".join(line.rpartition(",")[0] + "\n" for line in path.read_text().splitlines()))
    elif path.suffix == ".json":
        value = json.loads(path.read_text())
        rest = dict(list(value.items())[1:]) if isinstance(value, dict) else value[1:] if isinstance(value, list) else 0
        path.write_text(json.dumps(rest))
    else:
        path.write_bytes(path.read_bytes() + b"\0")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "junk": lambda path: path.write_bytes(bytes(range(128, 256)) * 3),
    "another type": lambda path: path.write_text({".csv": "a,b\n1,2\n"}.get(path.suffix, "[1]\n")),
    "another shape": _other_shape,
}


def campaign(root: Path, work: Path, stage: str) -> Iterator[Case]:
    """Damage what ``stage`` of the finished pipeline in ``root`` opens, and run it, writing to ``work``."""
    command = commands(root, work / "out")[stage]
    importlib.import_module(command[2])
    code, printed = _forked(command, root, work, work / "opened")
    if code:
        raise RuntimeError(f"{stage} fails on sound files:\n{printed}")
    sound = digest(work / "out")
    pairs = [(file, damage) for file in _distinct(work / "opened", root) for damage in DAMAGES]
    for file, damage in random.Random(stage).sample(pairs, min(MOST, len(pairs))):
        yield _case(stage, command, root / file, damage, DAMAGES[damage], root, work, sound)


def stages(root: Path) -> list[str]:
    return list(commands(root, root))


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    """The command of each stage, with its outputs below ``out``; of stages over shards or methods, the first."""
    by_stage: dict[str, list[str]] = {}
    for lock in LOCKS:
        for name, entry in yaml.safe_load((root / lock).read_text())["stages"].items():
            written = [Path(output["path"]) for output in entry["outs"]]
            words = [str(out / word) if any(Path(word) in (path, path.parent) for path in written) else word
                     for word in shlex.split(entry["cmd"])]  # fmt: skip
            by_stage.setdefault(name.split("@")[0], words)
    del by_stage["code_digest"]
    return by_stage


def _distinct(opened: Path, root: Path) -> list[Path]:
    """The opened files of the pipeline, one of each name in folders of the same output."""
    files: dict[tuple[str, str], Path] = {}
    for line in dict.fromkeys(opened.read_text().splitlines()):
        path = Path(line)
        if path.parts[0] == "data" and (root / path).is_file():
            files.setdefault((path.parts[1], path.name), path)
    return list(files.values())


def _case(
    stage: str, command: list[str], path: Path, damage: str, spoil: Callable[[Path], object], root: Path, work: Path,
    sound: str,
) -> Case:  # fmt: skip
    content = path.read_bytes()
    spoil(path)
    try:
        code, printed = _forked(command, root, work, None)
    finally:
        path.write_bytes(content)
    name = str(path.relative_to(root))
    return Case(stage, name, damage, _kind(code, printed, name, lambda: digest(work / "out") == sound), printed[-2000:])


def _kind(code: int | None, printed: str, file: str, same: Callable[[], bool]) -> str:
    if code is None:
        return "late"
    if code == 0:
        return "the same result" if same() else "another result"
    if "Traceback" in printed or code != 1:
        return "traceback"
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    return "clear" if any(file in line or str(Path(file).parent) in line for line in errors) else "unclear"


def _forked(command: list[str], root: Path, work: Path, opened: Path | None) -> tuple[int | None, str]:
    """The exit code of a stage's command in a fork of this process, None if it took too long, and what it printed.

    The paths below ``root`` that it opens go to ``opened``.
    """
    shutil.rmtree(work / "out", ignore_errors=True)
    (work / "out").mkdir(parents=True)
    child = os.fork()
    if not child:
        os.setsid()
        os._exit(_stage(command, root, work, opened))
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status), (work / "printed").read_text(errors="replace")
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, (work / "printed").read_text(errors="replace")


def _stage(command: list[str], root: Path, work: Path, opened: Path | None) -> int:
    module, *flags = command[2:]
    with (work / "printed").open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        os.chdir(root)
        sys.argv = [module, *flags]
        if opened is not None:
            _record(opened.open("w", buffering=1), root)
        try:
            run(getattr(importlib.import_module(module), module.rpartition(".")[2]))
        except SystemExit as stop:
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
            return 1 if isinstance(stop.code, str) else int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
            return 2
    return 0


def _record(file: Any, root: Path) -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | Path):
            path = Path(os.path.abspath(arguments[0]))
            if path.is_relative_to(root):
                file.write(f"{path.relative_to(root)}\n")

    sys.addaudithook(hook)


def digest(folder: Path) -> str:
    """Of all files below ``folder``."""
    out = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            out.update(str(path.relative_to(folder)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return out.hexdigest()
