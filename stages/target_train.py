"""Train the targets of one method, a run a seed, and export each for transformers."""

from __future__ import annotations

from pathlib import Path

from regmix import export
from regmix.engine.run import Run
from regmix.params import Params
from regmix.schedule import Schedule
from stages.harness import read_json, run, writing
from stages.training import train_to


def target_train(params: Params, *, schedule: Path, corpus: Path, tokenizer: Path, store: Path, out: Path) -> None:
    """Train params.target.seeds runs on SCHEDULE; write their tables and export/seed-<i> folders to OUT."""
    plan = Schedule.from_json(read_json(schedule)["schedule"])
    # The same seeds for every method: init and draws are shared, so that differences are paired.
    runs = [Run(f"seed-{i}", plan, 2**32 + i) for i in range(params.target.seeds)]
    kinds = [schedule.stem] * len(runs)
    eos = read_json(tokenizer / "meta.json")["eos"]
    with writing(out) as scratch:
        label = f"target {schedule.stem}"
        setup, results = train_to(scratch, params, params.target, corpus, store, runs, kinds, label, weights=True)
        for entry, result in zip(runs, results, strict=True):
            assert result.weights is not None
            model = export.to_transformers(setup.shape, result.weights, eos)
            export.save(model, tokenizer / "tokenizer.json", eos, scratch / "export" / entry.name)


if __name__ == "__main__":
    run(target_train)
