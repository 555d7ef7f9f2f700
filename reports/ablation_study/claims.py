"""The claims that the ablations test, one per row: the claim, the result here, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.ablations.paired_targets import Results
from regmix.ablations.proxy_sizes import DEFAULT, PART
from regmix.evaluation.summary import AVERAGE, Spread
from regmix.statistics.verdicts import FAILS, HOLDS, UNDECIDED, alike, because, lower
from reports.ablation_study.dynamic import BOTH
from reports.ablation_study.results import basis, difference_text, floor
from reports.ablation_study.variants import default
from reports.page.formats import counted, fixed, interval, spanned
from reports.page.section import Section
from reports.papers.claims import Claim
from reports.papers.claims_page import tabled, tally

REGMIX, REGMIX_D = "RegMix", "RegMix-D"
BLURRED = 0.5  # L1 (at most 2) between two refits of one swarm, beyond which similarity means nothing


def page(claims: Sequence[Claim], seeds: int, level: float) -> Section:
    """The page's first section: the claims and how many of each verdict."""
    counts, table = tabled(claims, (HOLDS, FAILS, UNDECIDED))
    prose = (
        f"Claims of RegMix (arXiv 2407.01492) and RegMix-D (arXiv 2606.18663) that need training, {len(claims)} in "
        f"all: {counts}. Models, corpus and budgets are thousands of times smaller than the papers', and RegMix-D's "
        "task scores are replaced by the objective's validation loss in nats per token, lower is better: a claim that "
        f"holds here need not hold there, and vice versa. Differences are paired by seed, {counted(seeds, 'seed')} per "
        f"method, with {level:.0%} intervals; the papers have one. They apply to these swarms: each was trained once, "
        "so only intervals over its runs include its randomness. Nothing is corrected for the number of comparisons; "
        f"of twenty intervals without a true difference, about {fixed(20 * (1 - level), 0)} would exclude zero. "
        f"*{HOLDS.capitalize()}* and *{FAILS}* require that the intervals show it; otherwise the verdict is "
        f"*{UNDECIDED}*. *Alike* means within twice the standard deviation of natural over its seeds. A "
        "*comparison* is a table of methods that share one objective; a *variant* is a swarm, trained "
        "once, that the methods of its comparisons learn from."
    )
    return Section(
        "The papers' claims on our own runs",
        (tally([claim.verdict for claim in claims], (HOLDS, FAILS, UNDECIDED)), prose, table),
    )


def dynamic(results: Results) -> list[Claim]:
    """RegMix-D's Tables 1 and 3 from the comparisons efficiency and beta."""
    comparison, out = "efficiency", []
    noise = floor(results, comparison)
    full, few = ("all", "quarter")
    n = _usual(results)
    offline, online = (
        {p: results.first_target(comparison, kind, proxies=p, granularity=n) for p in (full, few)} for kind in BOTH
    )
    static = {p: results.first_target(comparison, "regmix", proxies=p) for p in (full, few)}
    natural = f"{comparison}/natural"
    statements: list[tuple[str, dict[str, tuple[str | None, str | None]]]] = [
        ("RegMix is better than the human mixture (here: natural)", {"static": (static[full], natural)}),
        ("RegMix-D offline is better than RegMix", {p: (offline[p], static[p]) for p in (full, few)}),
        ("RegMix-D online is better than RegMix", {p: (online[p], static[p]) for p in (full, few)}),
        ("Online is better than offline", {p: (online[p], offline[p]) for p in (full, few)}),
        ("A quarter of the proxies suffices for RegMix-D to beat RegMix with all",
         {"offline": (offline[few], static[full]), "online": (online[few], static[full])}),
        ("More proxies make RegMix-D better",
         {"offline": (offline[full], offline[few]), "online": (online[full], online[few])}),
    ]  # fmt: skip
    for says, pairs in statements:
        differences = {key: results.loss_difference(*pair) for key, pair in pairs.items()}
        out.append(_lower("Table 1", says, differences, noise, results.level))
    for kind in BOTH:
        own = results.first_target(comparison, kind, proxies=full, granularity=n)
        others = {f"minus N = {row['granularity']:g}": results.loss_difference(own, row["id"])
                  for row in results.rows(comparison, kind) if row["proxies"] == full and row["id"] != own}  # fmt: skip
        out.append(_lower("Table 3", f"N = {n:g} is the best granularity ({kind})", others, noise, results.level))
    half = 2 * results.noise("beta").sd
    usual = results.first_target("beta", "online", beta=0.05)
    betas = {f"beta {row['beta']}": results.loss_difference(row["id"], usual) for row in results.rows("beta", "online")
             if row["id"] != usual}  # fmt: skip
    out.append(_alike(REGMIX_D, "Table 3", "Beta between 0.01 and 0.1 makes little difference (against 0.05)",
                      betas, half, results.level))  # fmt: skip
    return out


def sizes(results: Results, compared: pd.DataFrame) -> list[Claim]:
    """Table 11 and Figure 14 of RegMix, and Table 3 of RegMix-D; ``compared`` is ablation_evidence's sizes.csv."""
    out = []
    other_sizes = compared[compared["variant"] != DEFAULT].set_index("variant")
    others = list(other_sizes.index)
    half = 2 * results.noise("efficiency").sd
    for paper, place, entries in ((REGMIX, "Table 11", ("regmix",)), (REGMIX_D, "Table 3", BOTH)):
        differences = {
            f"{name.removesuffix('_proxies')}{'' if entry == 'regmix' else f', {entry}'}": results.loss_difference(
                results.first_target(name, entry), default(results, entry)
            )
            for name in others
            for entry in entries
        }
        out.append(_alike(paper, place, "Targets come out alike for all sizes of the proxies", differences, half,
                          results.level))  # fmt: skip
    distances = {name: (row["distance"], row["expected_distance"]) for name, row in other_sizes.iterrows()}
    beyond = [distance > 2 * noise for distance, noise in distances.values()]
    blurred = any(noise > BLURRED for _, noise in distances.values())
    word = FAILS if beyond and all(beyond) else HOLDS if beyond and not any(beyond) and not blurred else UNDECIDED
    out.append(
        Claim(
            REGMIX, "Figure 14", "Proxies of different size choose similar mixtures",
            "; ".join(f"{name.removesuffix('_proxies')}: L1 {fixed(d, 2)}, by chance {fixed(e, 2)}"
                      for name, (d, e) in distances.items()),
            f"part `{PART}` of each swarm; chance from refits to resampled proxies", word,
            {HOLDS: "no distance is more than twice that of refits by chance",
             FAILS: "every distance is more than twice that of refits by chance",
             UNDECIDED: f"refits alone change it by more than {BLURRED:g}" if blurred else "the sizes disagree"}[word],
        )
    )  # fmt: skip
    return out


def distribution(results: Results, heldout: pd.DataFrame, regressor: str, level: float) -> list[Claim]:
    """Table 6 and the right of Figure 6, from the comparison without the objective's domain."""
    ranked = heldout.set_index("regressor")
    row = ranked.loc[regressor]
    word = HOLDS if row["low"] > 0 else FAILS if row["high"] < 0 else UNDECIDED
    shown = ranked.loc[[name for name in (regressor, "ridge") if name in ranked.index]]
    out = [
        Claim(
            REGMIX, "Table 6", "The loss of a domain that is not trained on can be predicted from the mixture",
            "; ".join(f"{name} ρ {spanned([r['value'], r['low'], r['high']], 2)}" for name, r in shown.iterrows()),
            f"{int(row['n'])} held-out proxies", word,
            "the interval lies above zero" if word == HOLDS else "the interval does not lie above zero",
        )
    ]  # fmt: skip
    noise = floor(results, "without_news")
    methods = {
        "regmix": (REGMIX, "Figure 6", "RegMix"),
        "offline": (REGMIX_D, "Table 1", "RegMix-D offline"),
        "online": (REGMIX_D, "Table 1", "RegMix-D online"),
    }
    for entry, (paper, place, name) in methods.items():
        differences = {
            comparison.replace("_", " "): results.loss_difference(
                results.first_target(comparison, entry), f"{comparison}/natural"
            )
            for comparison in ("without_news", "in_distribution")
        }
        says = f"{name} beats natural without the objective's domain, and with it"
        out.append(_lower(place, says, differences, noise, level, paper))
    return out


def ranks(
    correlations: pd.DataFrame, spreads: pd.DataFrame, related: pd.DataFrame, general: str, n: int, seeds: int
) -> list[Claim]:
    """Figure 15, Table 3 and Figure 5; ``general`` is the domain that takes the place of Pile-CC."""
    lowest = correlations.loc[correlations["value"].idxmin()]
    low = float(correlations["low"].min())
    word = HOLDS if low > 0 else FAILS if (correlations["high"] < 0).any() else UNDECIDED
    out = [
        Claim(
            REGMIX, "Figure 15", "Mixtures keep their order across sizes and budgets",
            f"{len(correlations)} correlations, the lowest "
            f"{interval(lowest['value'], lowest['low'], lowest['high'], 2)} "
            f"({lowest['objective']}, {lowest['first']} and {lowest['second']}), the median "
            f"{fixed(float(correlations['value'].median()), 2)}",
            f"{n} mixtures, {counted(seeds, 'seed')}; intervals over the mixtures", word,
            "every interval lies above zero; how high the correlations are is a separate question" if word == HOLDS
            else "not every interval lies above zero",
        )
    ]  # fmt: skip
    tested = spreads[spreads["p"].notna() & (spreads["task"] != AVERAGE)]
    limit = 0.05 / max(1, len(tested))
    clear = tested[tested["p"] < limit]
    widest = spreads.loc[spreads["delta"].idxmax()]
    out.append(
        Claim(
            REGMIX, "Table 3", "The mixture matters much for downstream scores (up to 14.6 points)",
            f"widest: {widest['task'].removeprefix('heldout_')}, {fixed(widest['worst'], 1)} to "
            f"{fixed(widest['best'], 1)}"
            + (f"; mixtures differ beyond the seeds on {len(clear)} of {len(tested)} tasks" if len(tested) else ""),
            f"{n} mixtures, {counted(seeds, 'seed')}" + (f"; p < 0.05 / {len(tested)}" if len(tested) else ""),
            HOLDS if len(clear) else UNDECIDED,
            "mixtures differ by more than their seeds" if len(clear)
            else "the best and the worst of many always differ; "
            + ("seeds and few items explain as much" if len(tested) else "one run per mixture cannot say by how much"),
        )
    )  # fmt: skip
    own = related[related["task"] == AVERAGE].sort_values("value", ascending=False, kind="stable")
    if len(own) and general in set(own["domain"]):
        row, top = own.set_index("domain").loc[general], own.iloc[0]
        word = HOLDS if row["first"] > 0.95 else FAILS if row["first"] < 0.05 else UNDECIDED
        wins = related[related["task"] != AVERAGE]
        wins = wins.loc[wins.groupby("task")["value"].idxmax(), "domain"] if len(wins) else pd.Series(dtype=object)
        out.append(
            Claim(
                REGMIX, "Figure 5", f"The loss on web text (here: {general}) goes best with downstream scores",
                f"r {spanned([row['value'], row['low'], row['high']], 2)} with the average, the highest is "
                f"{top['domain']} with {fixed(top['value'], 2)}; first on {int((wins == general).sum())} of "
                f"{len(wins)} tasks",
                f"{n} mixtures", word, f"first in {row['first']:.0%} of resamples of the mixtures",
            )
        )  # fmt: skip
    return out


def _usual(results: Results) -> float:
    """The paper's granularity, 5, or the median of those trained if 5 is not among them."""
    trained = sorted({row["granularity"] for row in results.rows("efficiency", *BOTH)})
    return 5.0 if 5 in trained else trained[len(trained) // 2]


def _lower(
    place: str, says: str, differences: Mapping[str, Spread | None], noise: str, level: float, paper: str = REGMIX_D
) -> Claim:
    word = lower(*differences.values())
    shown = "; ".join(f"{key}: {difference_text(spread)}" for key, spread in differences.items()) or "not trained"
    return Claim(paper, place, says, shown, basis(_first(differences), level), word,
                 because(word, list(differences.values()), noise))  # fmt: skip


def _alike(
    paper: str, place: str, says: str, differences: Mapping[str, Spread | None], margin: float, level: float
) -> Claim:
    word = alike(list(differences.values()), margin)
    why = {
        HOLDS: f"every interval lies within ±{fixed(margin)}",
        FAILS: f"a difference excludes zero and is not within ±{fixed(margin)}",
        UNDECIDED: f"an interval includes zero and goes beyond ±{fixed(margin)}",
    }[word]
    shown = "; ".join(f"{key}: {difference_text(spread)}" for key, spread in differences.items()) or "not trained"
    return Claim(paper, place, says, shown, basis(_first(differences), level), word, why)


def _first(differences: Mapping[str, Spread | None]) -> Spread | None:
    return next((spread for spread in differences.values() if spread), None)
