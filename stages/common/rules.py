"""The rules of mixtures as swarm_sample wrote them, for the stages that draw, bound or project mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.sampling.rules import Rules


def read_rules(sample: Path, trained: Sequence[str]) -> Rules:
    """The rules in ``sample``/rules.json, whose arrays are in the order of its domains.

    Raises InputError if that is not the order of the ``trained`` domains in params.yaml: DVC does not notice a change
    of order, and every mixture would be permuted.
    """
    rules = Rules.from_json(read_json(sample / "rules.json"))
    if rules.domains != tuple(trained):
        raise InputError(
            f"{sample / 'rules.json'}: its domains are {', '.join(rules.domains)}, but params.yaml trains on "
            f"{', '.join(trained)}; run `dvc repro -f corpus/dvc.yaml:tokenizer_train`, or restore their order in "
            "corpus.domains"
        )
    return rules
