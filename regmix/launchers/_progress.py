"""Progress of training: a bar with tokens/s on a terminal, elsewhere a line every few minutes."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

EVERY = 300.0  # seconds between lines


class Progress:
    """A context manager that counts up to ``total`` tokens."""

    def __init__(self, total: float, label: str) -> None:
        self.total, self.label, self.tokens = total, label, 0.0
        self._start = self._last = time.monotonic()
        self._bar = tqdm(total=total, unit="tok", unit_scale=True, desc=label, disable=None, leave=False)

    def update(self, tokens: float) -> None:
        """Count ``tokens`` more."""
        self.tokens += tokens
        self._bar.update(tokens)
        now = time.monotonic()
        if self._bar.disable and now - self._last >= EVERY:
            self._last = now
            rate = self.tokens / (now - self._start)
            print(
                f"{self.label}: {self.tokens / self.total:.0%} trained, {rate / 1e3:.0f} thousand tokens/s, "
                f"{(self.total - self.tokens) / rate / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.close()
