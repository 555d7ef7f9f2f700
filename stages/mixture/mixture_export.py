"""Write the chosen mixtures in the formats of trainers."""

from __future__ import annotations

from pathlib import Path

from regmix.constraints.settings import Constraints
from regmix.core.files import read_json, writing
from regmix.exchange.blend import Blend, Phase
from regmix.exchange.write import export, formats, versions
from regmix.objectives import ObjectiveSections
from regmix.target.settings import Target
from stages.common.rules import read_rules
from stages.common.run import run


class Settings(ObjectiveSections):
    constraints: Constraints
    target: Target


def mixture_export(params: Settings, *, chosen: Path, sample: Path, corpus: Path, out: Path) -> None:
    """Write OUT/<objective>/<format>, for the training that the constraints name, or one as long as a target's.

    The available tokens are theirs too, or those in CORPUS.
    """
    constraints = params.constraints
    rules, confirmed = read_rules(sample, params.corpus.trained), read_json(chosen / "confirmed-gains.json")
    text = {name: read_json(corpus / name / "meta.json")["train"] for name in params.corpus.trained}
    with writing(out) as scratch:
        for name in params.objectives:
            mixture = read_json(chosen / f"{name}.json")
            gain = mixture["gain"]
            blend = Blend(
                (Phase(mixture["weights"]),),
                tokens=constraints.for_tokens or params.target.train_tokens,
                paths=f"{corpus}/{{domain}}/train",
                available=constraints.available_tokens or {domain: counts["tokens"] for domain, counts in text.items()},
                document_tokens={domain: counts["tokens"] / counts["documents"] for domain, counts in text.items()},
                about=f"Chosen for the objective {name}: {mixture['verdict']}, predicted gain {gain['value']:.2f} "
                f"({gain['low']:.2f} to {gain['high']:.2f}).",
                facts={
                    "prior": rules.by_domain(rules.prior),
                    "bounds": rules.by_domain(rules.bounds),
                    "constraints": constraints.model_dump(exclude_defaults=True),
                    "gain_predicted": gain,
                    "gain_realised": confirmed[name]["realised"],  # of proxies, with the number of seeds
                    "versions": versions(),
                },
            )
            folder = scratch / name
            folder.mkdir()
            for form in formats():
                for file, content in export(blend, form).items():
                    (folder / file).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    run(mixture_export)
