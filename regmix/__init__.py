"""RegMix and RegMix-D as a library: arrays and frames in, values out.

What ``__all__`` names is the public API, for notebooks: see ``regmix.api``, which is imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regmix.api import Fitted, InputError, Recommendation, Search, compare, fit, recommend, sample_mixtures

__all__ = ["Fitted", "InputError", "Recommendation", "Search", "compare", "fit", "recommend", "sample_mixtures"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("regmix.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
