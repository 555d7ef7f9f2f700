"""All that is known of the mixture, with its units."""

from __future__ import annotations

import json

from regmix.exchange.blend import Blend

SUFFIX, COUNTS, COMMENT = ".json", "tokens", None
SCHEDULES = True
STEM = "mixture"


def render(blend: Blend) -> str:
    domains = {
        name: {"path": blend.path(name), "epochs": blend.epochs(name)}
        | {key: (by or {}).get(name) for key, by in (
            ("available_tokens", blend.available), ("document_tokens", blend.document_tokens))}
        for name in blend.domains
    }  # fmt: skip
    phases = [
        {"first_token": phase.first_token, "weights": {name: phase.weights[name] for name in blend.domains}}
        for phase in blend.phases
    ]
    value = {"about": blend.about, "unit": "share of training tokens", "tokens": blend.tokens, "domains": domains,
             "between_phases": "constant", "phases": phases}  # fmt: skip
    value |= {name: fact for name, fact in blend.facts.items() if name not in value}
    return json.dumps(value, indent=1) + "\n"
