"""The papers' claims, one per row: the claim, the result here, and a verdict that the numbers decide.

Each function takes the numbers of metrics/published.json. A verdict is always a comparison of numbers; only a claim
whose data were never published has a fixed one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.page.formats import MISSING, fixed, interval, listed, percent, power

HOLDS, PARTLY, FAILS = "holds", "holds in part", "does not hold"
UNTESTED = "cannot be tested with published data"
LAW = "effective_tokens"
WORDS = {"ridge": "linear regression", "lightgbm_paper": "LightGBM"}
SCALES = ("1m", "60m", "1b")
LABELS = {"1m": "1M", "60m": "60M", "1b": "1B"}
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    paper: str
    place: str
    says: str
    found: str
    basis: str  # n, seeds, what the interval resamples
    verdict: str
    why: str


def verdict(*flags: bool) -> str:
    """HOLDS if all parts of a claim do, FAILS if none does."""
    return HOLDS if all(flags) else PARTLY if any(flags) else FAILS


def ranking(numbers: Numbers, printed: pd.DataFrame) -> list[Claim]:
    """Section 4.2 with Table 2 (``printed``) and Figure 4."""
    rows = {
        row["method"]: {"mse": row["mse_1m"], **{s: row[f"spearman_{s}"] for s in SCALES}}
        for row in printed.to_dict("records")
    }
    linear, trees = (rows[name] for name in ("linear", "lightgbm"))
    table, less, curve = numbers["table2"], numbers["margins"], numbers["figure4"]
    test = "512 training runs, 1 seed; tested on 256, 256 and 64 mixtures"
    out = []
    for name, row in (("ridge", linear), ("lightgbm_paper", trees)):
        inside = [_inside(row[s], table[name], f"spearman_{s}") for s in SCALES]
        outside = [s for s, flag in zip(SCALES, inside, strict=True) if not flag]
        gaps = listed(f"{fixed(table[name][f'spearman_{s}'] - row[s], 2, sign=True)} at {LABELS[s]}" for s in SCALES)
        out.append(
            Claim(
                "RegMix", "Table 2", f"{WORDS[name]}: ρ {_row(row)} at 1M / 60M / 1B", _rhos(table[name]),
                test, verdict(*inside),
                f"Ours minus the paper's: {gaps}"
                + (f"; outside our interval at {listed(LABELS[s] for s in outside)}." if outside else "."),
            )
        )  # fmt: skip
    behind = [triple(less["ridge"], f"minus_lightgbm_paper_{s}") for s in SCALES]
    out.append(
        Claim(
            "RegMix", "Table 2, §4.2", "LightGBM ranks better than linear regression at every size",
            f"linear minus LightGBM: {_slashed(behind)}", test, verdict(*(_below(gap) for gap in behind)),
            _which(behind, _below, "the interval of the difference excludes zero"),
        )
    )  # fmt: skip
    errors = {metric: [table[n][f"{metric}_1m"] for n in ("ridge", "lightgbm_paper")] for metric in ("mse", "mae")}
    printed_errors = [row["mse"] for row in (linear, trees)]
    same = {m: [round(v, 2) == p for v, p in zip(values, printed_errors, strict=True)] for m, values in errors.items()}
    out.append(
        Claim(
            "RegMix", "Table 2", f"MSE {printed_errors[0]} (linear), {printed_errors[1]} (LightGBM) at 1M",
            f"MSE {fixed(errors['mse'][0], 4)}, {fixed(errors['mse'][1], 4)}; "
            f"MAE {fixed(errors['mae'][0])}, {fixed(errors['mae'][1])}",
            "256 mixtures", verdict(*same["mse"]),
            "Rounded to two digits, our MSE differs from the printed one"
            + (", but our mean absolute error agrees with it to within 0.01."
               if _close(errors["mae"], printed_errors) else ".")
            if not all(same["mse"]) else "Our MSE rounds to the printed one.",
        )
    )  # fmt: skip
    above = [triple(less["lightgbm_paper"], f"minus_no_proxy_{s}") for s in SCALES]
    poor = triple(less["lightgbm_paper"], "minus_no_proxy_60m_starved")
    out.append(
        Claim(
            "RegMix", "§4.2", "ρ 97.12 on 1B models directly validates that small models predict the ranks of large "
                              "ones",
            f"no proxy, sorting by the Pile-CC weight alone: ρ {_rhos(table['no_proxy'])}; LightGBM minus that: "
            f"{_slashed(above)}",
            test, verdict(_above(above[2])),
            f"At 1B the regression does {'better than' if _above(above[2]) else 'no better than'} a baseline that "
            "trains "
            f"nothing: among those 64 mixtures the Pile-CC weight alone gives the order. The evidence is at 60M, "
            f"and on the {table['no_proxy']['n_60m_starved']} of its mixtures with Pile-CC below 0.01, where the "
            f"difference is {span(poor, 1)}.",
        )
    )  # fmt: skip
    for name in WORDS:
        means = {n: curve[name].get(f"proxies_{n}_1m") for n in (64, 128, 256, 512)}
        few = triple(curve[name], "proxies_64_1m")
        rises = [a < b for a, b in itertools.pairwise(means.values())]
        beyond = means[512] > few[2]
        out.append(
            Claim(
                "RegMix",
                "Figure 4, proxy axis",
                f"more proxies raise ρ ({WORDS[name]})",
                f"ρ at 1M by {' / '.join(map(str, means))} proxies: {' / '.join(fixed(v, 1) for v in means.values())}",
                f"mean of {curve[name]['proxies_64_1m_subsets']} random subsets",
                verdict(all(rises), beyond),
                f"The mean {'rises' if all(rises) else 'does not rise'} at every step; the mean at 512 lies "
                f"{'above' if beyond else 'within'} the interval of the mean at 64, {span(few, 1)}.",
            )
        )
    if LAW in curve:
        out.append(_few_suffice(curve))
    out.append(
        untested("RegMix", "Figure 4, token axis", "training tokens beyond 0.25B add little",
                  "Only losses at the end of training are published.")
    )  # fmt: skip
    return out


def _few_suffice(curve: Mapping[str, Mapping[str, Any]]) -> Claim:
    """Ours, not a paper's: with a better regressor an eighth of the proxies is enough."""
    few = [triple(curve[LAW], f"proxies_64_{scale}") for scale in SCALES]
    many = [curve["lightgbm_paper"][f"proxies_512_{scale}"] for scale in SCALES]
    least = [triple(curve[LAW], f"proxies_32_{scale}") for scale in SCALES]
    reached = [high is not None and mean <= high for mean, (_, _, high) in zip(many, few, strict=True)]
    at = [LABELS[scale] for scale, flag in zip(SCALES, reached, strict=True) if flag]
    return Claim(
        "this workbench", "Figure 4", "64 proxies suffice with a law of effective tokens, where LightGBM takes 512",
        f"the law with 64: {_slashed(few)}; with 32: {_slashed(least)}; LightGBM with 512: "
        f"{' / '.join(fixed(value, 1) for value in many)}",
        f"mean of {curve[LAW]['proxies_64_1m_subsets']} random subsets, t interval", verdict(*reached),
        f"At {listed(at)} the law's interval reaches LightGBM's ρ." if at else "At no size does it reach LightGBM's ρ.",
    )  # fmt: skip


def scaling(numbers: Numbers) -> list[Claim]:
    """Figure 15 and RegMix-D's exponent."""
    ranks, beta = numbers["figure15"], numbers["beta"]
    values = {key.removesuffix("_1m_60m"): v for key, v in ranks.items() if key.endswith("_1m_60m")}
    lowest = min(values, key=lambda domain: values[domain])
    low = ranks[f"{lowest}_1m_60m_low"]
    paper, proxies = beta["corrected_paper"], beta["corrected_proxies"]
    return [
        Claim(
            "RegMix", "Figure 15, Appendix I", "the order of mixtures is the same at all sizes: 1M against 60M",
            f"Pile-CC ρ {span(triple(ranks, 'pile_cc_1m_60m'), 2)}; lowest of {len(values)} domains: {lowest} "
            f"{span(triple(ranks, f'{lowest}_1m_60m'), 2)}",
            "256 mixtures trained at both, 1 seed", verdict(low > 90),
            f"The lower edge of the lowest domain is {fixed(low, 1)}, {'above' if low > 90 else 'below'} 90.",
        ),
        untested("RegMix", "Figure 15, Appendix I", "the same for 280M, for 1B and for 10B and 25B tokens",
                  "No losses of a 280M model or at 10B tokens are published, and no mixture of the 64 1B models was "
                  "trained at another size."),
        Claim(
            "RegMix-D", "Algorithm 2, Table 3", "beta = 0.05 converts 1B losses to the scale of the 1M proxies",
            f"beta {span(triple(beta, 'value'), 4)} to 1B; {span(triple(beta, 'value_60m'), 4)} to 60M",
            f"{beta['value_n']} mixtures at 1B with a predicted 1M loss; {beta['value_60m_n']} trained at both for 60M",
            verdict(_inside(0.05, beta, "value", factor=1)),
            f"With 0.05 the 1B losses become {fixed(paper['low'], 2)} to {fixed(paper['high'], 2)}, and "
            f"{percent(paper['below'])} of them lie below every final loss of the proxies (from "
            f"{fixed(proxies['low'], 2)}), where trees predict one value for all.",
        ),
    ]  # fmt: skip


def compute(numbers: Numbers) -> list[Claim]:
    """The claims of cost."""
    cost = numbers["compute"]
    body, full = cost["swarm_share_of_1b_body"], cost["swarm_share_of_1b_full"]
    doremi = cost["swarm_share_of_doremi_printed"]
    return [
        Claim(
            "RegMix", "footnote 3, Appendix A", "the 512 proxies cost nearly 2 % of one 1B run",
            f"{percent(body)} body only, {percent(full)} with attention and head", "Table 9's shapes",
            verdict(body < 0.025, full < 0.025),
            f"The head over 50,432 tokens is {percent(cost['head_share_1m'])} of a 1M model's FLOPs; counting only "
            "non-embedding parameters leaves it out.",
        ),
        Claim(
            "RegMix", "abstract, Table 4", "a tenth of DoReMi's compute (3.5e18 of 3.7e19 FLOPs)",
            f"printed {percent(doremi)}; our count of the swarm {power(cost['swarm_flops_body'])} body only, "
            f"{power(cost['swarm_flops_full'])} in full",
            "Tables 4 and 9", verdict(doremi < 0.105, cost["swarm_flops_full"] < 0.105 * 3.7e19),
            "Both printed numbers count only the body; a 1M proxy spends most of its FLOPs outside the body, a 280M "
            "model does not.",
        ),
        Claim(
            "RegMix-D", "abstract", "a quarter of RegMix's proxy budget",
            f"{percent(cost['hours_128_of_512'])} of its GPU hours; that is still "
            f"{percent(cost['hours_128_of_target'])} of one target run, and 512 proxies are "
            f"{percent(cost['hours_512_of_target'])}",
            "hours as the paper states them", verdict(cost["hours_128_of_512"] <= 0.25),
            "128 of 512 proxies of one size. The hours are the full cost, which body FLOPs understate.",
        ),
        Claim(
            "RegMix-D", "costs", "switching online adds almost nothing to a run",
            f"{percent(cost['hours_online_extra'])} more hours than RegMix",
            "hours as the paper states them; 1 run each",
            verdict(cost["hours_online_extra"] < 0.01), "One run each, so the noise of a run's time is unknown.",
        ),
        untested("RegMix", "§3.3", "predicting the loss of 1,000,000 mixtures takes less than 10 CPU seconds",
                 "A time belongs to a machine, not to the published data. `make bench` measures it on your machine, "
                 "next to that of LightGBM's own prediction, and writes benchmarks/results.json."),
    ]  # fmt: skip


def untestable(numbers: Numbers, printed: pd.DataFrame) -> list[Claim]:
    """Claims whose data were never published, with the nearest evidence; ``printed`` is Table 6."""
    table, published = numbers["table6"], printed.set_index("method")["spearman_1m"]
    nearest = "; ".join(
        f"{WORDS[name]} {span(triple(table[name], 'spearman_1m'), 1)} (paper {fixed(published[row], 2)})"
        for name, row in (("ridge", "linear"), ("lightgbm_paper", "lightgbm"))
    )
    ridge = table["ridge"]
    return [
        Claim(
            "RegMix", "Table 6, Appendix C.2", "without Pile-CC in training, ρ 83.00 and 95.47 on its loss",
            f"nearest: {nearest}", f"{ridge['trained']} training and {ridge['n']} test runs with almost no Pile-CC",
            UNTESTED,
            "The runs without Pile-CC are not published; the nearest published runs have almost none.",
        ),
        untested("RegMix", "Table 5, §5.6", "it extends to 100 domains",
                 "None of those runs are published. The audit `finer` splits our own."),
        untested("RegMix", "§5.4, Figure 7 right", "code domains also interact in complex ways",
                 "None of the runs on The Stack are published. The audit `finer` has Python packages."),
        untested("RegMix-D", "§4, Figure 3", "the best mixture changes during training",
                 "The published tables hold losses at the end of training only; trajectories must be trained."),
    ]  # fmt: skip


def untested(paper: str, place: str, says: str, why: str) -> Claim:
    """A claim whose data were never published."""
    return Claim(paper, place, says, MISSING, MISSING, UNTESTED, why)


def triple(numbers: Numbers, name: str) -> tuple[float | None, float | None, float | None]:
    return numbers[name], numbers[f"{name}_low"], numbers[f"{name}_high"]


def span(triple: Sequence[float | None], digits: int) -> str:
    value, low, high = triple
    return interval(value, low, high, digits)


def _slashed(triples: Sequence[Sequence[float | None]], digits: int = 1) -> str:
    return " / ".join(span(triple, digits) for triple in triples)


def _rhos(numbers: Numbers) -> str:
    return _slashed([triple(numbers, f"spearman_{s}") for s in SCALES], 2)


def _row(printed: Mapping[str, float]) -> str:
    return " / ".join(fixed(printed[s], 2) for s in SCALES)


def _inside(printed: float, numbers: Numbers, name: str, factor: float = 1) -> bool:
    _, low, high = triple(numbers, name)
    return low is not None and high is not None and low <= factor * printed <= high


def _above(triple: Sequence[float | None]) -> bool:
    return triple[1] is not None and triple[1] > 0


def _below(triple: Sequence[float | None]) -> bool:
    return triple[2] is not None and triple[2] < 0


def _which(gaps: Sequence[Sequence[float | None]], test: Callable[..., bool], clause: str) -> str:
    at = [LABELS[s] for s, gap in zip(SCALES, gaps, strict=True) if test(gap)]
    return f"At {listed(at)} {clause}." if at else f"At no size {clause}."


def _close(values: Sequence[float], printed: Sequence[float]) -> bool:
    return all(abs(v - p) < 0.01 for v, p in zip(values, printed, strict=True))
