"""Write every target as a folder that transformers and lm-eval read."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import load_file

from regmix import export
from regmix.params import Params
from regmix.shape import ModelShape
from stages.harness import prune, read_json, run, writing


def target_export(params: Params, *, trained: Path, tokenizer: Path, out: Path) -> None:
    """Write OUT/<method>/seed-<i> of the weights in TRAINED. One stage for all: importing transformers takes longer."""
    prune(trained, params.target.methods)
    eos = read_json(tokenizer / "meta.json")["eos"]
    with writing(out) as scratch:
        for method in params.target.methods:
            shape = ModelShape(**read_json(trained / method / "meta.json")["shape"])
            for seed in range(params.target.seeds):
                weights = load_file(trained / method / "weights" / f"seed-{seed}.safetensors")
                model = export.to_transformers(shape, weights, eos)
                export.save(model, tokenizer / "tokenizer.json", eos, scratch / method / f"seed-{seed}")


if __name__ == "__main__":
    run(target_export)
