"""Write every target as a folder that transformers and lm-eval read."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import load_file

from regmix.core.files import read_json, writing
from regmix.core.model_shape import ModelShape
from regmix.evaluation import to_transformers
from regmix.target.targets import Targets
from stages.common.run import run


def target_export(*, trained: Path, tokenizer: Path, out: Path) -> None:
    """Write OUT/<method>/seed-<i> from the weights in TRAINED. One stage does all: importing transformers is slow."""
    targets = Targets.read(trained)
    eos = read_json(tokenizer / "meta.json")["eos"]
    with writing(out) as scratch:
        for method in targets.methods:
            shape = ModelShape(**read_json(trained / method / "meta.json")["shape"])
            for seed in range(len(targets.seeds)):
                weights = load_file(trained / method / "weights" / f"seed-{seed}.safetensors")
                model = to_transformers.to_transformers(shape, weights, eos)
                to_transformers.save(model, tokenizer / "tokenizer.json", eos, scratch / method / f"seed-{seed}")


if __name__ == "__main__":
    run(target_export)
