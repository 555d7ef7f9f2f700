"""The published runs in the format of the swarm's tables, one folder per set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix.core.files import write_csv, write_json, writing
from regmix.published.settings import Published
from regmix.published.tables import MISS, SOURCES, join, read_printed
from stages.common.run import run


def published_runs(settings: Published, *, tables: Path, out: Path) -> None:
    """Join the published tables in TABLES, and write mixtures.csv, losses.csv and meta.json of each set to OUT."""
    with writing(out) as scratch:
        for name, source in SOURCES.items():
            runs, missed = join(read_printed(tables / source.mixtures), read_printed(tables / source.losses), name)
            labels = pd.DataFrame({"run": runs.names, "kind": runs.kinds})
            labels["seed"] = ""  # not published
            weights = pd.DataFrame(runs.mixtures, columns=list(runs.domains))
            write_csv(scratch / name / "mixtures.csv", pd.concat([labels, weights], axis=1))
            write_csv(scratch / name / "losses.csv", pd.concat([labels["run"], runs.losses], axis=1))
            sums = {"off_by_over": MISS, "runs": missed}
            write_json(
                scratch / name / "meta.json",
                {"files": [source.mixtures, source.losses], "runs": source.rows, "sums": sums},
            )


if __name__ == "__main__":
    run(published_runs)
