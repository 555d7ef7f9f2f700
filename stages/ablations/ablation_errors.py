"""Test the regressors of one variant on runs that they have not seen."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.ablations import unseen_runs
from regmix.ablations.settings import Ablations, variant_params
from regmix.core.files import write_csv, writing
from regmix.core.runs import runs
from regmix.core.tables import read_csv
from regmix.engine import results
from regmix.objectives import resolve
from regmix.params import Params
from stages.common.run import note, run


def ablation_errors(params: Params, settings: Ablations, *, name: str, variant: Path, out: Path) -> None:
    """Write steps.csv, errors of the stepwise regressors, and final.csv, predictions of final losses, to OUT."""
    own, entry = variant_params(params, settings, name), settings.variants[name]
    domains, judged = own.corpus.trained, own.regression
    folders = {part: variant / "parts" / part / "swarm" for part in entry.proxies} | {"": variant / "swarm"}
    tables = {part: {t: read_csv(path / f"{t}.csv") for t in results.TABLES} for part, path in folders.items()}
    swarm = runs(tables[""]["mixtures"], tables[""]["losses"], domains)
    objective = resolve(own.objectives, swarm)[entry.objective]
    steps, final = [], []
    for fits in entry.fits:
        for part, regressor, label, granularity in itertools.product(
            fits.proxies, fits.regressor, fits.label, fits.granularity
        ):
            bound = (regressor, own.regressors[regressor])
            errors = unseen_runs.step_errors(
                tables[part], tables[""], domains, objective, bound, label, granularity, judged, own.trajectory.seed
            )
            setting = {"proxies": part, "regressor": regressor, "label": label, "granularity": granularity}
            steps.append(errors.assign(**setting))
    with threadpool_limits(limits=1), writing(out) as scratch:
        for part in entry.proxies:
            predicted = unseen_runs.final_losses(
                tables[part], tables[""], domains, objective, own.regressors, own.regression.seed
            )
            final.append(predicted.assign(proxies=part))
            for regressor in set(own.regressors) - set(predicted["regressor"]):
                note(f"variant {name}: {regressor} needs more proxies than part {part} has; left out")
        write_csv(
            scratch / "steps.csv", pd.concat(steps, ignore_index=True) if steps else pd.DataFrame({"proxies": []})
        )
        write_csv(scratch / "final.csv", pd.concat(final, ignore_index=True))


if __name__ == "__main__":
    run(ablation_errors)
