"""In and out of distribution (RegMix, Table 6 and Figure 6), and proxies of other sizes (Table 11, Figure 14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix.statistics import metrics
from reports.ablation_study.dynamic import bases, natural
from reports.ablation_study.results import Results, against, floor
from reports.page.formats import count, fixed, listed, spanned
from reports.page.section import Section, Table

DEFAULT = "main"  # the world of the proxies' own size
SIZES = ("small_proxies", DEFAULT, "large_proxies")
PART = "half"  # the part of the swarm that all sizes have
RESAMPLES = 2000


@dataclass(frozen=True)
class Swarm:
    """A world's swarm: ``final`` predictions, the mixture ``chosen`` (JSON), the proxies' ``body`` parameters."""

    body: int
    final: pd.DataFrame
    chosen: Mapping[str, Any]


def distribution(results: Results, finals: Mapping[str, pd.DataFrame], dropped: Sequence[str], level: float) -> Section:
    """``finals`` are final.csv of the worlds; ``dropped`` the methods that have no use without the objective."""
    tables = []
    arms = {
        "in_distribution": "The objective's domain is trained on",
        "without_news": "The objective's domain is left out of training, all methods again",
    }
    for arm, said in arms.items():
        rows = _once(row for row in results.rows(arm) if row["id"] != f"{arm}/natural")
        caption = (f"{said}: final loss on it, and mean over the trained domains, less those of natural and of the "
                   f"static mixture. {floor(results, arm).capitalize()}.")  # fmt: skip
        tables.append(
            against(results, arm, caption, rows, {"Method": "entry", "Kind": "kind"}, bases(results, arm),
                    measures=("objective", "mean"))
        )  # fmt: skip
    final = finals["without_news"]
    ranked = ranking(final[final["proxies"] == final["proxies"].iloc[0]], level)
    shown = pd.DataFrame({"Regressor": ranked["regressor"], "Spearman ρ": [
        spanned(row, 2) for row in ranked[["value", "low", "high"]].to_numpy().tolist()]})  # fmt: skip
    gone = (
        f" {listed(f'`{name}`' for name in dropped)} {'falls' if len(dropped) == 1 else 'fall'} away: of the objective "
        "no domain is left to train on." if dropped else ""
    )  # fmt: skip
    return Section(
        "In and out of distribution",
        (
            f"A row with several names is one method: aimed at the same objective they are the same.{gone} The "
            "tokenizer has seen the training text of the domain that is left out; the models have not.",
            *tables,
            Table(
                "without_news_ranks",
                "How regressors rank held-out mixtures of proxies by the loss on a domain that is not trained on "
                f"(RegMix's Table 6, at 1M): n = {int(ranked['n'].iloc[0])} mixtures, intervals over them.",
                shown, ranked,
            ),
        ),
    )  # fmt: skip


def _once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each target in one row, under all its entries' names."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] in found:
            found[row["id"]]["entry"] += f", {row['entry']}"
        else:
            found[row["id"]] = dict(row)
    return list(found.values())


def ranking(final: pd.DataFrame, level: float) -> pd.DataFrame:
    """regressor, n, value, low, high: Spearman of predicted and true losses of the held-out runs."""
    rows = []
    for name, of in final.groupby("regressor", sort=False):
        pair = of["true"].to_numpy(), of["predicted"].to_numpy()
        rows.append([name, len(of), *metrics.correlation(*pair, resamples=RESAMPLES, level=level, seed=0)])
    return pd.DataFrame(rows, columns=["regressor", "n", "value", "low", "high"])


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[float, float]:
    """The L1 distance of two chosen mixtures, and the one expected of two that differ by their refits' spread alone."""
    one, two = (np.array(list(of["weights"].values())) for of in (first, second))
    spread = np.hypot(*(np.array(list(of["spread"].values())) for of in (first, second)))
    return float(np.abs(one - two).sum()), float(np.sqrt(2 / np.pi) * spread.sum())


def sizes(
    results: Results, swarms: Mapping[str, Swarm], large: pd.Series | None, regressor: str, level: float
) -> Section:
    """``large`` holds targets' losses of the held-out mixtures by run, if they were trained."""
    rows, values = [], []
    for world in [name for name in SIZES if name in swarms]:
        swarm = swarms[world]
        own = swarm.final[(swarm.final["regressor"] == regressor) & (swarm.final["proxies"] == PART)]
        distance, noise = apart(swarm.chosen, swarms[DEFAULT].chosen)
        weights = sorted(swarm.chosen["weights"].items(), key=lambda item: -item[1])[:3]
        found = ranking(own, level).iloc[0]
        row: dict[str, Any] = {"world": world, "body": swarm.body, "n": len(own)}
        row |= {f"heldout_{key}": found[key] for key in ("value", "low", "high")}
        carried = None
        if large is not None:
            both = own[own["run"].isin(large.index)]
            pair = both["predicted"].to_numpy(), large.loc[both["run"]].to_numpy()
            carried = metrics.correlation(*pair, resamples=RESAMPLES, level=level, seed=0)
            row |= {f"target_{key}": value for key, value in carried._asdict().items()} | {"target_n": len(both)}
        values.append(row | {"distance": distance, "expected_distance": noise})
        rows.append({
            "Proxies": world.removesuffix("_proxies").replace(DEFAULT, "as elsewhere"),
            "body": count(swarm.body),
            "ρ, own held-out": spanned([found["value"], found["low"], found["high"]], 2),
            "ρ, targets": spanned(list(carried), 2) if carried else "–",
            "L1 to the default's": "–" if world == DEFAULT else f"{fixed(distance, 2)} (by chance {fixed(noise, 2)})",
            "most weight": listed(f"{domain} {fixed(weight, 2)}" for domain, weight in weights),
        })  # fmt: skip
    designs = [row for arm in SIZES for row in targets(results, arm)]
    table = against(
        results, "sizes_targets",
        f"Targets by the size of the proxies, `{PART}` of them random: final objective loss less that of natural, and "
        "less that of the same method from the default proxies.",
        designs, {"Proxies": "arm", "Method": "entry"},
        {"less natural": (lambda row: natural(str(row["arm"]))(row), "natural"),
         "less default proxies": (lambda row: default(results, str(row["entry"])), "default")},
    )  # fmt: skip
    caption = (
        f"The regressor `{regressor}` by the size of the proxies: rank correlation with the true losses of held-out "
        "proxies of the same size, and with targets of the same mixtures; the distance of the mixture that RegMix "
        "chooses, beside what refits to resampled proxies would give by chance; the domains it gives most."
    )
    return Section(
        "Size of the proxies",
        (
            "The same mixtures, as many proxies and steps; only the proxies' shape differs. Larger proxies cost more.",
            Table("sizes", caption, pd.DataFrame(rows), pd.DataFrame(values)),
            table,
        ),
    )


def targets(results: Results, world: str) -> list[dict[str, Any]]:
    """The design rows of RegMix and RegMix-D from the part of the swarm that all sizes have."""
    arm = "efficiency" if world == DEFAULT else world
    chosen = results.rows(arm, "regmix", "offline", "online")
    if world != DEFAULT:
        return chosen
    names = {default(results, entry) for entry in ("regmix", "offline", "online")}
    return [row for row in chosen if row["id"] in names]


def default(results: Results, entry: str) -> str | None:
    """The target of an entry from the default proxies, with the granularity of the other sizes."""
    if entry == "regmix":
        return results.one("efficiency", entry, proxies=PART)
    others = [row.get("granularity") for world in SIZES for row in results.rows(world, entry)]
    return results.one("efficiency", entry, proxies=PART, granularity=others[0]) if others else None
