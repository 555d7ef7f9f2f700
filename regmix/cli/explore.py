"""The explorer in the page of a recommendation. K domains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regmix import api
from regmix.api.arguments import REGRESSORS, evidence_of
from regmix.cli.question import Inputs
from regmix.core.runs import Runs
from regmix.explorer.contents import Question, contents
from regmix.explorer.widget import widget
from regmix.mixture.portable import ensemble


def explorer(inputs: Inputs, recommendation: api.Recommendation, paths: str) -> str:
    """A section of HTML that predicts the losses of the objective, as ``recommendation`` did; ``paths`` is for exports.

    Metrics where higher is better are losses by their sign.
    """
    table = inputs.runs.mixtures
    known, _ = evidence_of(table, inputs.losses, domains=None, regressors=api.ENSEMBLE, **inputs.arguments)
    parts = known.losses["objective"]
    names = tuple(name if inputs.signs[name] > 0 else f"minus {name}" for name in parts.objective.names)
    objective = replace(parts.objective, names=names, unit="")
    frame = inputs.losses.loc[table.index, list(parts.objective.names)].set_axis(list(names), axis=1)
    models = ensemble(
        known,
        {name: column.to_numpy(np.float64) for name, column in frame.items()},
        {name: REGRESSORS[name]["kind"] for name in api.ENSEMBLE},
    )
    question = Question(
        models,
        {names[0] if len(names) == 1 else "objective": objective},
        known.rules,
        {"recommended": recommendation.weights.to_numpy()},
        recommendation.level,
        recommendation.typical_distance,
        known.search.risk,
        paths,
        unit="",
    )
    labels = np.array([str(label) for label in table.index], object)
    kinds = np.full(len(table), "given", object)
    runs = Runs(known.rules.domains, labels, kinds, known.mixtures, frame.reset_index(drop=True))
    about = (
        "<p>Move a weight to see what the regressors predict there, of a run as small as those given. "
        "<em>Natural</em> is the prior.</p>"
    )
    return f"<section><h2>Explore mixtures</h2>{about}\n{widget(contents(question, runs))}</section>"
