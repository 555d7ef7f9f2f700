"""The target models: methods against each other on losses and downstream tasks (the paper's Table 4, Figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import BITS, NATS, Objective
from regmix.evaluation import summary
from regmix.evaluation.decision import MATTERS
from regmix.evaluation.summary import ANSWERS, AVERAGE, AVERAGE_BITS, BASELINE, LM_EVAL, LOSS
from regmix.statistics import holm
from regmix.statistics.verdicts import SAME, UNDECIDED, apart_from_zero, compared
from reports.page.formats import BEST, bold, counted, fixed, listed, marked, plus_minus, spanned, units
from reports.page.section import Figure, Section, Table
from reports.run.target.figures import by_domain_map, loss_curves

SMALL = "too small to matter"
GUESS = "°"  # marks a score that guessing could reach
NEAREST = 3  # domains of a guarded objective in the table


def targets(
    losses: pd.DataFrame,
    lm_eval: pd.DataFrame,
    means: pd.DataFrame,
    paired: pd.DataFrame,
    trajectories: Mapping[str, pd.DataFrame],
    objectives: Mapping[str, Objective],
    level: float,
    chances: Mapping[str, float],
    guarded: pd.DataFrame,
) -> Section:
    """``losses`` (method, seed, domains) and ``lm_eval`` are target_evaluate's.

    ``means`` and ``paired`` are target_compare's means.csv and differences.csv, the latter against the baseline.
    ``trajectories`` are keyed by method; ``chances`` are the percentages that a guess scores, by task, where known;
    ``guarded`` is target_compare's guardrails.csv.
    """
    answers = _answers(means[means["group"] == ANSWERS], paired[paired["group"] == ANSWERS], level)
    means, paired = (
        frame[(frame["group"] != ANSWERS) & (frame["measure"] != f"{summary.TRAINED}_loss")].reset_index(drop=True)
        for frame in (means, paired)
    )
    methods = list(dict.fromkeys(means["method"]))
    seeds = int(means["n"].max())
    rest = [method for method in methods if method != BASELINE]
    domains = [column for column in losses if column not in ("method", "seed")]
    scored = [measure for measure in means.loc[means["group"] == LM_EVAL, "measure"].unique() if measure != AVERAGE]
    own = [measure for measure in means["measure"].unique() if measure not in scored]
    by_domain = losses.groupby("method", sort=False)[domains].mean().reset_index()
    shots = sorted(lm_eval["shots"].unique())
    shots_text = f"{'averaged over' if len(shots) > 1 else 'with'} {listed(map(str, shots))} shots"
    spread = f", mean ± sd over n = {seeds} seeds" if seeds > 1 else " of one run per method"
    corrected = f"in bold where zero is excluded after Holm's correction for the {len(rest)} methods of a column"
    parts: list[str | Table | Figure] = [
        _prose(paired, objectives, methods, seeds, level),
        Table(
            "targets",
            f"Final validation losses ({units(objectives)}, lower is better) and the average of the tasks' scores "
            f"(percent, higher is better){spread}; {BEST} marks the best mean (the paper's Table 4, which has one run "
            "per method).",
            _means(means, methods, own, with_best=True),
            means,
        ),
    ]
    if len(paired):
        parts.append(
            Table(
                "targets_paired",
                f"Paired differences from `{BASELINE}`, n = {seeds}, with {level:.0%} intervals where there is more "
                f"than one seed; {corrected}. Negative is better for losses, positive for tasks.",
                _differences(paired, rest, own, level),
                paired,
            )
        )
    if len(guarded):
        parts.append(_guardrails(guarded, level))
    parts.append(
        Table(
            "target_tasks",
            f"Task scores in percent{spread}; {BEST} marks the best mean, in brackets is what a guess scores. A cell "
            f"with {GUESS} does not lie above that by its {level:.0%} interval over seeds. Tasks have up to "
            f"{int(lm_eval['items'].max())} items, {shots_text}. A task's score is the first of "
            f"{listed(summary.ACCURACIES)} that it reports.",
            _means(means, methods, scored, chances=chances),
            means[means["measure"].isin(scored)],
        )
    )
    if len(paired):
        parts.append(
            Table(
                "target_tasks_paired",
                f"Paired differences of task scores from `{BASELINE}` in points; {corrected}.",
                _differences(paired, rest, scored, level),
                paired[paired["measure"].isin(scored)],
            )
        )
    if answers:
        parts.append(answers)
    parts.append(
        Figure(
            "target_curves",
            "Validation loss during training, mean and range over seeds (the paper's Figure 6), and below it the "
            f"paired difference from `{BASELINE}`. Logged losses may use fewer validation tokens than the final losses "
            "in the table.",
            "Lines of loss, and of its difference from the baseline's, against step for each method, one panel per "
            "objective.",
            loss_curves(trajectories, {name: aim for name, aim in objectives.items() if aim.unit == NATS}),
        )
    )
    if len(paired):
        parts.append(
            Figure(
                "target_domains",
                f"Mean loss of each method on each domain, minus that of `{BASELINE}`, in nats per token; blue is "
                "better. A gain on one domain can cost others.",
                "Heat map of loss differences, methods by domains.",
                by_domain_map(by_domain, methods, domains),
            )
        )
    parts.append(
        Table(
            "target_domains",
            "Mean final validation loss by domain, nats per token.",
            pd.DataFrame({"Method": by_domain["method"], **{d: by_domain[d].map(fixed) for d in domains}}),
            by_domain,
        )
    )
    return Section("Targets", tuple(parts))


def _prose(
    paired: pd.DataFrame,
    objectives: Mapping[str, Objective],
    methods: Sequence[str],
    seeds: int,
    level: float,
) -> str:
    text = f"Every method trains {counted(seeds, 'target')}. "
    if paired.empty:
        return f"{text}Only {listed(f'`{m}`' for m in methods)} was trained, so nothing is compared."
    text += (
        "Runs with the same seed share their initial weights and draws, so methods are compared by paired differences "
        f"from `{BASELINE}`"
    )
    if seeds < 2:
        text += "; one seed gives no interval, so no difference can be distinguished from chance."
    else:
        kept = sum(sum(clear_of_zero(part, level)) for _, part in paired.groupby("measure", sort=False))
        clear = sum(apart_from_zero(low, high) for low, high in paired[["low", "high"]].to_numpy().tolist())
        text += (
            f"; intervals are Student's t over seeds ({level:.0%}). Of {counted(len(paired), 'difference')}, {clear} "
            f"{'excludes' if clear == 1 else 'exclude'} zero, where about {fixed((1 - level) * len(paired), 0)} would "
            f"if no method differed at all; with Holm's correction for the methods of each measure, {kept} still do."
        )
    lines = [
        f"- **{o} loss**: {_groups(paired, f'{o}_loss', 'worse', 'better', 3, MATTERS[aim.unit])}"
        for o, aim in objectives.items()
    ]
    lines.append(f"- **Average task score**: {_groups(paired, AVERAGE, 'better', 'worse', 1)}")
    return f"{text}\n\n" + "\n".join(lines)


def _groups(paired: pd.DataFrame, measure: str, positive: str, negative: str, digits: int, least: float = 0.0) -> str:
    """``better: `a` (−0.120); not distinguishable: `b` (+0.004).`` of the methods against the baseline.

    A difference of losses below ``least`` gets a word of its own, since it does not matter.
    """
    part = paired[paired["measure"] == measure].sort_values("mean", ascending=positive == "worse", kind="stable")
    words = [
        SMALL if abs(mean) < least and apart_from_zero(low, high) else compared(low, high, positive, negative)
        for mean, low, high in part[["mean", "low", "high"]].to_numpy().tolist()
    ]
    groups = []
    for word in dict.fromkeys(words):
        rows = part[[w == word for w in words]]
        names = (f"`{row.method}` ({fixed(row.mean, digits, sign=True)})" for row in rows.itertuples(index=False))
        groups.append(f"{word}: {listed(names)}")
    return f"against `{BASELINE}`, {'; '.join(groups)}." if groups else "not measured."


def _means(
    means: pd.DataFrame, methods: Sequence[str], measures: Sequence[str], with_best: bool = False,
    chances: Mapping[str, float] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """One row per method and one column per measure; ``with_best`` adds the number of tasks it is best on. Scores whose
    interval does not lie above their ``chances`` are marked."""
    shown = {"Method": list(methods)}
    for measure in measures:
        cells = means[means["measure"] == measure].set_index("method").loc[list(methods)]
        group = cells["group"].iloc[0]
        digits = 1 if group == LM_EVAL else 3
        best = cells["mean"].min() if group == LOSS else cells["mean"].max()
        tied = cells["mean"].nunique() == 1
        chance = (chances or {}).get(measure)
        title = _label(measure, group) + ("" if chance is None else f" ({fixed(chance, 0)})")
        shown[title] = [
            marked(
                plus_minus(mean, sd, digits) + (GUESS if chance is not None and low <= chance else ""),
                BEST,
                bool(mean == best and not tied),
            )
            for mean, sd, low in cells[["mean", "sd", "low"]].to_numpy().tolist()
        ]
    if with_best:
        scored = means[(means["group"] == LM_EVAL) & (means["measure"] != AVERAGE)]
        scored = scored[scored.groupby("measure")["mean"].transform("nunique") > 1]  # where all tie, none is best
        top = scored["mean"] == scored.groupby("measure")["mean"].transform("max")
        best_on, total = scored[top]["method"].value_counts(), scored["measure"].nunique()
        shown["best on tasks (ties count)"] = [f"{best_on.get(method, 0)} / {total}" for method in methods]
    return pd.DataFrame(shown)


def _differences(paired: pd.DataFrame, methods: Sequence[str], measures: Sequence[str], level: float) -> pd.DataFrame:
    """One row per method and one column per measure. Bold: not zero, with Holm's correction over the methods."""
    shown = {"Method": list(methods)}
    for measure in measures:
        cells = paired[paired["measure"] == measure].set_index("method").loc[list(methods)]
        group = cells["group"].iloc[0]
        digits = 1 if group == LM_EVAL else 3
        shown[_label(measure, group)] = [
            bold(spanned(row, digits, sign=True), clear)
            for row, clear in zip(
                cells[["mean", "low", "high"]].to_numpy().tolist(), clear_of_zero(cells, level), strict=True
            )
        ]
    return pd.DataFrame(shown)


def clear_of_zero(cells: pd.DataFrame, level: float) -> list[bool]:
    """Which differences of a measure are not zero, corrected for all of them; one without any spread is if not zero."""
    p = holm.adjusted(holm.paired(*(cells[column].to_numpy(np.float64) for column in ("mean", "sd", "n"))))
    exact = (cells["sd"] == 0) & (cells["mean"] != 0)
    return ((p < 1 - level) | exact).tolist()


def _guardrails(guarded: pd.DataFrame, level: float) -> Table:
    """The domains nearest to their limit, by objective."""
    rows = []
    for objective, part in guarded.groupby("objective", sort=False):
        for row in part.head(NEAREST).itertuples(index=False):
            word = compared(row.low - row.within, row.high - row.within, "broken", "kept")
            rows.append((objective, f"`{row.method}`", row.domain, spanned((row.mean, row.low, row.high), 3, sign=True),
                         fixed(row.within, 3), UNDECIDED if word == SAME else word))  # fmt: skip
    return Table(
        "target_guardrails",
        f"Guardrails on targets: the {NEAREST} domains that lose most against `{BASELINE}`, in nats per token, paired, "
        f"with {level:.0%} intervals, and what the objective allows.",
        pd.DataFrame(rows, columns=["Objective", "Method", "Domain", f"Minus {BASELINE}", "Allowed", "Guardrail"]),
        guarded,
    )


def _label(measure: str, group: str) -> str:
    if group == LOSS:
        return f"{measure.removesuffix('_loss')} loss"
    if measure in (AVERAGE, AVERAGE_BITS):
        return "average of tasks"
    return measure.removeprefix("heldout_").removesuffix("_bits").replace("_", " ")


def _answers(means: pd.DataFrame, paired: pd.DataFrame, level: float) -> Table | None:
    """The baseline's mean and the others' differences from it; None without tasks from held-out text."""
    if means.empty:
        return None
    names = list(means["measure"].unique())
    base = means[means["method"] == BASELINE].set_index("measure")
    first = {_label(m, ANSWERS): plus_minus(base.loc[m, "mean"], base.loc[m, "sd"], 3) for m in names}
    shown = pd.DataFrame([{"Method": BASELINE, **first}])
    if len(paired):
        shown = pd.concat([shown, _differences(paired, list(paired["method"].unique()), names, level)])
    return Table(
        "target_answers",
        f"The cost of a task's correct answers, in {BITS}, without examples before them: for `{BASELINE}` the mean "
        "± sd, for the others the paired difference from it; negative is better, in bold where zero is excluded after "
        "Holm's correction for the methods of a column. It distinguishes models even where their scores are at chance.",
        shown,
        pd.concat([means.assign(less=""), paired.assign(less=BASELINE)], ignore_index=True),
    )
