"""Draw the swarm's mixtures: one file a shard, so that a grown swarm leaves the shards it had alone."""

from __future__ import annotations

from pathlib import Path

from regmix import mixtures
from regmix.params import Params
from stages.harness import prune, read_json, run, write_csv, write_json, writing


def swarm_sample(params: Params, *, corpus: Path, out: Path) -> None:
    """Draw the mixtures of every shard in swarm.shards, within what the target may repeat of each domain."""
    prune(corpus, params.corpus.domains)
    available = {name: read_json(corpus / name / "meta.json")["train"]["tokens"] for name in params.corpus.trained}
    prior = mixtures.token_shares(available)
    bounds = mixtures.weight_bounds(available, params.swarm.max_epochs, params.target.train_tokens)
    rules = mixtures.rules(prior, bounds, params.swarm)
    logged = [step / params.proxy.recipe.steps for step in params.proxy.logged_steps]
    table = []
    with writing(out) as scratch:
        write_json(scratch / "prior.json", prior)
        write_json(scratch / "bounds.json", bounds)
        for shard in params.swarm.shards:
            runs = mixtures.shard_runs(rules, params.swarm, shard, logged)
            write_json(scratch / "shards" / f"{shard}.json", mixtures.shard_json(rules, runs))
            for r in runs:
                weights = dict(zip(rules.domains, r.mixture.tolist(), strict=True))
                table.append({"run": r.name, "kind": r.kind, "seed": r.seed, **weights})
        write_csv(scratch / "mixtures.csv", table)


if __name__ == "__main__":
    run(swarm_sample)
