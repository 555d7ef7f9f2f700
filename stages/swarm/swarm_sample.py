"""Draw the swarm's mixtures: one file per shard, so that growing the swarm leaves earlier shards unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from regmix.constraints.build import by_tokens
from regmix.constraints.settings import Constraints
from regmix.core.files import read_json, write_csv, write_json, writing
from regmix.core.sections import Sections
from regmix.engine.settings import Training
from regmix.sampling import shards
from regmix.sampling.repetition import matched
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm
from regmix.target.settings import Target
from stages.common.run import note, run


class Settings(Sections):
    constraints: Constraints
    proxy: Training
    swarm: Swarm
    target: Target


def swarm_sample(params: Settings, *, tokenizer: Path, corpus: Path, out: Path) -> None:
    """Draw the mixtures of every shard in swarm.shards, within the constraints."""
    domains = read_json(tokenizer / "domains.json")
    metas = {name: read_json(corpus / name / "meta.json") for name in domains["trained"]}
    available = {name: meta["train"]["tokens"] for name, meta in metas.items()}
    part = [name for name, meta in metas.items() if meta.get("capped")]
    if part and not params.constraints.available_tokens:
        note(
            f"the prior is the domains' share of what is tokenized, and corpus.domain_chars leaves out text of "
            f"{', '.join(part)}; for a mixture of all of it set constraints.available_tokens and for_tokens"
        )
    region = by_tokens(params.constraints, available, params.target.train_tokens)
    rules = Rules.of(region, params.swarm, params.constraints.kl_reg)
    if params.swarm.repetition == "matched":
        real = {name: params.constraints.available_tokens.get(name, count) for name, count in available.items()}
        length = params.constraints.for_tokens or params.target.train_tokens
        rules = replace(rules, text=matched(real, params.proxy.train_tokens, length, params.proxy.shape.context))
        if less := [name for name, tokens in (rules.text or {}).items() if tokens > available[name]]:
            note(f"swarm.repetition = matched: too little of {', '.join(less)} is tokenized, so proxies repeat it more "
                 "often than the target will; raise corpus.domain_chars")  # fmt: skip
    logged = [step / params.proxy.recipe.steps for step in params.proxy.logged_steps]
    training = params.proxy.model_dump(mode="json")  # so that a shard's file fully describes its training
    table = []
    with writing(out) as scratch:
        write_json(scratch / "rules.json", rules.to_json())
        for shard in params.swarm.shards:
            runs = shards.shard_runs(rules, params.swarm, shard, logged)
            write_json(scratch / "shards" / f"{shard}.json", shards.shard_json(rules, runs) | {"training": training})
            for r in runs:
                table.append({"run": r.name, "kind": r.kind, "seed": r.seed, **rules.by_domain(r.mixture)})
        write_csv(scratch / "mixtures.csv", table)


if __name__ == "__main__":
    run(swarm_sample)
