"""In and out of distribution (RegMix, Table 6 and Figure 6), and proxies of other sizes (Table 11, Figure 14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.ablations.paired_targets import Results, same
from regmix.ablations.proxy_sizes import DEFAULT, PART, REGRESSOR, SIZES
from reports.ablation_study.dynamic import bases, natural
from reports.ablation_study.results import against, floor
from reports.page.formats import count, fixed, listed, spanned
from reports.page.section import Section, Table


def distribution(results: Results, ranked: pd.DataFrame, dropped: Sequence[str]) -> Section:
    """``ranked`` is ablation_evidence's heldout.csv; ``dropped`` are the methods that need the objective's domain."""
    tables = []
    comparisons = {
        "in_distribution": "The objective's domain is trained on",
        "without_news": "The objective's domain is left out of training, the same methods",
    }
    for comparison, title in comparisons.items():
        rows = _once(row for row in results.rows(comparison) if row["id"] != f"{comparison}/natural")
        caption = (f"{title}: final loss on it, and mean over the trained domains, minus those of natural and of the "
                   f"static mixture. {floor(results, comparison).capitalize()}.")  # fmt: skip
        tables.append(
            against(results, comparison, caption, rows, {"Method": "entry", "Kind": "kind"}, bases(results, comparison),
                    measures=("objective", "mean"))
        )  # fmt: skip
    shown = pd.DataFrame({"Regressor": ranked["regressor"], "Spearman ρ": [
        spanned(row, 2) for row in ranked[["value", "low", "high"]].to_numpy().tolist()]})  # fmt: skip
    dropped_note = (
        f" {listed(f'`{name}`' for name in dropped)} {'is' if len(dropped) == 1 else 'are'} dropped: no domain "
        f"of the objective is left to train on." if dropped else ""
    )  # fmt: skip
    return Section(
        "In and out of distribution",
        (
            "A row with several names is one method: for the same objective, these methods are identical."
            f"{dropped_note} The tokenizer was trained on the text of the domain that is left out; the models were "
            "not.",
            *tables,
            Table(
                "without_news_ranks",
                "How regressors rank held-out mixtures of proxies by the loss on a domain that they are not trained "
                f"on (RegMix's Table 6, at 1M): n = {int(ranked['n'].iloc[0])} mixtures, intervals over them.",
                shown, ranked,
            ),
        ),
    )  # fmt: skip


def _once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per target, with the names of all its entries."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] in merged:
            merged[row["id"]]["entry"] += f", {row['entry']}"
        else:
            merged[row["id"]] = dict(row)
    return list(merged.values())


def sizes(results: Results, compared: pd.DataFrame, weights: Mapping[str, Mapping[str, float]]) -> Section:
    """``compared`` is ablation_evidence's sizes.csv; ``weights`` are the chosen mixtures by swarm (variant)."""
    rows = []
    for row in compared.itertuples(index=False):
        leading = sorted(weights[row.variant].items(), key=lambda item: -item[1])[:3]
        rows.append({
            "Proxies": row.variant.removesuffix("_proxies").replace(DEFAULT, "as elsewhere"),
            "body": count(row.body),
            "ρ, own held-out": spanned([row.heldout_value, row.heldout_low, row.heldout_high], 2),
            "ρ, targets": spanned([row.target_value, row.target_low, row.target_high], 2),
            "L1 to the default's": "–" if row.variant == DEFAULT else
            f"{fixed(row.distance, 2)} (by chance {fixed(row.expected_distance, 2)})",
            "most weight": listed(f"{domain} {fixed(weight, 2)}" for domain, weight in leading),
        })  # fmt: skip
    designs = [row for comparison in SIZES for row in targets(results, comparison)]
    table = against(
        results, "sizes_targets",
        f"Targets by the size of the proxies, trained with part `{PART}` of the swarm: final objective loss minus that "
        "of natural, and minus that of the same method with the default proxies.",
        designs, {"Proxies": "comparison", "Method": "entry"},
        {"minus natural": (lambda row: natural(str(row["comparison"]))(row), "natural"),
         "minus default proxies": (lambda row: default(results, str(row["entry"])), "default")},
    )  # fmt: skip
    caption = (
        f"The regressor `{REGRESSOR}` by the size of the proxies: rank correlation with the actual losses of held-out "
        "proxies of the same size, and with targets of the same mixtures; the distance of the mixture that RegMix "
        "chooses from the default's, with the distance expected by chance from refits to resampled proxies in "
        "brackets; its heaviest domains."
    )
    return Section(
        "Size of the proxies",
        (
            "The mixtures and the numbers of proxies and steps are the same; only the proxies' shape differs. Larger "
            "proxies cost more.",
            Table("sizes", caption, pd.DataFrame(rows), compared),
            table,
        ),
    )


def targets(results: Results, variant: str) -> list[dict[str, Any]]:
    """The design rows of RegMix and RegMix-D that use the part of the swarm that all sizes have."""
    comparison = "efficiency" if variant == DEFAULT else variant
    chosen = results.rows(comparison, "regmix", "offline", "online")
    if variant != DEFAULT:
        return chosen
    names = {default(results, entry) for entry in ("regmix", "offline", "online")}
    return [row for row in chosen if row["id"] in names]


def default(results: Results, entry: str) -> str | None:
    """The target that differs from an entry of the other sizes only in using the default proxies."""
    other = next((row for variant in SIZES for row in results.rows(variant, entry)), None)
    for row in results.rows("efficiency") if other else ():
        alike = all(same(row.get(key), other.get(key)) for key in ("kind", "granularity"))  # type: ignore[union-attr]
        if alike and row["proxies"] == PART:
            return str(row["id"])
    return None
