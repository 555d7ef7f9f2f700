"""The papers' comparisons of methods, from their own tables: averages over the same tasks, and sign tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.statistics.verdicts import compared
from reports.page.formats import BEST, MISSING, NOTED, fixed, listed, marked, spanned
from reports.page.section import Section, Table
from reports.papers.claims import Claim, verdict

TITLES = {
    "regmix_4": ("Table 4", "1B models, 14 tasks, mean of 0 to 5 shots, one seed"),
    "regmix_4_shared": ("Table 4 on the 13 tasks of Table 3 and Appendix G", "the same without ARC Challenge"),
    "regmix_8": ("Table 8", "1B models, LightEval, zero shots, five evaluations"),
    "regmix_10": ("Table 10", "7B models on 100B tokens"),
    "regmix_11": ("Table 11", "7B models; mixtures from 128 proxies of 1B or 512 of 1M"),
    "regmix_d_1": ("RegMix-D, Table 1", "1B models, 13 tasks, one seed; the number is the number of proxies"),
}
EDGES = ["value", "low", "high"]


def figures(signs: pd.DataFrame, averages: pd.DataFrame) -> dict[str, Any]:
    """table -> <method>: its average; <first>_minus_<second> with edges and p."""
    out: dict[str, Any] = {}
    for row in averages.itertuples(index=False):
        out.setdefault(row.table, {})[row.method] = row.average
    for row in signs.itertuples(index=False):
        both = ((row.first, row.second, 1, row.wins), (row.second, row.first, -1, row.losses))
        for first, second, sign, wins in both:
            name = f"{first}_minus_{second}"
            edges = sorted([sign * row.low, sign * row.high])
            out[row.table] |= {name: sign * row.value, f"{name}_low": edges[0], f"{name}_high": edges[1],
                               f"{name}_p": row.p, f"{name}_wins": int(wins), f"{name}_n": int(row.n)}  # fmt: skip
    return out


def methods(signs: pd.DataFrame, averages: pd.DataFrame, ablations: pd.DataFrame) -> Section:
    """``signs`` and ``averages`` are from published_tables; ``ablations`` is RegMix-D's Table 3."""
    parts: list[str | Table] = [
        "**These are the papers' numbers**, averaged again and compared; nothing here is measured. A sign test counts "
        "tasks; the interval of a mean difference is over tasks. Neither accounts for how much a second training run "
        "would change a score, because there is one run per method."
    ]
    for name, (title, description) in TITLES.items():
        own = averages[averages["table"] == name]
        best = own["average"].max()
        pairs = signs[signs["table"] == name]
        head = own[own["best_on"].notna()]
        shown = pd.DataFrame({"Method": own["method"]})
        shown["Average"] = [marked(fixed(v, 2), BEST, v == best) for v in own["average"]]
        shown["Best on"] = [
            f"{int(v)} of {int(n)}" if pd.notna(v) else MISSING
            for v, n in zip(own["best_on"], own["tasks"], strict=True)
        ]
        top = head.loc[head["average"].idxmax(), "method"]
        against = {other: _against(pairs, top, other) for other in own["method"]}
        shown[f"{top} minus it"] = [against[m] for m in own["method"]]
        parts.append(
            Table(f"methods_{name}", f"{title}, the paper's numbers: {description}. The last column: mean "
                  f"difference over tasks with its interval, tasks won, p of the sign test, {NOTED} below 0.05. "
                  f"{BEST}: the best.",
                  shown, pairs.reset_index(drop=True))
        )  # fmt: skip
    wide = ablations.pivot_table(index=["knob", "value"], columns=["proxies", "mode"], values="average", sort=False)
    shown = wide.reset_index()
    shown.columns = ["Setting", "Value", *(f"{p} proxies, {m}" for p, m in wide.columns)]
    for column in shown.columns[2:]:
        shown[column] = shown[column].map(lambda v: fixed(v, 2))
    shown["Value"] = shown["Value"].astype(str)
    parts.append(
        Table(
            "methods_regmix_d_3", "RegMix-D, Table 3, the paper's numbers: average score by setting.", shown, ablations
        )
    )
    return Section("The papers' comparisons of methods", tuple(parts))


def claims(numbers: Mapping[str, Any], ablations: pd.DataFrame) -> list[Claim]:
    """Sections 5.3, C.4, J and K of RegMix, and RegMix-D's Tables 1 and 3; ``numbers`` is ``figures``."""
    shared, lighteval, dynamic = numbers["regmix_4_shared"], numbers["regmix_8"], numbers["regmix_d_1"]
    best = shared["regmix"] - shared["best_of_64"]
    rivals = ("human", "doremi", "ppl", "odm", "pile_cc")
    out = [
        _first("RegMix", "§5.3, Table 4", "highest average of six methods", numbers["regmix_4"], "regmix", rivals),
        Claim("RegMix", "§5.3", "RegMix surpasses the best of the 64 random models (47.3 against 47.9 as printed)",
              f"on the same 13 tasks {fixed(shared['regmix'], 1)} against {fixed(shared['best_of_64'], 1)}",
              "Table 4, Appendix G, the papers' numbers; 1 seed each", verdict(best > 0),
              "Table 4 averages 14 tasks and Table 3 averages 13; the claim only shows on the same tasks."),
        _pair("RegMix", "§5.3, Table 4", "RegMix beats Pile-CC only", numbers["regmix_4"], "regmix", "pile_cc"),
        _pair("RegMix", "§5.3, Table 4", "RegMix matches or surpasses DoReMi", numbers["regmix_4"], "regmix", "doremi"),
        _first("RegMix", "Appendix C.4, Table 8", "highest average of four methods", lighteval, "regmix",
               ("human", "doremi", "pile_cc")),
        _pair("RegMix", "Appendix J, Table 10", "7B on 100B tokens: 2 points above Human", numbers["regmix_10"],
              "regmix", "human"),
        _same("RegMix", "Appendix K, Table 11", "1M proxies do as well as 1B proxies", numbers["regmix_11"],
              "proxies_1m", "proxies_1b"),
        _pair("RegMix-D", "Table 1", "online, 512 proxies: better than RegMix", dynamic, "online_512", "regmix"),
        _pair("RegMix-D", "Table 1", "128 proxies suffice to beat RegMix with 512", dynamic, "online_128", "regmix"),
        _pair("RegMix-D", "Table 1", "online beats offline (512 proxies)", dynamic, "online_512", "offline_512"),
    ]  # fmt: skip
    grid = ablations[ablations["knob"] == "beta"]
    spread = grid.groupby("proxies")["average"].agg(lambda v: v.max() - v.min())
    place = grid.loc[grid.groupby("proxies")["average"].idxmax()].set_index("proxies")["value"]
    out.append(
        Claim("RegMix-D", "Table 3", "beta = 0.05 is the best of four",
              "; ".join(f"{n} proxies: best at {place[n]}, range {fixed(spread[n], 2)} points" for n in spread.index),
              "the paper's numbers; 1 seed", verdict(*(float(place[n]) == 0.05 for n in spread.index)),
              f"All four lie within {fixed(spread.max(), 2)} points of each other, each from one run.")
    )  # fmt: skip
    return out


def _against(pairs: pd.DataFrame, first: str, second: str) -> str:
    rows = pairs[(pairs["first"] == first) & (pairs["second"] == second)]
    sign = 1
    if rows.empty:
        rows, sign = pairs[(pairs["first"] == second) & (pairs["second"] == first)], -1
    if rows.empty:
        return MISSING
    row = rows.iloc[0]
    edges = sorted([sign * row["low"], sign * row["high"]])
    wins = row["wins"] if sign > 0 else row["losses"]
    text = f"{spanned([sign * row['value'], *edges], 2, sign=True)}, {wins} of {row['n']}, p = {fixed(row['p'], 3)}"
    return marked(text, NOTED, row["p"] < 0.05)


def _difference(numbers: Mapping[str, Any], first: str, second: str) -> tuple[str, bool, bool]:
    name = f"{first}_minus_{second}"
    value, low, high = (numbers[f"{name}{end}"] for end in ("", "_low", "_high"))
    won = f"{numbers[f'{name}_wins']} of {numbers[f'{name}_n']} tasks, p = {fixed(numbers[f'{name}_p'], 3)}"
    text = f"{spanned([value, low, high], 2, sign=True)}, {won}"
    return text, value > 0, low > 0


def _pair(paper: str, place: str, says: str, numbers: Mapping[str, Any], first: str, second: str) -> Claim:
    text, above, clear = _difference(numbers, first, second)
    name = f"{first}_minus_{second}"
    word = compared(numbers[f"{name}_low"], numbers[f"{name}_high"], "better", "worse")
    return Claim(
        paper, place, says, text, "the paper's numbers over tasks; 1 seed per method", verdict(above, clear),
        f"The average is {'higher' if above else 'not higher'}; over tasks, {word}. By the sign test "
        f"p = {fixed(numbers[f'{name}_p'], 3)}.",
    )  # fmt: skip


def _same(paper: str, place: str, says: str, numbers: Mapping[str, Any], first: str, second: str) -> Claim:
    text, _, _ = _difference(numbers, first, second)
    low, high = (numbers[f"{first}_minus_{second}{end}"] for end in ("_low", "_high"))
    holds = high > 0
    why = "The interval over tasks includes zero." if low <= 0 <= high else "The interval over tasks excludes zero."
    return Claim(paper, place, says, text, "the paper's numbers over tasks; 1 seed per method", verdict(holds), why)


def _first(paper: str, place: str, says: str, numbers: Mapping[str, Any], first: str, rivals: Sequence[str]) -> Claim:
    differences = {rival: _difference(numbers, first, rival) for rival in rivals}
    clear = [rival for rival, (_, _, flag) in differences.items() if flag]
    highest = all(above for _, above, _ in differences.values())
    word = verdict(highest, highest and len(clear) == len(rivals))
    why = f"Higher than all {len(rivals)}; " if highest else "Not higher than all; "
    rest = [rival for rival in rivals if rival not in clear]
    tail = f"not distinguishable from {listed(rest)}." if rest else "each difference excludes zero."
    why += f"over tasks {tail}"
    return Claim(
        paper, place, says, "; ".join(f"{rival} {text}" for rival, (text, _, _) in differences.items()),
        "the paper's numbers over tasks; 1 seed per method", word, why,
    )  # fmt: skip
