"""RegMix and RegMix-D as a library: arrays and frames in, values out.

The public API, for notebooks, is regmix.api, which is imported when one of the names in regmix/public.py is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regmix.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    names = import_module("regmix.public").NAMES if name != "public" else ()
    if name == "__all__":
        return names
    if name in names:
        return getattr(import_module("regmix.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("regmix.public").NAMES})
