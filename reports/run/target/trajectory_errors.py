"""How well the stepwise regressors of RegMix-D predict unseen trajectories."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.page import style
from reports.page.formats import counted, interval, spanned
from reports.page.section import Figure, Table

KINDS = {"one_step": "one step", "rolled_out": "rolled out"}
BASELINE = "mean_drop"


def errors(frame: pd.DataFrame) -> tuple[str, Table, Figure]:
    """``frame`` is trajectory_fit's errors.csv: see regmix.trajectory.next_loss.errors."""
    table = _named(frame)
    last = table[table["step"] == table.groupby("granularity")["step"].transform("max")]
    shown = pd.DataFrame(
        {
            "Switches": last["granularity"].astype(str),
            "Predicted": last["kind"].map(KINDS),
            "By": last["name"],
            **{
                title: [spanned(row, 3, sign) for row in last[[key, f"{key}_low", f"{key}_high"]].to_numpy().tolist()]
                for title, key, sign in (
                    ("Mean absolute error", "mae", False), ("Bias", "bias", True), ("Spearman ρ", "spearman", False)
                )
            },
            "n": last["n"].astype(str),
        }
    )  # fmt: skip
    return (
        _prose(last),
        Table(
            "trajectory_errors",
            "Errors of the stepwise regressors on held-out proxies at the last logged step, nats per token, with "
            "intervals over resamples of the n proxies. *One step* starts from the actual loss at the logged step "
            "before, *rolled out* from the actual loss at the first one, as it has to be for a schedule planned before "
            f"training. `{BASELINE}` adds the training proxies' mean change to the loss it starts from and ignores the "
            "mixture. CSV: all logged steps.",
            shown,
            table,
        ),
        Figure(
            "trajectory_errors",
            "Mean absolute error of the next logged loss, nats per token, by the predicted step, with intervals over "
            "resamples of the held-out proxies.",
            "Lines of error against step for each regressor, one panel per way of predicting.",
            _drawing(table),
        ),
    )


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a ``name``: the regressor's or the baseline's; the baseline appears once."""
    baseline = frame["predictor"] != "model"
    table = frame.assign(name=frame["regressor"].where(~baseline, frame["predictor"]))
    rows = table.drop_duplicates(["granularity", "kind", "name", "step"])
    order = rows.assign(last=rows["name"] == BASELINE)
    return order.sort_values(["granularity", "kind", "last"], kind="stable").drop(columns="last").reset_index(drop=True)


def _prose(last: pd.DataFrame) -> str:
    """For both ways of predicting and each granularity: the most accurate regressor against the baseline."""
    lines = []
    for kind, title in KINDS.items():
        comparisons = []
        for granularity, part in last[last["kind"] == kind].groupby("granularity", sort=False):
            models, base = part[part["name"] != BASELINE], part[part["name"] == BASELINE].iloc[0]
            best = models.loc[models["mae"].idxmin()]
            word = "the intervals overlap"
            if best["mae_high"] < base["mae_low"] or best["mae_low"] > base["mae_high"]:
                word = "better" if best["mae"] < base["mae"] else "worse"
            own, other = (interval(row["mae"], row["mae_low"], row["mae_high"]) for row in (best, base))
            switches = counted(int(granularity), "switch", "switches")
            comparisons.append(f"with {switches} `{best['name']}` {own} against `{BASELINE}` {other}: {word}")
        lines.append(f"*{title}*, {'; '.join(comparisons)}")
    n = int(last["n"].max())
    return (
        f"Stepwise regressors on {counted(n, 'held-out proxy', 'held-out proxies')}, mean absolute error at the last "
        f"logged step, the most accurate one against the baseline that ignores the mixture: {'. '.join(lines)}. "
        "Held-out proxies keep one mixture, so this says nothing about losses after a switch."
    )


def _drawing(table: pd.DataFrame) -> style.Figure:
    sizes, names = list(table["granularity"].unique()), list(table["name"].unique())
    figure, axes = style.panels(len(sizes), len(KINDS), 0.5 + 2.3 * len(sizes), sharey="row")
    models = [name for name in names if name != BASELINE]
    colour, marker = {**style.colours(models), BASELINE: style.MUTED}, style.markers(names)
    for row, size in zip(axes, sizes, strict=True):
        for plot, (kind, title) in zip(row, KINDS.items(), strict=True):
            part = table[(table["granularity"] == size) & (table["kind"] == kind)]
            gap = 0.012 * float(np.ptp(part["step"]) or 1)
            for place, (name, rows) in enumerate(part.groupby("name", sort=False)):
                edges = np.abs(rows[["mae_low", "mae_high"]].to_numpy() - rows[["mae"]].to_numpy()).T
                plot.errorbar(
                    rows["step"] + gap * (place - (len(names) - 1) / 2), rows["mae"], edges, color=colour[str(name)],
                    marker=marker[str(name)], markersize=4.5, elinewidth=1.0, label=name,
                    linestyle="--" if name == BASELINE else "-",
                )  # fmt: skip
            plot.set_title(f"{title}, {size} switches" if len(sizes) > 1 else title)
            plot.set_xlabel("proxy step predicted")
        row[0].set_ylim(bottom=0)  # after both are drawn, because they share the axis
        row[0].set_ylabel("error, nats per token")
    style.legend_above(figure)
    return figure
