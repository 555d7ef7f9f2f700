"""What the stages on the published runs share: reading the sets that published_runs wrote."""

from __future__ import annotations

from pathlib import Path

from regmix.objectives import Runs, runs
from regmix.published import DOMAINS, SOURCES
from stages.harness import read_csv

TRAIN, *TESTS = SOURCES
SCALES = {split: split.removeprefix("test_") for split in TESTS}


def read_sets(folder: Path) -> dict[str, Runs]:
    """The runs of every set by its name, the training set first."""
    return {
        name: runs(read_csv(folder / name / "mixtures.csv"), read_csv(folder / name / "losses.csv"), DOMAINS)
        for name in SOURCES
    }
