"""Where the numbers come from: the published sets of runs, and how their rows were prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.core.runs import Runs
from reports.page.formats import count, fixed, listed
from reports.page.section import Section, Table

WHAT = {
    "train_1m": "training: 1M models on 1B tokens",
    "test_1m": "test: 1M models on 1B tokens",
    "test_60m": "test: 60M models on 1B tokens, the mixtures of test_1m",
    "test_1b": "test: 1B models on 25B tokens, those of Appendix G",
}


def figures(joined: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """set -> runs, and how many rows of weights miss 1 by over a thousandth; ``joined`` are the meta.json files."""
    return {name: {"runs": meta["runs"], "renormalised": meta["sums"]["runs"]} for name, meta in joined.items()}


def sources(joined: Mapping[str, Mapping[str, Any]], sets: Mapping[str, Runs]) -> Section:
    """``joined`` are the meta.json files of published_runs, ``sets`` the runs, both keyed by set."""
    first = next(iter(sets.values()))
    off = next(iter(joined.values()))["sums"]["off_by_over"]
    lost = [domain for domain in first.domains if domain not in first.losses]
    numbers = pd.DataFrame(
        [[name, *meta["files"], meta["runs"], meta["sums"]["runs"]] for name, meta in joined.items()],
        columns=["set", "mixtures", "losses", "runs", "missed"],
    )
    shown = pd.DataFrame(
        {
            "Set": numbers["set"],
            "What": [WHAT[name] for name in numbers["set"]],
            "Files": [f"`{a}`, `{b}`" for a, b in zip(numbers["mixtures"], numbers["losses"], strict=True)],
            "Runs": numbers["runs"].map(count),
            f"Miss 1 by over {off:g}": numbers["missed"].astype(str),
            "Pile-CC weight": [
                f"{fixed(w.min(), 3)} to {fixed(w.max(), 3)}"
                for w in (runs.mixtures[:, runs.domains.index("pile_cc")] for runs in sets.values())
            ],
        }
    )
    return Section(
        "The published runs",
        (
            "The tables are those of github.com/sail-sg/regmix at commit b004d3a, checked by md5. Mixtures and losses "
            "are joined on the index and columns by name; the 1B tables count from 0, the others from 1, and runs are "
            "numbered here from 1, as in the paper's Appendix G. Weights are printed to three digits, so rows do not "
            "sum to exactly 1; every row is divided by its sum, and the table shows how many were off by more than "
            f"the rounding of one weight. {len(first.domains)} domains have weights and {len(first.losses.columns)} a "
            f"validation loss: {listed(lost)} have none. One run per mixture, no seeds, no losses before the end of "
            "training.",
            Table("published_runs", "The four sets.", shown, numbers),
        ),
    )  # fmt: skip
