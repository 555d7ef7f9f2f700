"""What targets trained on: weights of domains over training (RegMix-D's Figure 3), and how often text was repeated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regmix.core.schedule import Schedule
from regmix.target import realised_schedules
from regmix.target.trained_methods import Method
from reports.page import style
from reports.page.formats import NOTED, counted, fixed, listed, marked
from reports.page.section import Figure, Table

COLOURED = 5  # domains with a colour; the others are grey
MARKED = 12  # more knots than this are drawn without markers
COLUMNS = 3


def weights(methods: Mapping[str, Method], static: Mapping[str, Schedule]) -> Figure | None:
    """One panel per method whose mixture changes; None if none does.

    ``static`` is the mixture that RegMix recommends for a method's objective, by method, where there is one.
    """
    changing = {name: method for name, method in methods.items() if method.changes}
    if not changing:
        return None
    means = {name: realised_schedules.mean(list(method.schedules.values())) for name, method in changing.items()}
    domains = next(iter(means.values())).domains
    load = np.mean([_over_training(schedule) for schedule in means.values()], axis=0)
    heaviest = sorted(np.argsort(-load, kind="stable")[:COLOURED].tolist())
    rows = -(-len(changing) // COLUMNS)
    columns = min(COLUMNS, len(changing))
    figure, axes = style.panels(rows, columns, 0.6 + 2.7 * rows, sharex=True, sharey=True)
    colour, marker = style.colours([domains[i] for i in heaviest]), style.markers([domains[i] for i in heaviest])
    for plot, (name, schedule) in zip(axes.flat, means.items(), strict=False):
        runs = list(changing[name].schedules.values())
        alike = all(run.to_json() == runs[0].to_json() for run in runs)
        for domain in heaviest:
            x, y = _line(schedule, domain)
            own = domains[domain]
            if not alike:
                weight = np.array([[run.at(place)[domain] for place in x] for run in runs])
                plot.fill_between(x, weight.min(axis=0), weight.max(axis=0), step="post", color=colour[own], alpha=0.15,
                                  linewidth=0)  # fmt: skip
            plot.step(x, y, where="post", color=colour[own], label=own, linewidth=1.8)
            if len(x) - 1 <= MARKED:
                plot.plot(x[:-1], y[:-1], linestyle="none", marker=marker[own], markersize=4.5, color=colour[own])
            if name in static:
                plot.axhline(static[name].mixtures[0, domain], color=colour[own], linestyle=":", linewidth=1.1)
        for domain in (i for i in range(len(domains)) if i not in heaviest):
            plot.step(*_line(schedule, domain), where="post", color=style.PALE, linewidth=1, label="others", zorder=1.5)
        plot.set_title(name if alike else f"{name}, mean of {len(runs)}")
        plot.set_xlim(0, 1)
    for plot in axes.flat[len(changing) :]:
        plot.set_visible(False)
    for place, plot in enumerate(axes.flat[: len(changing)]):
        if place + columns >= len(changing):  # nothing below it
            plot.set_xlabel("share of training")
            plot.tick_params(labelbottom=True)
    axes[0, 0].set_ylim(bottom=0)  # after all are drawn, because they share the axis
    for row in axes:
        row[0].set_ylabel("weight")
    style.legend_above(figure)
    return Figure(
        "schedules",
        "Weights of domains over training for every method whose mixture changes (RegMix-D's Figure 3): the "
        f"{len(heaviest)} heaviest over all panels in colour, the others grey; mean over seeds, with their range where "
        "they differ. Dotted: the weight in the static mixture that RegMix recommends for the same objective.",
        "Step lines of weight against share of training, one panel per method.",
        figure,
    )


def epochs(methods: Mapping[str, Method], bound: float) -> tuple[str, Table]:
    """Tokens trained on divided by tokens available, per domain, mean over seeds. ``bound``: constraints.max_epochs."""
    rows = []
    for name, method in methods.items():
        used = method.ledger[list(method.available)].mean()
        rows.append({"method": name, "own_text": method.own, **_passes(used, method.available)})
    table = pd.DataFrame(rows)
    domains = list(next(iter(methods.values())).available)
    over = [f"`{name}`" for name, row in zip(table["method"], table[domains].to_numpy(), strict=True)
            if np.max(row) > bound]  # fmt: skip
    values = table[domains].to_numpy(np.float64)
    worst, domain = np.unravel_index(np.argmax(values), values.shape)
    runs = int(max(len(m.ledger) for m in methods.values()))
    most = float(values[worst, domain])
    text = (
        f"`{table['method'][worst]}` reads a domain most often: `{domains[domain]}`, {fixed(most, 2)} times over a run"
        + (f" (mean over {counted(runs, 'seed')})" if runs > 1 else "")
        + (", and no run repeats any text" if _most(methods) <= 1 else "")
        + f". Weights are bounded so that at most {bound:g} passes over a domain of the corpus are expected. Methods "
        f"above that: {listed(over)}."
    )
    shown = pd.DataFrame(
        {"Method": [f"{name}{' (own text)' if own else ''}" for name, own in table[["method", "own_text"]].to_numpy()]}
        | {d: [marked(fixed(value, 2), NOTED, value > bound) for value in table[d]] for d in domains}
    )
    return text, Table(
        "epochs",
        f"Passes over each domain's training text in one target's training, mean over seeds; {NOTED} above {bound:g}. "
        "*Own text*: the method trains on text that it picked, and passes are counted over that text.",
        shown,
        table,
    )


def _most(methods: Mapping[str, Method]) -> float:
    """The most passes that any run makes over a domain."""
    return max(max(_passes(row, m.available).values()) for m in methods.values() for _, row in m.ledger.iterrows())


def _passes(used: pd.Series, available: Mapping[str, int]) -> dict[str, float]:
    return {domain: float(used[domain]) / tokens if tokens else 0.0 for domain, tokens in available.items()}


def _over_training(schedule: Schedule) -> np.ndarray:
    """The mean weights (K,) over the whole of training."""
    return np.diff(schedule.knots, append=1.0) @ schedule.mixtures


def _line(schedule: Schedule, domain: int) -> tuple[np.ndarray, np.ndarray]:
    """Knots and weights of a domain until the end of training."""
    knots, rows = np.append(schedule.knots, 1.0), schedule.mixtures[:, domain]
    return knots, np.append(rows, rows[-1])
