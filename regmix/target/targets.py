"""Which targets there are and how all of them train: targets.json, by target_schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from regmix.core.files import read_json, write_json
from regmix.core.settings import Kind

FILE = "targets.json"


@dataclass(frozen=True)
class Targets:
    """The ``methods`` in the order of params.yaml, and what their runs share.

    Every method has the same ``seeds``: initial weights and draws are shared, so differences are paired. ``training``
    is an engine.settings.Training as JSON; ``epochs`` are the largest shares of training of the
    trained domains, by their tokens.
    """

    methods: Mapping[str, Kind]
    seeds: Sequence[int]
    training: Mapping[str, Any]
    epochs: Sequence[float]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From ``folder``/targets.json. Raises InputError if it cannot be read."""
        value = read_json(folder / FILE)
        methods = {name: Kind.model_validate(method) for name, method in value["methods"].items()}
        return cls(methods, value["seeds"], value["training"], value["epochs"])

    def write(self, folder: Path) -> None:
        methods = {name: method.model_dump() for name, method in self.methods.items()}
        write_json(folder / FILE, vars(self) | {"methods": methods})
