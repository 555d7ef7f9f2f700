"""What the page predicts is what the library predicts: every member and the ensemble, means and deviations."""

import numpy as np
import pytest

from regmix.core.objective import Objective
from regmix.explorer.widget import source
from regmix.regression.ensemble import Ensemble, together
from tests.browser import small

NAMES = ("law", "plain", "log", "both")

PREDICT = """
([code, ensemble, objectives, mixtures]) => {
  const at = new Function(`${code}; return predictor;`)()(ensemble);
  return mixtures.map((mixture) => {
    const here = at(mixture);
    return objectives.map((one) => [...Object.values(here.members(one)), here.of(one)].map(({mean, sd}) => [mean, sd]));
  });
}
"""


def written(objective: Objective):
    return objective.to_json()


@pytest.mark.parametrize("names", [NAMES, ("law", "trees")])
def test_predictions_in_the_browser_are_those_of_the_library(browser, names):
    learnt = small.runs()
    data = small.models(names, learnt)
    usable = [name for name in names if name in data["models"] and data["weights"][name] > 0]
    assert usable
    shares = np.array([data["weights"][name] for name in usable])
    alone = {name: Objective.loss(name) for name in learnt.losses}
    objectives = [*small.OBJECTIVES.values(), *alone.values()]
    rng = np.random.default_rng(1)
    mixtures = np.vstack([np.eye(4), learnt.mixtures[:5], *(rng.dirichlet(np.full(4, a), 15) for a in (0.1, 0.5, 3))])
    page = browser.new_page()
    found = np.array(
        page.evaluate(PREDICT, [source("predict.js"), data, [*map(written, objectives)], mixtures.tolist()])
    )
    page.close()
    for place, objective in enumerate(objectives):
        model = together(small.regressors(usable), shares / shares.sum(), learnt.mixtures, learnt.parts(objective), 0)
        expected = [*(member.predict(mixtures) for member in model.members), model.predict(mixtures)]
        assert isinstance(model, Ensemble)
        for part, (mean, sd) in enumerate(expected):
            np.testing.assert_allclose(found[:, place, part, 0], mean, rtol=0, atol=1e-6)
            np.testing.assert_allclose(found[:, place, part, 1], sd, rtol=0, atol=1e-6)
