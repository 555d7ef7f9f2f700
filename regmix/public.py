"""The names of the public API, which ``regmix`` takes from ``regmix.api``.

Apart from it, because importing ``regmix`` must not import pandas; apart from ``regmix/__init__.py``, because every
run's key covers that file, and a new name would train everything again.
"""

NAMES = [
    "Fitted", "InputError", "Recommendation", "Search", "compare", "compare_mixtures", "fit", "propose", "recommend",
    "sample_mixtures", "tournament",
]  # fmt: skip
