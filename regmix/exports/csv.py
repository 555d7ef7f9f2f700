"""A table: domain, weight, path, first_token; all phases below each other."""

from __future__ import annotations

import csv
import io

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".csv", "tokens", None
SCHEDULES = True
STEM = "mixture"


def render(blend: Blend) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["first_token", "domain", "weight", "path"])
    for phase in blend.phases:
        writer.writerows([phase.first_token, name, phase.weights[name], blend.path(name)] for name in blend.domains)
    return text.getvalue()
