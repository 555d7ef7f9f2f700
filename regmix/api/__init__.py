"""RegMix in a notebook: sample mixtures, compare and fit regressors, recommend a mixture. No params.yaml is read.

>>> import regmix
>>> prior = {"web": 0.6, "books": 0.3, "code": 0.1}
>>> mixtures = regmix.sample_mixtures(prior, 32)  # train a proxy at each row; a formula stands in for them here
>>> losses = 3 + ((mixtures - [0.2, 0.5, 0.3]) ** 2).sum(axis=1)
>>> regmix.compare(mixtures, losses, ["ridge", "gp"]).index[0]
'gp'
>>> best = regmix.recommend(mixtures, losses, prior, regressors=["gp"])
>>> best.verdict, best.weights.idxmax()  # print(best) shows more
('better than the prior', 'books')

All functions take these:

- ``mixtures``: a frame (N, K) with one column per domain and one row per run, or an array, with the domain names in
  ``domains``. For a frame, ``domains`` selects the columns. Rows are non-negative and sum to 1.
- ``losses``: a frame with one row per run, a series, or an array (N,), in nats per token or any unit where lower is
  better. If both are pandas objects, rows are matched by their index.
- ``objective``: the column of ``losses`` to minimise, or weights over its columns, which are normalised and each
  fitted by itself. Needed only if there are several columns.
- ``regressors``: names from ``REGRESSORS``, or your own regressors (``regmix.regression.interface.Regressor``).
- ``prior``: the domains' natural shares, or their token counts. ``bounds``: the largest weight of each domain.
- ``constraints``: what every mixture must satisfy, with the keys of regmix/constraints/settings.py: floors, groups,
  ratios, available tokens and so on.

Bad input raises InputError with one line that names the argument, the row or column, the value and the fix.

N runs, K domains, M mixtures to predict.
"""

from __future__ import annotations

from regmix.api.arguments import ENSEMBLE, REGRESSORS, SEARCH
from regmix.api.mixtures import compare_mixtures, propose, sample_mixtures
from regmix.api.recommendation import Recommendation, recommend
from regmix.api.regressors import Fitted, compare, fit
from regmix.api.tournament import tournament
from regmix.core.errors import InputError
from regmix.mixture.search import Search

__all__ = [
    "ENSEMBLE", "REGRESSORS", "SEARCH", "Fitted", "InputError", "Recommendation", "Search", "compare",
    "compare_mixtures", "fit", "propose", "recommend", "sample_mixtures", "tournament",
]  # fmt: skip
