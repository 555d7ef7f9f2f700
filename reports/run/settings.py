"""What was run: settings next to the paper's, versions, and all of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.params import Params
from regmix.sampling.settings import FIRST
from reports.page.formats import count, counted, listed
from reports.page.section import Section, Table
from reports.run.mixture.mixtures import plus


def settings(
    params: Params, text: str, pins: Mapping[str, str], vocab: int, fingerprint: str, counts: Mapping[str, int]
) -> Section:
    """``text`` is the content of params.yaml, ``pins`` the versions of libraries that affect the numbers.

    ``counts`` is the swarm's runs by kind; ``fingerprint`` is the tokenizer's.
    """
    values = pd.DataFrame(_against_paper(params, vocab, counts), columns=["setting", "paper", "here"])
    shown = values.rename(columns=str.capitalize)
    versions = pd.DataFrame({"library": list(pins), "version": list(pins.values())})
    mixture, proxy = params.mixture, params.proxy.recipe
    together = " together" if len(mixture.ensemble) > 1 else ""
    scored = (
        f"Candidates are ranked by {listed(f'`{n}`' for n in mixture.ensemble)}{together}, "
        f"mean{plus(mixture.risk)}, not by one model's mean."
        if len(mixture.ensemble) > 1 or mixture.risk
        else "Candidates are ranked by one model's mean, as in the paper."
    )
    schedule = (
        "Proxies decay their learning rate by a cosine, as the paper says; its code keeps it constant."
        if proxy.lr_schedule == "cosine"
        else "Proxies keep their learning rate constant, as the paper's code does; its text says cosine."
    )
    deviations = "\n".join(
        f"- {line}"
        for line in (
            _swarm(counts),
            "A mixture is rejected if the target would pass over a domain more than `constraints.max_epochs` times; "
            "the paper's code bounds weights by 15 times the prior.",
            f"Mixtures are drawn around {_centre(params.swarm.temperature)}; in the paper's code, around the prior to "
            "the power 0.5.",
            "Each mixture depends only on its index, so a larger swarm keeps the runs of a smaller one; in the "
            "paper's code a different size gives different mixtures.",
            scored,
            "Each domain's loss is fitted separately, even if an objective is the mean of several; the paper's "
            "objectives have one domain.",
            _rounds(params),
            schedule,
            *_draws(params),
            "Runs with the same seed share initial weights and draws across methods"
            + ("; the paper trains one model per method." if params.target.seeds > 1 else "."),
            "Downstream tasks are made from held-out text of the domains and run by lm-eval"
            + (f", along with {listed(params.evaluation.tasks)}" if params.evaluation.tasks else "")
            + "; the paper's are public benchmarks. The token axis of the paper's Figure 4 and its 60M, 280M and 7B "
            "models are not run.",
        )
        if line
    )
    facts = (
        f"Seeds: swarm {params.swarm.seed}, regression {params.regression.seed}, simulation {mixture.seed}, evaluation "
        f"{params.evaluation.seed}; {counted(mixture.confirm.seeds, 'seed')} per confirmed mixture and "
        f"{counted(params.target.seeds, 'seed')} per method. Tokenizer: {count(vocab)} entries, fingerprint "
        f"`{fingerprint[:16]}`. A run's result depends on its mixture, seed and settings, not on the runs trained "
        "alongside it or on the number of processes."
    )
    return Section(
        "Settings and deviations",
        (
            facts,
            Table("settings", "The main settings next to the paper's.", shown, values),
            f"### Deviations from the paper\n\n{deviations}",
            Table(
                "versions",
                "The pinned libraries that affect the numbers.",
                versions.rename(columns=str.capitalize),
                versions,
            ),
            f"### params.yaml\n\n```yaml\n{text.rstrip()}\n```",
        ),
    )


def _centre(temperature: float) -> str:
    return f"the prior to the power {temperature:g}" if temperature else "equal shares"


def _swarm(counts: Mapping[str, int]) -> str:
    """What the swarm has beyond random and held-out mixtures, the paper's only kinds."""
    extra = {
        "anchor": "anchors (natural, uniform, single domains)",
        "repeat": "repeats of held-out mixtures under other seeds",
    }
    additions = [text for kind, text in extra.items() if kind in counts]
    return f"The swarm adds {listed(additions)}; the paper has only random and held-out mixtures." if additions else ""


def _rounds(params: Params) -> str:
    if params.swarm.learn_from == FIRST:
        return ""
    return (
        f"Not all proxies are random: further rounds, up to `{params.swarm.learn_from}`, train mixtures that the "
        "regressors propose from the earlier runs. The paper draws all at once, as the method `regmix_one_shot` does."
    )


def _draws(params: Params) -> list[str]:
    """How runs are seeded and sequences get their domains."""
    out = []
    if params.swarm.run_seeds == "own":
        out.append("Every proxy has a seed of its own; the paper's code gives all the same one by default.")
    named = {"proxies": params.proxy.recipe, "targets": params.target.recipe}
    spread = [name for name, recipe in named.items() if recipe.draws == "low_discrepancy"]
    if spread:
        out.append(
            f"The domains of a run's sequences are spread evenly over its training ({listed(spread)}); the paper's "
            "code draws each independently, which adds noise to every comparison."
        )
    return out


def _against_paper(params: Params, vocab: int, counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    proxy, target, mixture = params.proxy, params.target, params.mixture

    def shape(model: Any) -> str:
        return f"{model.layers} / {model.heads} / {model.width} / {model.ffn}"

    names = {"heldout": "held out", "proposal": "proposed"}
    kinds = ", ".join(f"{number} {names.get(kind, kind)}" for kind, number in counts.items())
    regressors = ", ".join(params.regressors)
    return [
        ("domains trained on", "17", str(len(params.corpus.trained))),
        ("vocabulary", count(50432), count(vocab)),
        ("proxy layers / heads / width / FFN", "2 / 8 / 256 / 512", shape(proxy.shape)),
        ("target layers / heads / width / FFN", "22 / 16 / 2048 / 5632", shape(target.shape)),
        ("context", count(2048), count(proxy.shape.context)),
        ("tokens of a proxy", count(1e9), count(proxy.train_tokens)),
        ("tokens of a target", count(25e9), count(target.train_tokens)),
        ("swarm", "512 random, 256 held out", kinds),
        ("regressors", "linear, LightGBM", regressors),
        ("candidates", count(1e6), count(mixture.candidates)),
        ("candidates averaged", "100", str(mixture.top_k)),
        ("proxies at the chosen mixture", "none", counted(mixture.confirm.seeds, "seed")),
        ("seeds of a target", "1", str(target.seeds)),
        ("methods", "Human, DoReMi, PPL, ODM, Pile-CC, RegMix", ", ".join(target.methods)),
    ]
