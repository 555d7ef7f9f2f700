"""The chosen mixtures, their predicted losses and those of proxies trained on them (the paper's Table 7, Figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import LEARNT, Runs
from regmix.mixture.stopping import Outlook
from regmix.statistics.verdicts import compared
from reports.page.formats import count, counted, fixed, interval, listed, percent, plus_minus, units
from reports.page.section import Figure, Section, Table
from reports.run.mixture.figures import candidate_clouds, confirmed_dots, weight_dots
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
                weight_dots(chosen, prior),
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
                confirmed_dots(realised, objectives),
            ),
            Table("confirmed", "The numbers behind the figure.", confirmed_shown, confirmed),
            Figure(
                "candidates",
                "Where the chosen mixture lies (the paper's Figure 2, right): predicted loss of sampled candidates in "
                "pale grey and actual losses of the swarm's runs, against the weight of the chosen mixture's heaviest "
                "domain. The star is the prediction for the chosen mixture, the cross the loss of proxies trained "
                "there.",
                "Scatter plots of loss against the leading domain's weight, one panel per objective.",
                candidate_clouds(chosen, summary, candidates, swarm, objectives),
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
