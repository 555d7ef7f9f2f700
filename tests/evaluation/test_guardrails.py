"""By how much a guarded objective's method exceeds the natural mixture's losses on targets."""

from __future__ import annotations

import pandas as pd
import pytest

from regmix.evaluation.guardrails import COLUMNS, excesses


def test_domains_come_by_their_excess_over_the_natural_mixture_seed_by_seed():
    rows = [("natural", 0, 4.0, 2.0), ("natural", 1, 5.0, 4.0), ("safe", 0, 3.0, 2.1), ("safe", 1, 4.5, 4.3),
            ("other", 0, 9.0, 9.0), ("other", 1, 9.0, 9.0)]  # fmt: skip
    losses = pd.DataFrame(rows, columns=["method", "seed", "news", "law"])
    table = excesses(losses, {"g": "safe", "plain": "other"}, {"g": 0.1, "unused": 1.0}, ("news", "law"), 0.95)
    assert list(table.columns) == COLUMNS
    assert table[["objective", "method", "domain", "within"]].to_numpy().tolist() == [
        ["g", "safe", "law", 0.1], ["g", "safe", "news", 0.1],
    ]  # fmt: skip
    assert table["mean"].tolist() == pytest.approx([0.2, -0.75])
    assert table["n"].tolist() == [2, 2]
    assert list(excesses(losses, {"plain": "other"}, {"g": 0.1}, ("news", "law"), 0.95).columns) == COLUMNS
