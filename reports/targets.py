"""The target models: methods against each other on losses and downstream tasks (the paper's Table 4, Figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix import summary, tasks
from regmix.objectives import objective_losses
from regmix.summary import AVERAGE, LM_EVAL, LOSS
from reports import style
from reports.formats import apart_from_zero, bold, compared, counted, fixed, interval, listed, plus_minus, spanned
from reports.section import Figure, Section, Table

BASELINE = "natural"


def targets(
    losses: pd.DataFrame,
    lm_eval: pd.DataFrame,
    measures: pd.DataFrame,
    trajectories: Mapping[str, pd.DataFrame],
    objectives: Mapping[str, Mapping[str, float]],
    level: float,
    choices: int,
) -> Section:
    """``losses`` (method, seed, domains) and ``lm_eval`` are target_evaluate's; regmix.summary makes ``measures``.

    ``trajectories`` are by method; ``choices`` is how many continuations an item of the continuation tasks has.
    """
    means, paired = summary.summarise(measures, level), summary.differences(measures, BASELINE, level)
    methods = list(dict.fromkeys(means["method"]))
    seeds = int(means["n"].max())
    domains = [column for column in losses if column not in ("method", "seed")]
    by_domain = losses.groupby("method", sort=False)[domains].mean().reset_index()
    shots = sorted(lm_eval["shots"].unique())
    told_shots = f"{'averaged over' if len(shots) > 1 else 'with'} {listed(map(str, shots))} shots"
    spread = f", mean ± sd over n = {seeds} seeds" if seeds > 1 else " of one run a method"
    parts: list[str | Table | Figure] = [
        _prose(paired, objectives, methods, seeds, level),
        Table(
            "targets",
            "Final validation losses (nats a token, lower is better) and task scores (percent, higher is better)"
            f"{spread}; best mean in bold (the paper's Table 4, which has one run a method). Tasks have up to "
            f"{int(lm_eval['items'].max())} items, {told_shots}."
            f" A task's score is the first of {listed(summary.ACCURACIES)} that it reports.{_chance(means, choices)}",
            _means(means, methods),
            means,
        ),
    ]
    if len(paired):
        parts.append(
            Table(
                "targets_paired",
                f"Paired differences to `{BASELINE}`, n = {seeds}, with {level:.0%} intervals where there is more than "
                "one seed; in bold where the interval leaves out zero. Negative is better for losses, positive for "
                "tasks.",
                _differences(paired, [m for m in methods if m != BASELINE]),
                paired,
            )
        )
    if surprise := perplexities(lm_eval, level):
        parts.append(surprise)
    parts.append(
        Figure(
            "target_curves",
            "Validation loss during training, mean and range over seeds (the paper's Figure 6). Logged losses may use "
            "fewer validation tokens than the final ones of the table.",
            "Lines of loss against step for each method, a panel an objective.",
            _curves(trajectories, objectives),
        )
    )
    if len(paired):
        parts.append(
            Figure(
                "target_domains",
                f"Mean loss of each method on each domain, less that of `{BASELINE}`, in nats a token; blue is better. "
                "What one domain gains, others may pay.",
                "Heat map of loss differences, methods by domains.",
                _domains(by_domain, methods, domains),
            )
        )
    parts.append(
        Table(
            "target_domains",
            "Mean final validation loss by domain, nats a token.",
            pd.DataFrame({"Method": by_domain["method"], **{d: by_domain[d].map(fixed) for d in domains}}),
            by_domain,
        )
    )
    return Section("Targets", tuple(parts))


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
    means, paired = summary.summarise(table, level), summary.differences(table, BASELINE, level)
    shown = []
    for measure, part in means.groupby("measure", sort=False):
        base = part[part["method"] == BASELINE].iloc[0]
        cells = {BASELINE: plus_minus(base["mean"], base["sd"], 2)}
        for row in paired[paired["measure"] == measure].itertuples(index=False):
            text = interval(row.mean, row.low, row.high, 2, sign=True)
            cells[str(row.method)] = bold(text, apart_from_zero(row.low, row.high))
        shown.append({"Task": _label(str(measure), LM_EVAL), **cells})
    return Table(
        "target_perplexity",
        f"Nats that a task's answer costs, the logarithm of lm-eval's perplexity: for `{BASELINE}` the mean, for the "
        "others the paired difference to it; negative is better, in bold where the interval leaves out zero.",
        pd.DataFrame(shown),
        pd.concat([means.assign(less=""), paired.assign(less=BASELINE)], ignore_index=True),
    )


def difference(paired: pd.DataFrame, method: str, measure: str) -> summary.Spread | None:
    """The paired difference of a method from the baseline on a measure, if there is one."""
    row = paired[(paired["method"] == method) & (paired["measure"] == measure)]
    if row.empty:
        return None
    mean, sd, n, low, high = row[["mean", "sd", "n", "low", "high"]].iloc[0]
    return summary.Spread(float(mean), float(sd), int(n), float(low), float(high))


def _prose(
    paired: pd.DataFrame,
    objectives: Mapping[str, Mapping[str, float]],
    methods: Sequence[str],
    seeds: int,
    level: float,
) -> str:
    text = f"Every method trains {counted(seeds, 'target')}. "
    if paired.empty:
        return f"{text}Only {listed(f'`{m}`' for m in methods)} was trained, so nothing is compared."
    text += (
        "Runs of one seed share their initial weights and draws, so methods are compared by paired differences to "
        f"`{BASELINE}`"
    )
    if seeds < 2:
        text += "; one seed gives no interval, so nothing can be told from chance."
    else:
        clear = sum(apart_from_zero(low, high) for low, high in paired[["low", "high"]].to_numpy().tolist())
        text += (
            f"; intervals are Student's t over seeds ({level:.0%}). Of {counted(len(paired), 'difference')}, {clear} "
            f"{'leaves' if clear == 1 else 'leave'} out zero. The intervals are not corrected for their number: if no "
            f"method differed at all, about {fixed((1 - level) * len(paired), 0)} would be expected to."
        )
    lines = [f"- **{o} loss**: {_groups(paired, f'{o}_loss', 'worse', 'better', 3)}" for o in objectives]
    lines.append(f"- **Average task score**: {_groups(paired, AVERAGE, 'better', 'worse', 1)}")
    return f"{text}\n\n" + "\n".join(lines)


def _groups(paired: pd.DataFrame, measure: str, positive: str, negative: str, digits: int) -> str:
    """``better: `a` (−0.120); not distinguishable: `b` (+0.004).`` of the methods against the baseline."""
    part = paired[paired["measure"] == measure].sort_values("mean", ascending=positive == "worse", kind="stable")
    words = [compared(low, high, positive, negative) for low, high in part[["low", "high"]].to_numpy().tolist()]
    groups = []
    for word in dict.fromkeys(words):
        of = part[[w == word for w in words]]
        names = (f"`{row.method}` ({fixed(row.mean, digits, sign=True)})" for row in of.itertuples(index=False))
        groups.append(f"{word}: {listed(names)}")
    return f"against `{BASELINE}`, {'; '.join(groups)}." if groups else "not measured."


def _chance(means: pd.DataFrame, choices: int) -> str:
    """What guessing would score on the kinds of our own tasks that were run."""
    found = "".join(means.loc[means["group"] == LM_EVAL, "measure"].unique())
    kinds = {
        tasks.CONTINUATION: f"{100 / choices:.0f} on continuation",
        tasks.LAST_WORD: "about 0 on last word",
    }
    told = [text for kind, text in kinds.items() if tasks.task_name(kind, "") in found]
    return f" Guessing scores {listed(told)}." if told else ""


def _label(measure: str, group: str) -> str:
    if group == LOSS:
        return f"{measure.removesuffix('_loss')} loss"
    return "**average of tasks**" if measure == AVERAGE else measure.removeprefix("heldout_").replace("_", " ")


def _means(means: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    rows = []
    for (group, measure), part in means.groupby(["group", "measure"], sort=False):
        cells = part.set_index("method").loc[list(methods)]
        digits = 3 if group == LOSS else 1
        best = cells["mean"].min() if group == LOSS else cells["mean"].max()
        tied = cells["mean"].nunique() == 1
        texts = {}
        for method, mean, sd in zip(methods, cells["mean"], cells["sd"], strict=True):
            spread = f" ± {fixed(sd, digits)}" if np.isfinite(sd) else ""
            texts[method] = bold(f"{fixed(mean, digits)}{spread}", bool(mean == best and not tied))
        rows.append({"Measure": _label(measure, group), **texts})
    scored = means[(means["group"] == LM_EVAL) & (means["measure"] != AVERAGE)]
    scored = scored[scored.groupby("measure")["mean"].transform("nunique") > 1]  # where all tie, none is best
    best_on = scored[scored["mean"] == scored.groupby("measure")["mean"].transform("max")]["method"].value_counts()
    total = scored["measure"].nunique()
    rows.append({"Measure": "tasks best on (ties count)", **{m: f"{best_on.get(m, 0)} / {total}" for m in methods}})
    return pd.DataFrame(rows)


def _differences(paired: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    rows = []
    for (group, measure), part in paired.groupby(["group", "measure"], sort=False):
        cells = part.set_index("method")
        digits = 3 if group == LOSS else 1
        texts = {
            method: bold(spanned([mean, low, high], digits, sign=True), apart_from_zero(low, high))
            for method, (mean, low, high) in zip(
                methods, cells.loc[list(methods), ["mean", "low", "high"]].to_numpy().tolist(), strict=True
            )
        }
        rows.append({"Measure": _label(measure, group), **texts})
    return pd.DataFrame(rows)


def _curves(trajectories: Mapping[str, pd.DataFrame], objectives: Mapping[str, Mapping[str, float]]) -> style.Figure:
    figure, axes = style.panels(1, len(objectives), 3.3)
    colour, marker = style.colours(list(trajectories)), style.markers(list(trajectories))
    for plot, (objective, weights) in zip(axes[0], objectives.items(), strict=True):
        for method, frame in trajectories.items():
            at = frame[["step"]].assign(loss=objective_losses(frame, weights))
            line = at.groupby("step")["loss"].agg(["mean", "min", "max"])
            plot.fill_between(line.index, line["min"], line["max"], color=colour[method], alpha=0.12, linewidth=0)
            plot.plot(line.index, line["mean"], color=colour[method], marker=marker[method], markersize=4, label=method)
        plot.set_title(objective)
        plot.set_xlabel("step")
    axes[0, 0].set_ylabel("validation loss, nats a token")
    style.legend_above(figure)
    return figure


def _domains(by_domain: pd.DataFrame, methods: Sequence[str], domains: Sequence[str]) -> style.Figure:
    values = by_domain.set_index("method").loc[list(methods), list(domains)]
    rest = [m for m in methods if m != BASELINE]
    apart = (values.loc[rest] - values.loc[BASELINE]).to_numpy()
    limit = float(np.abs(apart).max()) or 1.0
    figure, axes = style.panels(1, 1, 0.4 * len(rest) + 1.3)
    texts = [[fixed(value, 2, sign=True) for value in row] for row in apart]
    style.heat(axes[0, 0], apart, rest, list(domains), cmap="RdBu_r", span=(-limit, limit), texts=texts)
    return figure
