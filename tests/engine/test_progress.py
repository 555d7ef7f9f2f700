"""What a launcher prints while it trains."""

from __future__ import annotations

import io
import sys

from regmix.launchers import _progress
from regmix.launchers._progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_with_tokens_a_second_that_disappears(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress(1000.0, "swarm") as progress:
        progress.update(400.0)
        progress.update(600.0)
    assert "tok/s" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().rpartition("\r")[0].endswith(" ")
    assert "\n" not in sys.stderr.getvalue()


def test_elsewhere_a_line_comes_every_few_minutes(monkeypatch, capfd):
    with Progress(1000.0, "swarm") as progress:
        progress.update(400.0)
        assert capfd.readouterr().err == ""
        monkeypatch.setattr(_progress, "EVERY", 0.0)
        progress.update(100.0)
    assert capfd.readouterr().err.startswith("swarm: 50% trained, ")
