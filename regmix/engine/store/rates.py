"""How fast this machine has trained: rates.json in the run store, by processor, shape and step, for `make plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from regmix.core.files import write_json
from regmix.engine.run import Setup
from regmix.engine.store.keys import processor

FILE = "rates.json"
SHORT = 5.0  # seconds below which starting the processes counts for too much


def record(store: Path, setup: Setup, runs: int, trained: float, processes: int, seconds: float) -> None:
    """Add a call that trained ``runs`` on ``trained`` tokens each in ``seconds``. A scored token counts as a third."""
    logged = sum(map(len, setup.logged.values())) * (setup.validation.logged - 1)
    scored = (sum(map(len, setup.windows.values())) + logged) * setup.shape.context
    tokens = runs * (trained + scored / 3)
    if seconds < SHORT or setup.compute == "cuda":
        return
    row = {"cpu": processor(), "processes": processes, "precision": setup.recipe.precision,
           "step": setup.recipe.sequences * setup.shape.context, "shape": vars(setup.shape)}  # fmt: skip
    rates = {_key(entry): entry for entry in read(store)}
    before = rates.get(_key(row), {"tokens": 0.0, "seconds": 0.0})
    rates[_key(row)] = row | {"tokens": before["tokens"] + tokens, "seconds": before["seconds"] + seconds}
    write_json(store / FILE, list(rates.values()))


def read(store: Path) -> list[dict[str, Any]]:
    """What was recorded; nothing if the file is missing or damaged, as it can be measured again."""
    try:
        rows = json.loads((store / FILE).read_text(encoding="utf-8"))
        return [row for row in rows if {"cpu", "shape", "step", "tokens", "seconds"} <= row.keys()]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def _key(row: dict[str, Any]) -> str:
    return json.dumps([row[name] for name in ("cpu", "processes", "precision", "step", "shape")], sort_keys=True)
