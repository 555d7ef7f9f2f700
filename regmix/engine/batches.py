"""Batches as a pure function of (seed, step, realised schedule).

Each sequence draws its domain from the current mixture: independently, as the paper's code does, or by a sequence of
low discrepancy in its number, which holds every domain to within two or three sequences of its share at any step and
lowers the noise of a comparison. Within a domain, each window is used once per epoch, in a shuffled order that depends
only on (seed, domain, epoch), not on the mixture. The only state is the ledger, the number of sequences consumed per
domain, and it too follows from (seed, schedule, step).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.token_files import windows
from regmix.engine.shuffle import shuffled

DRAWS = 2**32 - 1  # the stream of a seed that places its run in the golden ratio's sequence; no domain has this number
GOLDEN = (5**0.5 - 1) / 2  # its multiples, modulo 1, are spread over [0, 1) as evenly as any number's


class Loader:
    """Training windows of K domains.

    ``tokens`` maps the trained domains to their token files (memory-mapped, integer).
    Raises InputError if a domain is shorter than one window.
    """

    def __init__(
        self, tokens: Mapping[str, np.ndarray], context: int, sequences: int, steps: int,
        draws: Literal["independent", "low_discrepancy"] = "independent",
    ) -> None:  # fmt: skip
        self._draws = {"independent": _uniforms, "low_discrepancy": _spread}[draws]
        self.domains = tuple(tokens)
        self.context, self.sequences, self.steps = context, sequences, steps
        self._tokens = list(tokens.values())
        self._windows = [windows(len(array), context) for array in self._tokens]
        for name, count in zip(self.domains, self._windows, strict=True):
            if count < 1:
                raise InputError(
                    f"domain {name}: its training text is shorter than one window of {context} tokens; "
                    "give it more text or lower the context"
                )

    def batches(
        self, seed: int, schedule: Schedule, ledger: np.ndarray, first: int, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps ``first`` to ``first + count`` of a run: tokens (count, B, T+1) int32, domains (count, B), and the
        ledger (K,) after them.

        ``ledger`` (K,) int64 counts the sequences per domain that the steps before ``first`` consumed.
        """
        if schedule.domains != self.domains:
            raise InputError(
                f"schedule: its domains {', '.join(schedule.domains)} are not the trained domains "
                f"{', '.join(self.domains)}; make a new schedule for this corpus"
            )
        draws = np.stack([self._draws(seed, step, self.sequences) for step in range(first, first + count)])
        mixtures = np.stack([schedule.at(step / self.steps) for step in range(first, first + count)])
        edges = np.cumsum(mixtures, axis=1)  # (count, K)
        edges[:, -1] = np.inf
        # The first domain whose cumulative weight exceeds the draw; never a domain of weight 0.
        domain = (draws[:, :, None] < edges[:, None, :]).argmax(axis=2)
        out = np.empty((count, self.sequences, self.context + 1), dtype=np.int32)
        after = ledger.copy()
        for k in range(len(self.domains)):
            mask = domain == k
            picked = int(mask.sum())
            if picked:
                out[mask] = self._read(k, seed, after[k] + np.arange(picked, dtype=np.int64))
                after[k] += picked
        return out, domain, after

    def _read(self, k: int, seed: int, index: np.ndarray) -> np.ndarray:
        """The windows (n, T+1) of domain k at positions ``index`` (n,) in the order of a run with ``seed``."""
        size = self._windows[k]
        epochs, position = np.divmod(index, size)
        place = np.empty_like(position)
        for epoch in np.unique(epochs):
            key = int(np.random.SeedSequence((seed, k, int(epoch))).generate_state(1, np.uint64)[0])
            place[epochs == epoch] = shuffled(position[epochs == epoch], size, key)
        return self._tokens[k][place[:, None] * self.context + np.arange(self.context + 1)]


def validation_windows(tokens: np.ndarray, name: str, context: int, wanted: int) -> np.ndarray:
    """About ``wanted`` tokens of a domain as evenly spaced windows (W, T+1) int32, the same for every run.

    All windows if the domain has fewer tokens. Raises InputError if it does not fill one window.
    """
    available = windows(len(tokens), context)
    if available < 1:
        raise InputError(
            f"domain {name}: its validation text is shorter than one window of {context} tokens; "
            "give it more text or raise corpus.valid_fraction"
        )
    count = min(available, max(1, wanted // context))
    place = (np.arange(count) * available) // count
    return np.asarray(tokens[place[:, None] * context + np.arange(context + 1)], dtype=np.int32)


def _uniforms(seed: int, step: int, count: int) -> np.ndarray:
    """``count`` draws in [0, 1) for one step, from a counter-based generator."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, step])).random(count)


def _spread(seed: int, step: int, count: int) -> np.ndarray:
    """``count`` numbers in [0, 1) for one step: those of its sequences in the golden ratio's sequence of the run.

    Multiples of the ratio are taken modulo 1 as whole numbers, so that they are exact however long the run is.
    """
    start = int(np.random.SeedSequence((seed, DRAWS)).generate_state(1, np.uint64)[0])
    ratio, number = int(GOLDEN * 2**64), step * count
    return np.array([((start + ratio * (number + i)) % 2**64) / 2**64 for i in range(count)]) % 1.0
