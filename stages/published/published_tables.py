"""Results from the papers' own tables alone: averages, sign tests, costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.published import costs
from regmix.published.settings import Published
from regmix.statistics import sign_tests
from stages.common.run import run

AVERAGE = "average"
METHODS = {  # tables with one row per task and one column per method
    "regmix_4": "regmix_4_methods",
    "regmix_8": "regmix_8_lighteval",
    "regmix_10": "regmix_10_seven_billion",
    "regmix_11": "regmix_11_larger_proxies",
    "regmix_d_1": "regmix_d_1_methods",
}


def published_tables(settings: Published, *, tables: Path, out: Path) -> None:
    """Compare the methods of every table over its tasks; count FLOPs for Table 9's shapes."""
    scores = {name: _scores(read_csv(tables / f"{file}.csv")) for name, file in METHODS.items()}
    models = read_csv(tables / "regmix_g_models.csv")
    shared = [task for task in scores["regmix_4"].index if task in models]
    scores["regmix_4_shared"] = scores["regmix_4"].loc[shared]
    options: dict[str, Any] = {"resamples": settings.regression.bootstrap, "level": settings.regression.interval,
               "seed": settings.regression.seed}  # fmt: skip
    signs = [sign_tests.compare(table, **options).assign(table=name) for name, table in scores.items()]
    averages = [
        pd.DataFrame({"table": name, "method": table.columns, "tasks": len(table), "average": table.mean(),
                      "best_on": sign_tests.best_on(table)})
        for name, table in scores.items()
    ]  # fmt: skip
    intact = models[models["truncated"] == 0]
    best = intact.loc[intact[shared].mean(axis=1).idxmax()]
    averages.append(pd.DataFrame([["regmix_4_shared", "best_of_64", len(shared), best[shared].mean()]],
                                 columns=["table", "method", "tasks", "average"]))  # fmt: skip
    runs = costs.runs(read_csv(tables / "regmix_9_shapes.csv"))
    with writing(out) as scratch:
        write_csv(scratch / "signs.csv", pd.concat(signs, ignore_index=True))
        write_csv(scratch / "averages.csv", pd.concat(averages, ignore_index=True))
        write_csv(scratch / "costs.csv", runs)
        write_json(scratch / "shares.json", costs.shares(runs))


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    """One row per task and one column per method, without the printed average."""
    if "method" in table:
        order = table["task"].unique(), table["method"].unique()
        table = table.pivot(index="task", columns="method", values="mean").loc[order].reset_index()
    return table[table["task"] != AVERAGE].set_index("task")


if __name__ == "__main__":
    run(published_tables)
