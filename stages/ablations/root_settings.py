"""Write the sections of the root's params.yaml to one file each, on which the stages of the ablations depend.

Each of fifty stages would otherwise repeat the values that it uses in dvc.lock.
"""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import write_json, writing
from regmix.params import Params
from stages.common.run import run


def root_settings(params: Params, *, out: Path) -> None:
    """Write OUT/<section>.json, and OUT/<section>/<key>.json for every key of a section."""
    with writing(out) as scratch:
        for name, section in params.model_dump().items():
            write_json(scratch / f"{name}.json", section)
            for key, value in section.items():
                write_json(scratch / name / f"{key}.json", value)


if __name__ == "__main__":
    run(root_settings)
