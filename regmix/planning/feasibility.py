"""Which mixtures can be drawn from a corpus, as far as its sizes are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regmix.constraints.build import by_tokens
from regmix.core.errors import InputError
from regmix.params import Params
from regmix.sampling import shards
from regmix.sampling.rules import Rules


@dataclass(frozen=True)
class Text:
    """The corpus as far as known: training and validation tokens by domain, and total characters.

    ``how`` names the source. Without ``exact`` the counts are estimates.
    """

    train: Mapping[str, int]
    valid: Mapping[str, int]
    chars: float
    how: str
    exact: bool


def planned_runs(params: Params, text: Text) -> dict[str, list[shards.Planned]]:
    """The runs of every shard, drawn as swarm_sample draws them.

    Raises InputError where no mixture, or no draw of one, keeps the constraints.
    """
    available = {name: text.train[name] for name in params.corpus.trained}
    region = by_tokens(params.constraints, available, params.target.train_tokens)
    rules = Rules.of(region, params.swarm, params.constraints.kl_reg)
    logged = [step / params.proxy.recipe.steps for step in params.proxy.logged_steps]
    return {shard: shards.shard_runs(rules, params.swarm, shard, logged) for shard in params.swarm.shards}


def infeasible(params: Params, text: Text) -> str | None:
    """Why no mixture, or no draw of one, keeps the constraints; None if one does."""
    try:
        planned_runs(params, text)
    except InputError as error:
        return str(error)
    return None
