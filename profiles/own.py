"""Your own corpora on any scale: own.yaml beside params.yaml, which `make profile` then follows.

It names the domains, the objectives and little else, so switching scale leaves them alone. `regmix init FOLDER` writes
one. All that names a domain or an objective elsewhere in params.yaml is derived: rounds and fronts aim at the
objectives, and each kind of method that a profile has trains one target for each of them, RegMix-D for the first alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from regmix.constraints.settings import Constraints
from regmix.core.files import read_yaml
from regmix.core.plugins import checked
from regmix.core.settings import Name, Plugin, Strict
from regmix.objectives import Objectives, counted

FILE = "own.yaml"
ONCE = ("regmix_d_offline", "regmix_d_online", "objective_only")  # kinds of methods with one target


class Domain(Plugin):
    path: str
    reader: str = "folder"


class Own(Strict):
    """The content of own.yaml."""

    domains: Annotated[dict[Name, Domain], Field(min_length=2)]
    validation_only: list[Name] = Field([])
    objectives: Annotated[Objectives, Field(min_length=1)]
    constraints: Constraints = Constraints()
    last_word: list[Name] | None = None  # domains whose held-out text gives downstream tasks; None: all
    continuation: list[Name] = Field([])

    @classmethod
    def read(cls, path: Path) -> Own | None:
        """Read a file; None if it does not exist. Raises InputError."""
        return checked(cls, read_yaml(path), path.name) if path.exists() else None

    def values(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        """What replaces the values of a ``profile``, both by dotted key of params.yaml."""
        names = list(self.objectives)
        rounds = {key: entry | {"objectives": names} for key, entry in profile["swarm.rounds"].items()}
        section = self.model_dump(exclude_unset=True).get("constraints", {})
        return {
            "corpus.archives": {},
            "corpus.domains": {key: {"reader": entry.reader, **entry.model_dump()}
                               for key, entry in self.domains.items()},
            "corpus.validation_only": self.validation_only,
            "objectives": self.model_dump()["objectives"],
            "swarm.rounds": rounds,
            "mixture.fronts.pairs": [names[:2]] if len(names) > 1 else [],
            "trajectory.objective": names[0],
            "target.methods": dict(self._methods(profile["target.methods"])),
            "evaluation.last_word": list(self.domains) if self.last_word is None else self.last_word,
            "evaluation.continuation": self.continuation,
        } | {f"constraints.{key}": value for key, value in section.items()}  # fmt: skip

    def _methods(self, profile: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The profile's methods, those with an objective once for each of ours that they can aim at."""
        trained = [name for name in self.domains if name not in self.validation_only]
        alone = [name for name, entry in self.objectives.items() if set(counted(entry, trained)) & set(trained)]
        seen = set()
        for name, method in profile.items():
            if "objective" not in method:
                yield name, dict(method)
            elif (kind := method["kind"]) not in seen:
                seen.add(kind)
                aims = alone if kind == "objective_only" else list(self.objectives)
                short = kind.removeprefix("regmix_") if kind == "regmix_one_shot" else kind
                for aim in aims[: 1 if kind in ONCE else None]:
                    yield short if kind in ONCE else f"{short}_{aim}", method | {"objective": aim}
