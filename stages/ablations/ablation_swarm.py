"""Train the swarm of one variant of ablations/params.yaml and let RegMix choose on every part of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from regmix.ablations import swarm_parts
from regmix.ablations.settings import FILE, Ablations, variant_params
from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.engine import results
from regmix.params import Params
from stages.common.run import call, run
from stages.mixture.mixture_simulate import mixture_simulate
from stages.swarm.swarm_collect import swarm_collect
from stages.swarm.swarm_sample import swarm_sample
from stages.swarm.swarm_train import swarm_train


def ablation_swarm(
    params: Params, settings: Ablations, *, variant: str, corpus: Path, answers: Path, store: Path, out: Path
) -> None:
    """Write the sample, the swarm, and for each part of it parts/<part>/{swarm,chosen} to OUT; runs go to STORE."""
    own, entry = variant_params(params, settings, variant), settings.variants[variant]
    with writing(out) as scratch:
        sample, swarm, trained = scratch / "sample", scratch / "swarm", scratch / "trained"
        write_json(scratch / "domains.json", {"all": list(own.corpus.domains), "trained": own.corpus.trained})
        call(swarm_sample, own, tokenizer=scratch, corpus=corpus, out=sample)
        for shard in own.swarm.shards:
            path = sample / "shards" / f"{shard}.json"
            call(swarm_train, own, shard=path, corpus=corpus, answers=answers, store=store, out=trained / shard)
        call(swarm_collect, own, trained=trained, out=swarm)
        shutil.rmtree(trained)
        tables = {name: read_csv(swarm / f"{name}.csv") for name in results.TABLES}
        tables["mixtures"] = swarm_parts.kept_apart(tables["mixtures"], entry.unseen)
        write_csv(swarm / "mixtures.csv", tables["mixtures"])
        for name, size in entry.proxies.items():
            folder = scratch / "parts" / name
            part = swarm_parts.part(tables, size.random, size.switched, f"{FILE}: variants.{variant}.proxies.{name}")
            for table, frame in part.items():
                write_csv(folder / "swarm" / f"{table}.csv", frame)
            shutil.copy(swarm / "meta.json", folder / "swarm" / "meta.json")
            call(mixture_simulate, own, swarm=folder / "swarm", sample=sample, out=folder / "chosen")


if __name__ == "__main__":
    run(ablation_swarm)
