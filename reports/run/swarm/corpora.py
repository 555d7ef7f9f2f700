"""The corpora: the size of each domain and how much training it can supply (the paper's Table 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.constraints.settings import Constraints
from reports.page.formats import count, counted, fixed, listed, percent
from reports.page.section import Section, Table


def corpora(
    tokens: Mapping[str, Mapping[str, Any]],
    extracted: Mapping[str, Mapping[str, Any]],
    prior: Mapping[str, float],
    bounds: Mapping[str, float],
    trained: Sequence[str],
    target_tokens: int,
    constraints: Constraints,
) -> Section:
    """``tokens`` and ``extracted`` are the domains' meta.json and stats.json, in the order of the table.

    ``prior`` and ``bounds`` are keyed by trained domain; one target trains on ``target_tokens``.
    """
    rows = []
    for domain, meta in tokens.items():
        train, valid, own = meta["train"], meta["valid"], domain in trained
        rows.append(
            {
                "domain": domain,
                "role": "trained" if own else "validation only",
                "train_documents": train["documents"],
                "train_chars": train["chars"],
                "train_tokens": train["tokens"],
                "valid_documents": valid["documents"],
                "valid_chars": valid["chars"],
                "valid_tokens": valid["tokens"],
                "duplicates": extracted[domain]["duplicates"],
                "undecodable": extracted[domain]["undecodable"],
                "prior": prior[domain] if own else None,
                "passes_if_alone": target_tokens / train["tokens"] if own else None,
                "largest_weight": bounds[domain] if own else None,
            }
        )
    values = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "Domain": values["domain"],
            "Role": values["role"],
            "Documents": values["train_documents"].map(count),
            "Characters": values["train_chars"].map(count),
            "Tokens": values["train_tokens"].map(count),
            "Validation tokens": values["valid_tokens"].map(count),
            "Prior share": values["prior"].map(lambda v: fixed(v, 4)),
            "Passes at weight 1": values["passes_if_alone"].map(lambda v: fixed(v, 2)),
            "Largest weight": values["largest_weight"].map(lambda v: fixed(v, 2)),
        }
    )
    own = values[values["role"] == "trained"]
    validated = values.loc[values["role"] != "trained", "domain"]
    bound = own.loc[own["largest_weight"] < 1, "domain"]
    reach = (
        f"The bound is below 1 for {listed(f'`{d}`' for d in bound)}"
        if len(bound)
        else f"A target would pass over no domain more than {fixed(float(own['passes_if_alone'].max()), 2)} times "
        "even if it trained on that domain alone, so every weight up to 1 is allowed"
    )
    prose = (
        f"{counted(len(own), 'domain')} are trained on, {count(own['train_tokens'].sum())} tokens in all"
        f"{_only(list(validated))}. The prior is the domains' share of the training tokens; it runs from "
        f"{percent(own['prior'].min())} to {percent(own['prior'].max())}. A weight is bounded so that training "
        f"on {count(constraints.for_tokens or target_tokens)} tokens passes over a domain at most "
        f"{constraints.max_epochs:g} times. {reach}.{_further(constraints)}"
    )
    caption = (
        "The domains, in place of the Pile's 17 (the paper's Table 1). Documents, characters and tokens are those of "
        "the training split. *Passes at weight 1*: how many passes a target trained on the domain alone would make."
    )
    return Section("Corpora", (prose, Table("corpora", caption, shown, values)))


def _further(constraints: Constraints) -> str:
    """A sentence on the constraints other than the bound on passes."""
    names = [name for name in ("floors", "ceilings", "fixed", "groups", "ratios", "max_kl")
             if getattr(constraints, name)]  # fmt: skip
    rules = listed(f"`{name}`" for name in names)
    return (
        f" Every mixture but the natural one also satisfies the {rules} of `constraints` in params.yaml."
        if names
        else ""
    )


def _only(validated: Sequence[str]) -> str:
    """The clause on domains that are only validated on."""
    if not validated:
        return ""
    names = listed(f"`{domain}`" for domain in validated)
    are = "is" if len(validated) == 1 else "are"
    return f"; {names} {are} used for validation only, so out of distribution for every model"
