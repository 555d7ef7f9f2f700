"""Train the same mixtures at several sizes and budgets, and score those of one size downstream."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from regmix.ablations.bench import unlogged
from regmix.ablations.settings import Ablations, size_training
from regmix.core.files import read_json, write_csv, write_json, writing
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.tokenized import open_corpus
from regmix.engine.run import Run
from regmix.params import Params
from regmix.sampling.settings import Swarm
from stages.ablations.downstream import evaluate_runs
from stages.common.run import call, run
from stages.common.training import train_to
from stages.swarm.swarm_sample import swarm_sample


def ablation_ranks(
    params: Params, settings: Ablations, *, corpus: Path, tokenizer: Path, tasks: Path, store: Path, out: Path
) -> None:
    """Write mixtures.csv, losses.csv of every size and budget, lm_eval.csv of one, and meta.json to OUT."""
    ranks = settings.ranks
    only = {"shards": ["heldout"], "heldout": ranks.mixtures, "repeats": {"mixtures": 0, "seeds": 0}}
    # The swarm alone: an objective can need anchors, which these mixtures are not ranked by.
    own = params.model_copy(update={"swarm": Swarm.model_validate(params.swarm.model_dump() | only)})
    losses, scores, metas = [], [], {}
    with writing(out) as scratch, tempfile.TemporaryDirectory(dir=scratch) as work:
        write_json(Path(work, "domains.json"), {"all": list(own.corpus.domains), "trained": own.corpus.trained})
        call(swarm_sample, own, tokenizer=Path(work), corpus=corpus, out=Path(work, "sample"))
        shutil.copy(Path(work, "sample/mixtures.csv"), scratch)
        listed = read_json(Path(work, "sample/shards/heldout.json"))["runs"]
        # At one size and budget all mixtures share init and draws, so runs differ only by mixture.
        runs = [Run(f"{entry['run']}+{seed}", Schedule.from_json(entry["schedule"]), 2**32 + seed)
                for entry in listed for seed in range(ranks.seeds)]  # fmt: skip
        named = pd.DataFrame({"run": entry["run"], "seed": seed} for entry in listed for seed in range(ranks.seeds))
        text = open_corpus(corpus, own.corpus.trained)
        for size in ranks.sizes:
            for budget in ranks.budgets:
                judged = size == ranks.evaluated and budget == 1
                training = unlogged(size_training(own, settings, size, budget))  # as audits, which share its targets
                folder = Path(work, f"{size}-{budget:g}")
                setup, run_results = train_to(
                    folder, text, training, own.machine, store, runs, ["heldout"] * len(runs), f"{size} x {budget:g}",
                    weights=judged,
                )  # fmt: skip
                table = pd.DataFrame([result.losses for result in run_results])
                losses.append(pd.concat([named.assign(size=size, budget=budget), table], axis=1))
                metas[f"{size}-{budget:g}"] = read_json(folder / "meta.json")
                if not judged:
                    continue
                frames = evaluate_runs(
                    own,
                    setup.shape,
                    run_results,
                    shots=own.evaluation.shots,
                    tokenizer=tokenizer,
                    tasks=tasks,
                    work=Path(work),
                )
                scores += [frame.assign(run=r, seed=s) for frame, (r, s) in
                           zip(frames, named.itertuples(index=False, name=None), strict=True)]  # fmt: skip
        write_csv(scratch / "losses.csv", pd.concat(losses, ignore_index=True))
        write_csv(scratch / "lm_eval.csv", pd.concat(scores, ignore_index=True))
        write_json(scratch / "meta.json", metas)


if __name__ == "__main__":
    run(ablation_ranks)
