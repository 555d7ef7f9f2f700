"""Make the downstream tasks from held-out text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml

from regmix.core.files import writing
from regmix.core.sections import Sections
from regmix.corpus.documents import read_documents
from regmix.corpus.tokens.tokenizer import load_json
from regmix.evaluation import answers, heldout_tasks
from regmix.evaluation.answers import Answers
from regmix.evaluation.settings import Evaluation
from regmix.objectives import Objectives, tasks_of
from regmix.target.settings import Target
from stages.common.run import note, run


class Settings(Sections):
    evaluation: Evaluation
    objectives: Objectives
    target: Target


def tasks_build(params: Settings, *, extracted: Path, tokenizer: Path, out: Path) -> None:
    """Write to OUT one lm-eval task per domain and kind: <task>.yaml and <task>/{test,fewshot}.jsonl.

    The right answers that each size of model is scored on go to OUT/target.json, all of them, and OUT/proxy.json, those
    of the tasks in objectives, so that proxies run again only for these.
    """
    settings, gold = params.evaluation, {}
    encoder = load_json(tokenizer / "tokenizer.json")

    def encode(text: str) -> list[int]:
        return encoder.encode(text, add_special_tokens=False).ids

    with writing(out) as scratch:
        for name, (kind, domain) in settings.heldout.items():
            items = heldout_tasks.build(
                kind,
                domain,
                list(read_documents(extracted / domain / "valid.jsonl")),
                items=settings.items,
                choices=settings.choices,
                shots=settings.shots,
                context=params.target.shape.context,
                count_tokens=lambda text: len(encode(text)),
                rng=np.random.default_rng([settings.seed, *name.encode()]),  # for this task only
            )
            if (count := len(items["test"])) < settings.items:
                note(f"{name}: {count} items instead of {settings.items}, all that the held-out text of {domain} gives")
            gold[name] = Answers.of(items["test"], encode)
            (scratch / name).mkdir()
            for split, rows in items.items():
                lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in rows)
                (scratch / name / f"{split}.jsonl").write_text(lines, encoding="utf-8")
            task = heldout_tasks.config(kind, domain, (out / name).as_posix())
            (scratch / f"{name}.yaml").write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")
        answers.write(scratch / "target.json", gold)
        answers.write(scratch / "proxy.json", {name: gold[name] for name in tasks_of(params.objectives)})


if __name__ == "__main__":
    run(tasks_build)
