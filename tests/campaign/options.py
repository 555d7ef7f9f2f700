"""The command `regmix` with hostile files and options: one clear line, or a result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from regmix.cli.main import app
from tests.campaign.inputs import Case, case

GOOD = {"web": 0.5, "code": 0.3, "law": 0.2}
KEPT = {"weights": GOOD, "prior": GOOD}
MIXTURES: dict[str, Any] = {
    "list": [1], "text": "a", "number": 3, "null": None, "empty": {}, "nested": {"web": {"a": 1}},
    "nan": {"web": float("nan"), "code": 1}, "negative": {"web": -1, "code": 2}, "short": {"web": 0.5, "code": 0.1},
    "words": {"web": "a", "code": 0.5}, "truth": {"web": True, "code": False}, "huge": {"web": 1e308, "code": 1e308},
    "listed": {"weights": [1, 2]}, "knots": {"knots": [0], "mixtures": [[1]]}, "break": {"a\nb": 0.5, "code": 0.5},
    "unnamed": {"": 0.5, "code": 0.5}, "prior": {"weights": GOOD, "prior": [1]},
    "bounds": KEPT | {"bounds": {"web": "x"}}, "rules": KEPT | {"constraints": [1]},
    "floors": KEPT | {"constraints": {"floors": {"web": 5}}}, "shell": {"a;touch pwned": 0.5, "b": 0.5},
}  # fmt: skip
BYTES = {
    "junk": bytes(range(128, 256)), "nothing": b"", "deep": b"[" * 200_000, "digits": b'{"web": %s}' % (b"9" * 6000),
}  # fmt: skip
EXPORT = (
    "--tokens 0", "--tokens nan", "--tokens -1", "--tokens 1e400", "--tokens abc", "--available web=1",
    "--available web=x", "--available nofile", "--available list.json", "--to nothing", "--paths {x}",
    "--paths {domain", "--paths {0}", "--constraints list.json", "--constraints nofile", "--constraints junk.json",
    "--constraints deep.json", "--out /proc/x", "--out good.json",
)  # fmt: skip
RECOMMEND = (
    "--objective nothing", "--seed -1", "--domain-columns **", "--metric-columns x*", "--prior web=1",
    "--prior web=-1,code=1,law=1", "--bound web=.1,code=.1,law=.1", "--constraints list.json",
    "--constraints nested.json", "--limit loss=-9", "--tokens 0", "--nothing 1",
)  # fmt: skip
OTHERS = (
    "recommend ratios.csv", "recommend metrics.csv ratios.csv", "recommend nofile metrics.csv",
    "recommend . metrics.csv", "recommend junk.json metrics.csv", "recommend ratios.csv /dev/null", "compare",
    "compare ratios.csv metrics.csv", "init /proc/none", "init nofile", "init good.json", "tournament",
    "tournament ratios.csv metrics.csv", "propose ratios.csv metrics.csv --count 0",
    "propose ratios.csv metrics.csv --count 1e9", "nothing",
)  # fmt: skip


def options(folder: Path) -> Iterator[Case]:
    """Call the command in this process, with its files in ``folder``, the working directory."""
    write(folder)
    for name in (*MIXTURES, *BYTES, "nofile"):
        for form in ("json", "olmo-core", "megatron-args"):
            yield called(f"export {name}.json --to {form} --out out".split())
    for words in EXPORT:
        yield called(f"export good.json --to json --out out {words}".split())
    for words in RECOMMEND:
        yield called(f"recommend ratios.csv metrics.csv {words}".split())
    for words in OTHERS:
        yield called(words.split())


def called(words: Sequence[str]) -> Case:
    """The outcome of `regmix` with these words."""

    def call() -> list[str]:
        result = CliRunner().invoke(app, list(words))
        if isinstance(result.exception, SystemExit):  # typer's own line about an option
            return [line.strip("│ ") for line in result.output.splitlines() if line.startswith("│")]
        if isinstance(result.exception, OSError):  # which main prints
            return [str(result.exception)]
        if result.exception:
            raise result.exception
        return []

    return case("regmix", " ".join(words), call)


def write(folder: Path) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 14)
    ratios = [f"r{i}," + ",".join(map(str, row)) for i, row in enumerate(weights.tolist())]
    metrics = [f"r{i},{3 - row[0] + 0.1 * row[1]}" for i, row in enumerate(weights.tolist())]
    (folder / "ratios.csv").write_text("\n".join(["run,web,code,law", *ratios, ""]))
    (folder / "metrics.csv").write_text("\n".join(["run,loss", *metrics, ""]))
    for name, value in {**MIXTURES, "good": GOOD}.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    for name, content in BYTES.items():
        (folder / f"{name}.json").write_bytes(content)
