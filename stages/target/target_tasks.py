"""Make the downstream tasks from held-out text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml

from regmix.core.files import writing
from regmix.core.sections import Sections
from regmix.corpus.documents import read_documents
from regmix.corpus.tokenizer import load_json
from regmix.evaluation import heldout_tasks
from regmix.evaluation.settings import Evaluation
from regmix.target.settings import Target
from stages.run import run


class Settings(Sections):
    evaluation: Evaluation
    target: Target


def target_tasks(params: Settings, *, extracted: Path, tokenizer: Path, out: Path) -> None:
    """Write to OUT one lm-eval task per domain and kind: <task>.yaml and <task>/{test,fewshot}.jsonl."""
    settings = params.evaluation
    encoder = load_json(tokenizer / "tokenizer.json")
    domains = {heldout_tasks.LAST_WORD: settings.last_word, heldout_tasks.CONTINUATION: settings.continuation}
    with writing(out) as scratch:
        for kind, domain in ((kind, domain) for kind, names in domains.items() for domain in names):
            name = heldout_tasks.task_name(kind, domain)
            items = heldout_tasks.build(
                kind,
                domain,
                list(read_documents(extracted / domain / "valid.jsonl")),
                items=settings.items,
                choices=settings.choices,
                shots=settings.shots,
                context=params.target.shape.context,
                count_tokens=lambda text: len(encoder.encode(text).ids),
                rng=np.random.default_rng([settings.seed, *name.encode()]),  # for this task only
            )
            (scratch / name).mkdir()
            for split, rows in items.items():
                lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in rows)
                (scratch / name / f"{split}.jsonl").write_text(lines, encoding="utf-8")
            task = heldout_tasks.config(kind, domain, (out / name).as_posix())
            (scratch / f"{name}.yaml").write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    run(target_tasks)
