"""What every method takes beside a plain target: seconds to plan, and to train one target under its policy."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from regmix.core import plugins
from regmix.corpus.tokens.tokenized import digest_of
from regmix.engine.run import Run, Setup
from regmix.engine.train_many import train_runs
from regmix.params import Params
from stages.target.context import context_of, target_seeds

ROUNDS = 3


def measure(params: Params) -> dict[str, Any]:
    """By method: wall-clock seconds of its plan, and of one target against a natural one trained just before it.

    Every plan trains its own models. The ratio is the median over ``ROUNDS`` pairs, one process.
    """
    data = Path("data")
    folders = [data / name for name in ("swarm_sample", "swarm_collect", "mixture_choose", "corpus_tokenize")]
    machine = params.machine.model_copy(update={"processes": 1, "stack": 1})
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        context = context_of(params, *folders, data / "tasks_build/proxy.json", Path(scratch) / "plans")

        def seconds(plan, policy, name: str) -> float:
            """Of training one target from nothing."""
            text = context.corpus
            setup = Setup(params.target, text.vocab, plan.tokens or text.train, text.valid)
            run = Run("seed-0", plan.schedule, target_seeds(params.target)[0], policy)
            with tempfile.TemporaryDirectory(dir=scratch) as store:
                start = time.perf_counter()
                train_runs(
                    setup, [run], Path(store), digest_of(text, plan.tokens), machine,
                    weights=False, label=name,
                )  # fmt: skip
                return time.perf_counter() - start

        plain = None
        for name, method in params.target.methods.items():
            module = plugins.load("methods", method.kind, name)
            options = plugins.options(module, method.extras, name)
            start = time.perf_counter()
            plan = module.plan(context, options)
            out[name] = {"plan_seconds": round(time.perf_counter() - start, 2)}
            if name == "natural":
                plain = plan
            if plain is not None and hasattr(module, "policy"):
                policy = module.policy(plan, options, params.target)
                pairs = [(seconds(plain, None, "natural"), seconds(plan, policy, name)) for _ in range(ROUNDS)]
                ratios = sorted(steered / free for free, steered in pairs)
                out[name]["train_against_natural"] = {
                    "median": round(ratios[len(ratios) // 2], 3),
                    "all": [round(ratio, 3) for ratio in ratios],
                }
    return out
