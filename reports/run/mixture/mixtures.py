"""The chosen mixtures, their predicted losses and those of proxies trained on them (the paper's Table 7, Figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import LEARNT, Runs
from regmix.mixture.stopping import Outlook
from regmix.statistics.verdicts import compared
from reports.page import style
from reports.page.formats import count, counted, fixed, interval, listed, percent, plus_minus, units
from reports.page.section import Figure, Section, Table
from reports.run.mixture.trust import Past, calibrated, noise, outlook


def mixtures(
    chosen: Mapping[str, Mapping[str, Any]],
    summary: Mapping[str, Mapping[str, Any]],
    realised: pd.DataFrame,
    calibration: pd.DataFrame,
    noises: pd.DataFrame,
    candidates: pd.DataFrame,
    swarm: Runs,
    objectives: Mapping[str, Objective],
    prior: Mapping[str, float],
    how: str,
    again: Mapping[str, Mapping[str, Any]] | None,
    outlooks: Mapping[str, Outlook],
    past: Sequence[Past],
) -> Section:
    """``chosen`` are mixture_simulate's files keyed by objective, ``summary`` is their confirmed-gains.json.

    ``realised``, ``calibration`` and ``noises`` are mixture_choose's tables, ``candidates`` the sampled candidates;
    ``how`` says how they were scored.
    ``again`` are mixture_choose's files if a second simulation chose the mixtures that targets train on; ``outlooks``
    say whether another round of proxies is worth it, and ``past`` whether each round was.
    """
    domains = list(prior)
    weights = pd.DataFrame({"domain": domains, "prior": list(prior.values())})
    shown = pd.DataFrame({"Domain": domains, "Prior": [fixed(prior[d], 3) for d in domains]})
    for name, value in chosen.items():
        weights[name] = [value["weights"][d] for d in domains]
        weights[f"{name}_spread"] = [value["spread"][d] for d in domains]
        shown[name] = [plus_minus(value["weights"][d], value["spread"][d], 3) for d in domains]
    for name, value in (again or {}).items():
        weights[f"{name}_again"] = [value["weights"][d] for d in domains]
        shown[f"{name}, second choice"] = [plus_minus(value["weights"][d], value["spread"][d], 3) for d in domains]
    gains, gains_shown = _gains(chosen, summary)
    confirmed, confirmed_shown = _compared(realised, list(chosen))
    return Section(
        "Chosen mixtures",
        (
            f"{how}\n\n{_choices(chosen, summary, realised)}{_again(again)}",
            Table(
                "mixtures",
                "The chosen mixture for every objective, ± its spread over refits, each to part of the runs and with "
                "new candidates (the paper's Table 7 has one draw and no spread).",
                shown,
                weights,
            ),
            Figure(
                "mixtures",
                "Chosen weights with ± one spread; the grey bar is natural.",
                "Dot plot of chosen weights by domain, one panel per objective.",
                _dots(chosen, prior),
            ),
            Table(
                "gains",
                f"Predicted and actual losses and gains, in {units(objectives)}; gains are over the natural mixture, "
                "positive is better. Predicted intervals are the wider of the regressors' own (their standard "
                "deviations, seed noise and disagreement) and the spread over refits; actual ones are t intervals, "
                "paired by seed. *Distance*: L1 to the nearest training mixture, with the usual distance between "
                "training mixtures in brackets.",
                gains_shown,
                gains,
            ),
            calibrated(calibration),
            *([noise(noises)] if noises["n"].min() > 1 else []),
            outlook(outlooks, past, again or chosen, len(swarm.of(*LEARNT).names)),
            Figure(
                "confirmed",
                "Actual loss of every confirmed mixture (dot: mean over seeds, bar: ± one sd), and the predictions "
                "made before those proxies were trained (cross, ± one sd).",
                "Dot plots of actual and predicted losses of the confirmed mixtures, one panel per objective.",
                _confirmed(realised, objectives),
            ),
            Table("confirmed", "The numbers behind the figure.", confirmed_shown, confirmed),
            Figure(
                "candidates",
                "Where the chosen mixture lies (the paper's Figure 2, right): predicted loss of sampled candidates in "
                "pale grey and actual losses of the swarm's runs, against the weight of the chosen mixture's heaviest "
                "domain. The star is the prediction for the chosen mixture, the cross the loss of proxies trained "
                "there.",
                "Scatter plots of loss against the leading domain's weight, one panel per objective.",
                _candidates(chosen, summary, candidates, swarm, objectives),
            ),
        ),
    )


def plus(risk: float) -> str:
    """`` plus RISK standard deviations``, or nothing."""
    return f" plus {risk:g} standard deviation{'' if risk == 1 else 's'}" if risk else ""


def scoring(regressors: Mapping[str, float], risk: float, candidates: int, top_k: int, local: int) -> str:
    """How candidates are scored, in words; ``regressors`` are the ensemble's weights by name."""
    names = list(regressors)
    top, scored = f"the mean of the best {top_k} is the choice", f"{count(candidates)} candidates"
    if len(names) == 1 and risk == 0:
        return f"As in the paper, one regressor, `{names[0]}`, predicts the loss of {scored} and {top}."
    who = listed(f"`{name}`" + (f" ({weight:.2f})" if len(names) > 1 else "") for name, weight in regressors.items())
    weighed = ", weighted by how well each predicts unseen runs," if len(names) > 1 else ""
    around = f" and {local} rounds of draws around the best" if local else ""
    return (
        f"{who}{weighed} {'score' if len(names) > 1 else 'scores'} {scored}{around} by predicted loss{plus(risk)}, and "
        f"{top}. (The paper ranks by the prediction of one LightGBM model, which favours mixtures whose loss it "
        "underestimates.)"
    )


def _choices(
    chosen: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Mapping[str, Any]], realised: pd.DataFrame
) -> str:
    lines = []
    for name, value in chosen.items():
        numbers = summary[name]
        real = numbers["realised"]
        order = sorted(value["weights"].items(), key=lambda item: -item[1])
        leading = listed(f"`{d}` {percent(w)}" for d, w in order[:3] if w >= 0.01)
        line = (
            f"- **{name}**: {leading}. Predicted gain over natural "
            f"{interval(numbers['gain'], numbers['gain_low'], numbers['gain_high'], sign=True)}: {numbers['verdict']}. "
        )
        if real["verdict"] is None:
            line += f"Actual {fixed(real['gain'], sign=True)} with one seed, so without an interval."
        else:
            inside = numbers["gain_low"] <= real["gain"] <= numbers["gain_high"]
            line += (
                f"Actual {interval(real['gain'], real['gain_low'], real['gain_high'], sign=True)} "
                f"({counted(real['n'], 'seed')} each): {real['verdict']}, and "
                f"{'within' if inside else 'outside'} the predicted interval."
            )
        own = realised[realised["objective"] == name]
        twins = own.loc[(own["realised"] == real["loss"]) & (own["mixture"] != f"regmix_{name}"), "mixture"]
        if len(twins):
            line += f" It is so close to {listed(f'`{m}`' for m in twins)} that its proxies drew the same text."
        lowest = own.loc[own["realised"].idxmin()]
        if lowest["realised"] < real["loss"]:
            line += (
                f" Of the confirmed mixtures `{lowest['mixture']}` has the lowest loss on this objective, by "
                f"{fixed(real['loss'] - lowest['realised'])}."
            )
        support = value["support"]
        if support["distance"] > support["typical"]:
            line += " It lies farther from the training mixtures than they do from each other: an extrapolation."
        lines.append(line)
    return "\n".join(lines)


def _again(again: Mapping[str, Mapping[str, Any]] | None) -> str:
    if not again:
        return ""
    gains = listed(
        f"{name} {interval(value['gain']['value'], value['gain']['low'], value['gain']['high'], sign=True)}"
        for name, value in again.items()
    )
    return (
        "\n\nThe confirming proxies then joined the swarm, and a second simulation chose the mixtures that targets "
        f"train on (*second choice* in the table). Its predicted gains over natural: {gains}."
    )


def _gains(
    chosen: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Mapping[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, shown = [], []
    for name, numbers in summary.items():
        real, support = numbers["realised"], chosen[name]["support"]
        flat = {key: value for key, value in numbers.items() if key not in ("weights", "realised", "refit")}
        rows.append(
            {"objective": name, **flat, **{f"realised_{key}": value for key, value in real.items()},
             "distance": support["distance"], "typical_distance": support["typical"]}
        )  # fmt: skip
        shown.append(
            {
                "Objective": name,
                "Predicted loss": plus_minus(numbers["predicted_loss"], numbers["predicted_sd"]),
                "Actual loss": plus_minus(real["loss"], real["sd"]),
                "Predicted gain": interval(numbers["gain"], numbers["gain_low"], numbers["gain_high"], sign=True),
                "Actual gain": interval(real["gain"], real["gain_low"], real["gain_high"], sign=True),
                "Predicted": compared(numbers["gain_low"], numbers["gain_high"], "better", "worse"),
                "Actual": compared(real["gain_low"], real["gain_high"], "better", "worse"),
                "Seeds": str(real["n"]),
                "Distance (usual)": f"{fixed(support['distance'], 2)} ({fixed(support['typical'], 2)})",
            }
        )
    return pd.DataFrame(rows), pd.DataFrame(shown)


def _compared(realised: pd.DataFrame, objectives: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = list(realised["mixture"].unique())
    shown: dict[str, list[str]] = {"Mixture": names}
    for objective in objectives:
        part = realised[realised["objective"] == objective].set_index("mixture").loc[names]
        shown[f"{objective}, predicted"] = [plus_minus(*row) for row in part[["predicted", "predicted_sd"]].to_numpy()]
        shown[f"{objective}, actual"] = [plus_minus(*row) for row in part[["realised", "sd"]].to_numpy()]
    shown["Seeds"] = [str(n) for n in realised.drop_duplicates("mixture")["n"]]
    return realised.reset_index(drop=True), pd.DataFrame(shown)


def _dots(chosen: Mapping[str, Mapping[str, Any]], prior: Mapping[str, float]) -> style.Figure:
    domains = list(prior)
    figure, axes = style.panels(1, len(chosen), 0.28 * len(domains) + 0.9, sharey=True, sharex=True)
    places = np.arange(len(domains))
    for plot, (name, value) in zip(axes[0], chosen.items(), strict=True):
        plot.barh(places, [prior[d] for d in domains], height=0.62, color=style.PALE, label="natural")
        weights = np.array([value["weights"][d] for d in domains])
        spread = np.array([value["spread"][d] for d in domains])
        low = np.maximum(weights - spread, 0)
        plot.hlines(places, low, np.minimum(weights + spread, 1), color=style.PALETTE[0], linewidth=2)
        plot.scatter(weights, places, s=28, color=style.PALETTE[0], zorder=3, label="chosen")
        plot.set_title(name)
        plot.set_xlabel("weight")
        plot.set_xlim(-0.02, 1.05)
        plot.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(places, domains)
    axes[0, 0].invert_yaxis()
    style.legend_above(figure)
    return figure


def _confirmed(realised: pd.DataFrame, objectives: Mapping[str, Objective]) -> style.Figure:
    names = list(realised["mixture"].unique())
    figure, axes = style.panels(1, len(objectives), 0.34 * len(names) + 1.0, sharey=True)
    places = np.arange(len(names))
    for plot, objective in zip(axes[0], objectives, strict=True):
        part = realised[realised["objective"] == objective].set_index("mixture").loc[names]
        own = [name == f"regmix_{objective}" for name in names]
        colours = [style.PALETTE[1] if flag else style.PALETTE[0] for flag in own]
        sd = part["sd"].fillna(0)
        plot.hlines(places, part["realised"] - sd, part["realised"] + sd, color=colours, linewidth=2.4)
        plot.scatter(part["realised"], places, s=32, c=colours, zorder=3)
        has_prediction = part["predicted"].notna().to_numpy()
        heights = places[has_prediction] - 0.26
        predicted, predicted_sd = part.loc[has_prediction, ["predicted", "predicted_sd"]].to_numpy().T
        plot.hlines(heights, predicted - predicted_sd, predicted + predicted_sd, color=style.MUTED, linewidth=1.2)
        plot.scatter(predicted, heights, s=30, marker="x", color=style.INK, linewidths=1.3, zorder=3)
        plot.set_title(objective)
        plot.set_xlabel(f"loss, {objectives[objective].unit}")
        plot.grid(visible=False, axis="y")
        plot.locator_params(axis="x", nbins=5)
    axes[0, 0].set_yticks(places, names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.65)
    axes[0, 0].scatter([], [], s=32, color=style.PALETTE[0], label="actual")
    axes[0, 0].scatter([], [], s=32, color=style.PALETTE[1], label="actual, chosen for this objective")
    axes[0, 0].scatter([], [], s=30, marker="x", color=style.INK, linewidths=1.3, label="predicted")
    style.legend_above(figure)
    return figure


def _candidates(
    chosen: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Mapping[str, Any]], candidates: pd.DataFrame,
    swarm: Runs, objectives: Mapping[str, Objective],
) -> style.Figure:  # fmt: skip
    figure, axes = style.panels(1, len(chosen), 3.6)
    for plot, (name, value) in zip(axes[0], chosen.items(), strict=True):
        leading = max(value["weights"], key=lambda d: value["weights"][d])
        x = swarm.mixtures[:, swarm.domains.index(leading)]
        y = swarm.objective(objectives[name])
        predicted = candidates[f"predicted_{name}"]
        plot.scatter(candidates[leading], predicted, s=5, color=style.PALE, linewidths=0, rasterized=True)
        for kind in style.KINDS:
            rows = swarm.kinds == kind
            if not rows.any():
                continue
            colour = style.INK if kind == "random" else style.KINDS[kind]
            plot.scatter(
                x[rows], y[rows], s=13, color=colour, linewidths=0, alpha=0.8,
                label=f"actual, {style.KIND_LABELS[kind]}", marker=style.KIND_MARKERS[kind],
            )  # fmt: skip
        weight, guess = value["weights"][leading], value["predicted"]
        plot.errorbar(
            weight, guess["mean"], guess["sd"], color=style.PALETTE[1], marker="*", markersize=13, elinewidth=1.3,
            linestyle="none", zorder=5, label="chosen, predicted", markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        plot.scatter(
            [weight], [summary[name]["realised"]["loss"]], s=44, marker="x", color=style.INK, linewidths=1.6, zorder=6,
            label="chosen, actual",
        )  # fmt: skip
        plot.scatter([], [], s=16, color=style.PALE, label="candidates, predicted")
        plot.set_title(name)
        plot.set_xlabel(f"weight of {leading}")
    axes[0, 0].set_ylabel(f"loss, {units(objectives)}")
    style.legend_above(figure, columns=6)
    return figure
