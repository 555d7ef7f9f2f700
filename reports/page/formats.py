"""Numbers as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from regmix.core.objective import NATS, Objective

MISSING = "–"
BEST, NOTED = "★", "†"  # signs after a number; a caption says what the second one means there
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float | None, digits: int = 3, sign: bool = False) -> str:
    """A decimal with a true minus sign; a dash if the value is not finite. ``sign`` also shows a plus."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0:  # no "-0.00"
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def interval(value: float | None, low: float | None, high: float | None, digits: int = 3, sign: bool = False) -> str:
    """``0.93 [0.81, 0.98]``; the value alone where the interval is not defined."""
    if value is None or not math.isfinite(value):
        return MISSING
    edges = (low, high)
    if any(edge is None or not math.isfinite(edge) for edge in edges):
        return fixed(value, digits, sign)
    return f"{fixed(value, digits, sign)} [{', '.join(fixed(edge, digits, sign) for edge in edges)}]"


def spanned(row: Sequence[float | None], digits: int = 3, sign: bool = False) -> str:
    """``interval`` of a row (value, low, high)."""
    value, low, high = row
    return interval(value, low, high, digits, sign)


def plus_minus(value: float | None, sd: float | None, digits: int = 3) -> str:
    """``4.12 ± 0.03``; the value alone if there is no deviation."""
    if sd is None or not math.isfinite(sd):
        return fixed(value, digits)
    return f"{fixed(value, digits)} ± {fixed(sd, digits)}"


def count(value: float) -> str:
    """A whole number with thin thousands separators."""
    return f"{round(value):,}".replace(",", "\u202f")


def amount(value: float) -> str:
    """A whole number in two or three digits: ``79 k``, ``1.3 M``, ``25 G``."""
    size, unit = next(((s, u) for s, u in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= 0.9995 * s),
                      (1.0, ""))  # fmt: skip
    scaled = value / size
    return f"{scaled:.1f} {unit}" if unit and scaled < 9.95 else f"{scaled:.0f} {unit}".rstrip()


def power(value: float, digits: int = 2) -> str:
    """``4.1 × 10¹⁸``."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def percent(share: float) -> str:
    """A share as a percentage: two significant digits below 10%, never rounded up to 100%."""
    value = 100 * share
    if 99 <= value < 100:
        return f"{math.floor(10 * value) / 10:.1f}%"
    return f"{value:.0f}%" if value >= 10 else f"{value:.2g}%"


def relative(share: float) -> str:
    """``24% of``, or ``7.9 times`` for shares of 1 and above; the caller appends the whole."""
    return f"{percent(share)} of" if share < 0.995 else f"{share:.2g} times" if share < 100 else f"{count(share)} times"


def bold(text: str, when: bool = True) -> str:
    """In tables bold means one thing: the interval of a number excludes zero. ``marked`` is for all else."""
    return f"**{text}**" if when else text


def marked(text: str, sign: str, when: bool = True) -> str:
    """``0.93 ★``; the space does not break."""
    return f"{text}\u202f{sign}" if when else text


def listed(items: Iterable[str]) -> str:
    """``a, b and c``."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def units(objectives: Mapping[str, Objective]) -> str:
    """``nats per token (qa: bits per byte)``: what the objectives' losses are in."""
    others = [f"{name}: {objective.unit}" for name, objective in objectives.items() if objective.unit != NATS]
    return f"{NATS} ({', '.join(others)})" if others else NATS


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 seed``, ``3 seeds``; ``plural`` if adding an s is not enough."""
    return f"{count(number)} {noun if number == 1 else plural or f'{noun}s'}"
