"""Tables with a row a method and a column a measure: means over seeds, and paired differences to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regmix.evaluation import summary
from regmix.evaluation.summary import AVERAGE, BASELINE, LM_EVAL, LOSS
from reports.page.formats import apart_from_zero, bold, plus_minus, spanned
from reports.page.section import Table


def means(
    found: pd.DataFrame, methods: Sequence[str], measures: Sequence[str], with_best: bool = False
) -> pd.DataFrame:
    """A row a method and a column a measure; ``with_best`` adds on how many tasks a method is best."""
    shown = {"Method": list(methods)}
    for measure in measures:
        cells = found[found["measure"] == measure].set_index("method").loc[list(methods)]
        group = cells["group"].iloc[0]
        digits = 3 if group == LOSS else 1
        best = cells["mean"].min() if group == LOSS else cells["mean"].max()
        tied = cells["mean"].nunique() == 1
        shown[label(measure, group)] = [
            bold(plus_minus(mean, sd, digits), bool(mean == best and not tied))
            for mean, sd in cells[["mean", "sd"]].to_numpy().tolist()
        ]
    if with_best:
        scored = found[(found["group"] == LM_EVAL) & (found["measure"] != AVERAGE)]
        scored = scored[scored.groupby("measure")["mean"].transform("nunique") > 1]  # where all tie, none is best
        top = scored["mean"] == scored.groupby("measure")["mean"].transform("max")
        best_on, total = scored[top]["method"].value_counts(), scored["measure"].nunique()
        shown["tasks best on (ties count)"] = [f"{best_on.get(method, 0)} / {total}" for method in methods]
    return pd.DataFrame(shown)


def differences(
    paired: pd.DataFrame, methods: Sequence[str], measures: Sequence[str], digits: int | None = None
) -> pd.DataFrame:
    """A row a method and a column a measure; ``digits`` are those of the measure's group if none are given."""
    shown = {"Method": list(methods)}
    for measure in measures:
        cells = paired[paired["measure"] == measure].set_index("method").loc[list(methods)]
        group = cells["group"].iloc[0]
        places = digits or (3 if group == LOSS else 1)
        shown[label(measure, group)] = [
            bold(spanned(row, places, sign=True), apart_from_zero(*row[1:]))
            for row in cells[["mean", "low", "high"]].to_numpy().tolist()
        ]
    return pd.DataFrame(shown)


def perplexities(lm_eval: pd.DataFrame, level: float) -> Table | None:
    """What tasks that report a perplexity say of it, in nats: its logarithm, the mean over shots.

    Of last words this moves where the share that is guessed right stays at zero. None without such tasks.
    """
    rows = lm_eval[lm_eval["metric"] == "perplexity"]
    if rows.empty:
        return None
    logs = rows.assign(value=np.log(rows["value"]), measure=rows["task"], group=LM_EVAL)
    keys = ["method", "seed", "group", "measure"]
    table = logs.groupby(keys, sort=False, as_index=False)["value"].mean()
    found, paired = summary.summarise(table, level), summary.differences(table, BASELINE, level)
    names = list(found["measure"].unique())
    base = found[found["method"] == BASELINE].set_index("measure")
    first = {label(m, LM_EVAL): plus_minus(base.loc[m, "mean"], base.loc[m, "sd"], 2) for m in names}
    shown = pd.DataFrame([{"Method": BASELINE, **first}])
    if len(paired):
        shown = pd.concat([shown, differences(paired, list(paired["method"].unique()), names, digits=2)])
    return Table(
        "target_perplexity",
        f"Nats that a task's answer costs, the logarithm of lm-eval's perplexity: for `{BASELINE}` the mean, for the "
        "others the paired difference to it; negative is better, in bold where the interval leaves out zero.",
        shown,
        pd.concat([found.assign(less=""), paired.assign(less=BASELINE)], ignore_index=True),
    )


def label(measure: str, group: str) -> str:
    if group == LOSS:
        return f"{measure.removesuffix('_loss')} loss"
    return "average of tasks" if measure == AVERAGE else measure.removeprefix("heldout_").replace("_", " ")
