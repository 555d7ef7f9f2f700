"""How much of each domain's text the proxies have, so that they repeat it as often as the target will.

A mixture w makes a run of n tokens pass n w / t times over a domain of t tokens. Proxies with all of the text repeat it
far less than a longer target does, and so prefer domains that are too short for it (2606.07597; marin calls the remedy
simulated epoching).
"""

from __future__ import annotations

from collections.abc import Mapping

from regmix.core.errors import InputError


def matched(available: Mapping[str, int], proxy_tokens: int, target_tokens: int, context: int) -> dict[str, int]:
    """The tokens of each domain for proxies that train on ``proxy_tokens``, where the target has ``available`` ones.

    Raises InputError if a domain is left without two sequences of ``context`` tokens.
    """
    share = proxy_tokens / target_tokens
    out = {name: int(tokens * share) for name, tokens in available.items()}
    for name, tokens in out.items():
        if tokens < 2 * (context + 1):
            raise InputError(
                f"params.yaml: swarm.repetition = matched: {name} would have {tokens} tokens, fewer than two sequences "
                f"of {context}; train proxies on more tokens, drop the domain, or use free"
            )
    return out
