"""Join the regressors' scores on the published runs, and compare them pair by pair."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from regmix.core.files import prune, read_json, write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.published import summaries, tournament
from regmix.published.settings import Published
from stages.common.run import run
from stages.published.published_sets import TESTS, TRAIN, as_printed, read_sets


def published_compare(settings: Published, *, fits: Path, runs: Path, tables: Path, out: Path) -> None:
    """Every regressor, an ensemble, and no proxy at all, on every domain's loss.

    On the objective's loss also: early stopping, and mixtures with hardly any of its domain (Table 6).
    """
    prune(fits, settings.regressors, "metrics.json")
    divided = read_sets(runs)
    predictions, curves = (
        {name: read_csv(fits / name / f"{table}.csv") for name in settings.regressors}
        for table in ("predictions", "curve")
    )
    metrics = {name: read_json(fits / name / "metrics.json") for name in settings.regressors}
    with threadpool_limits(limits=1):  # the same bits on any number of cores
        result = tournament.play(TRAIN, TESTS[0], as_printed(divided, tables), divided, predictions, metrics, settings)
    with writing(out) as scratch:
        write_csv(scratch / "scores.csv", result.scores)
        write_csv(scratch / "margins.csv", result.margins)
        write_csv(scratch / "restricted.csv", result.restricted)
        write_csv(scratch / "stops.csv", result.stops)
        write_csv(scratch / "curves.csv", summaries.curves(curves, settings.objective, settings.regression.interval))
        write_csv(scratch / "domain_curves.csv", summaries.domain_curves(curves))
        write_csv(scratch / "power_laws.csv", summaries.power_laws(divided[TRAIN]))
        write_json(scratch / "trees.json", result.trees)


if __name__ == "__main__":
    run(published_compare)
