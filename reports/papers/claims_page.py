"""The first section of a page of claims: how many claims have each verdict, the first numbers, and the table."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from reports.page.formats import listed
from reports.page.section import Section, Table, Widget
from reports.papers.claims import (
    FAILS,
    HOLDS,
    LABELS,
    LAW,
    PARTLY,
    SCALES,
    UNTESTED,
    Claim,
    Numbers,
    span,
    triple,
)

SEVERAL = {HOLDS: "hold", PARTLY: "hold in part", FAILS: "do not hold"}  # of claims


def tabled(claims: Sequence[Claim], words: Sequence[str]) -> tuple[str, Table]:
    """A text on how many claims have each verdict of ``words``, and the table of claims."""
    frame = pd.DataFrame([vars(claim) for claim in claims])
    counts = frame["verdict"].value_counts()
    summary = listed(f"{counts[word]} × *{word}*" for word in words if word in counts)
    shown = pd.DataFrame(
        {
            "Paper": frame["paper"] + ", " + frame["place"],
            "It says": frame["says"],
            "Here": frame["found"],
            "From": frame["basis"],
            "Verdict": frame["verdict"],
            "Why": frame["why"],
        }
    )
    return summary, Table("claims", "Claims.", shown, frame)


def tally(verdicts: Sequence[str], words: Sequence[str]) -> Widget:
    """How many ``verdicts`` are each of ``words``, in large figures."""
    counts = {word: verdicts.count(word) for word in words}
    shown = {word: count for word, count in counts.items() if count}
    items = "".join(f"<li><strong>{count}</strong> {html.escape(word if count == 1 else SEVERAL.get(word, word))}</li>"
                    for word, count in shown.items())  # fmt: skip
    return Widget(
        f'<ul class="tally" aria-label="By verdict">{items}</ul>',
        "; ".join(f"{word}: {n}" for word, n in shown.items()),
    )


def headlines(numbers: Numbers) -> Table:
    """The few numbers to read first, at each size of the models that are ranked."""
    curve, table, less = numbers["figure4"], numbers["table2"], numbers["margins"]
    rows = {
        "LightGBM, 512 proxies": [triple(table["lightgbm_paper"], f"spearman_{s}") for s in SCALES],
        "no proxy: sorted by the Pile-CC weight": [triple(table["no_proxy"], f"spearman_{s}") for s in SCALES],
        "LightGBM minus no proxy": [triple(less["lightgbm_paper"], f"minus_no_proxy_{s}") for s in SCALES],
        "LightGBM, 64 proxies": [triple(curve["lightgbm_paper"], f"proxies_64_{s}") for s in SCALES],
    }
    if LAW in curve:
        rows["law of effective tokens, 64 proxies"] = [triple(curve[LAW], f"proxies_64_{s}") for s in SCALES]
    shown = pd.DataFrame({"Ranked by": list(rows)} | {
        LABELS[s]: [span(row[i], 1) for row in rows.values()] for i, s in enumerate(SCALES)
    })  # fmt: skip
    values = [{"by": name, "size": s, "value": row[i][0], "low": row[i][1], "high": row[i][2]}
              for name, row in rows.items() for i, s in enumerate(SCALES)]  # fmt: skip
    caption = "How well mixtures are ranked by their Pile-CC loss: Spearman x 100, with its interval."
    return Table("headlines", caption, shown, pd.DataFrame(values))


def page(claims: Sequence[Claim], numbers: Numbers | None = None) -> Section:
    """The page's first section: how many claims have each verdict, the first numbers, and the table of claims."""
    summary, table = tabled(claims, (HOLDS, PARTLY, FAILS, UNTESTED))
    prose = (
        f"Claims of RegMix (arXiv 2407.01492) and RegMix-D (arXiv 2606.18663), {len(claims)} in all: {summary}. "
        "Everything is computed from the mixtures and losses that RegMix's authors published and from the papers' own "
        "tables; nothing is trained. Brackets are 95% intervals over resamples of the test mixtures unless a cell "
        "says otherwise, not corrected for multiple comparisons. A number of the paper *holds* if it lies in our "
        "interval, an order if the interval of the difference excludes zero in the claimed direction. Spearman is "
        "times 100."
    )
    first = () if numbers is None else (headlines(numbers),)
    title = "The papers' claims against the published data"
    counts = tally([claim.verdict for claim in claims], (HOLDS, PARTLY, FAILS, UNTESTED))
    return Section(title, (counts, *first, prose, table))
