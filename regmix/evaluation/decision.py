"""What to do with a chosen mixture, in one line, by the strongest evidence that there is.

Targets decide where there are any: the mixture must beat natural, and nothing may beat it. Otherwise proxies trained
at the mixture decide, and without them the prediction, which is an extrapolation where no run is near.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from regmix.core.objective import BITS, NATS
from regmix.statistics.digits import leading

USE, AVOID, UNCLEAR, EXTRAPOLATES = "use it", "do not use it", "cannot be told", "extrapolates"
BETTER, ALIKE, OPEN, WORSE = "better than", "as good as", "no clear difference from", "worse than"

# The smallest difference of losses that matters, by unit; a smaller one does not, however certain it is.
MATTERS = {NATS: 0.02, BITS: 0.01}

# The rivals of metrics_summary.py as a reader knows them.
RIVALS = {"natural": "natural", "uniform": "uniform", "own": "own domains", "single": "best single domain",
          "one_shot": "one-shot", "best_proxy": "best proxy"}  # fmt: skip

Difference = tuple[float, float | None, float | None]  # value, low, high


class Decision(NamedTuple):
    """``word`` is USE, AVOID, UNCLEAR or EXTRAPOLATES; ``reason`` has the numbers."""

    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


def decision(headline: Mapping[str, Any], chosen: Mapping[str, Any]) -> Decision:
    """The decision on an objective, from its part of target_compare's headlines.json and from mixture_choose's JSON."""
    unit, proxies, predicted = headline["unit"], headline["mixture"], chosen["gain"]
    if "target" in headline:
        return _by_targets(headline["target"]["rivals"], unit)
    far = chosen["support"]["distance"] > chosen["support"]["typical"]
    gain: Difference = proxies["realised_gain"], proxies["realised_gain_low"], proxies["realised_gain_high"]
    # With mixture.refit, the proxies were trained at an earlier choice.
    if None not in gain and proxies["predicted_gain"] == predicted["value"]:
        alone = ", where the prediction alone extrapolates" if far else ""
        reason = f"proxies trained on it gain {_shown(*gain)} {unit} over natural{alone}; no target was trained"
        return Decision(_by_gain(*gain, unit=unit), reason)
    gain = predicted["value"], predicted["low"], predicted["high"]
    word, reason = _by_gain(*gain, unit=unit), f"predicted gain over natural {_shown(*gain)} {unit}"
    if word == USE and far:
        return Decision(EXTRAPOLATES, f"{reason}, but no run is near; train one there first")
    return Decision(word, reason)


def compared(value: float, low: float | None, high: float | None, unit: str) -> str:
    """How the mixture compares with a rival, by the interval of its loss minus the rival's.

    BETTER or WORSE if the difference is certain and matters; ALIKE if the mixture is certainly not worse by what does.
    """
    if low is None or high is None:
        return OPEN
    if abs(value) >= MATTERS[unit] and (low > 0 or high < 0):
        return WORSE if low > 0 else BETTER
    return ALIKE if high < MATTERS[unit] else OPEN


def over_rivals(rivals: Mapping[str, Mapping[str, Any]], unit: str) -> tuple[str, str]:
    """The word of the decision by targets, and how they compare with all rivals."""
    differences: dict[str, Difference] = {
        name: (rival["value"], rival["value_low"], rival["value_high"]) for name, rival in rivals.items()
    }
    words = {name: compared(*difference, unit=unit) for name, difference in differences.items()}
    names = {word: [RIVALS[name] for name in words if words[name] == word] for word in (BETTER, ALIKE, OPEN, WORSE)}
    parts = [f"{word} {_listed(some)}" for word, some in names.items() if some]
    if (beaten := len(names[BETTER])) > 1:
        parts[0] = f"{BETTER} {f'all {beaten}' if beaten == len(words) else f'{beaten} of {len(words)}'} rivals"
    return AVOID if names[WORSE] else USE if words["natural"] == BETTER else UNCLEAR, ", ".join(parts)


def _by_targets(rivals: Mapping[str, Mapping[str, Any]], unit: str) -> Decision:
    word, reason = over_rivals(rivals, unit)
    natural = rivals["natural"]
    difference = _shown(abs(natural["value"]), natural["value_low"], natural["value_high"])
    return Decision(word, f"{reason}; {difference} {unit} {'below' if natural['value'] < 0 else 'above'} natural")


def _by_gain(value: float, low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return UNCLEAR
    return {BETTER: USE, WORSE: AVOID}.get(compared(-value, -high, -low, unit), UNCLEAR)


def _listed(names: list[str]) -> str:
    full = [f"the {name}" if name.startswith("best") else name for name in names]
    return " and ".join(filter(None, (", ".join(full[:-1]), full[-1])))


def _shown(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or not high > low:
        return f"{value:.2f} (no interval)"
    half = (high - low) / 2
    return f"{value:.{leading(half)}f} ± {half:.{leading(half)}f}"
