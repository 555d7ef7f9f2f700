"""Token files of the last tokenization, by content: text that has not changed is not encoded again."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from regmix.corpus.sources.archives import sha256

KEY = "[0-9a-f]" * 32  # as encode.content_key makes them


@dataclass(frozen=True)
class Encoded:
    """Token files in ``folder``, each named by its content key and the digest of its bytes.

    They are hard links where the file system has them, and take no room of their own. A damaged file counts as none.
    """

    folder: Path
    used: set[str] = field(default_factory=set)

    def take(self, key: str, target: Path) -> bool:
        """Put the tokens of ``key`` at ``target``; False if there are none."""
        for path in self.folder.glob(f"{key}.*.bin"):
            if path.name == f"{key}.{sha256(path)}.bin":
                _link(path, target)
                self.used.add(path.name)
                return True
        return False

    def keep(self, key: str, source: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{key}.{sha256(source)}.bin"
        (self.folder / name).unlink(missing_ok=True)
        _link(source, self.folder / name)
        self.used.add(name)

    def prune(self) -> None:
        """Remove the files that this run neither used nor added."""
        for path in self.folder.glob(f"{KEY}.*.bin"):
            if path.name not in self.used:
                path.unlink()


def remove_parts(folder: Path) -> None:
    """Remove the parts that ``encode_file`` left in ``folder``, and the folder if nothing else is in it."""
    for path in folder.glob(f"{KEY}.bin"):
        path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
