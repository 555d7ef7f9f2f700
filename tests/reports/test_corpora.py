"""What the page says of the corpora and of the constraints on their weights."""

from __future__ import annotations

from regmix.constraints.settings import Constraints
from reports.run.swarm.corpora import corpora

SIDE = {"documents": 9, "chars": 9000, "tokens": 3000}
META = {"train": SIDE, "valid": SIDE}
STATS = {"duplicates": 0, "undecodable": 0}


def prose(constraints: Constraints) -> str:
    names = ("news", "law")
    section = corpora(dict.fromkeys(names, META), dict.fromkeys(names, STATS), dict.fromkeys(names, 0.5),
                      {"news": 0.6, "law": 1.0}, names, 10_000, constraints)  # fmt: skip
    return str(section.parts[0])


def test_the_bound_is_that_of_the_real_training_and_other_constraints_are_named():
    plain = prose(Constraints(max_epochs=2))
    assert "training on 10 000 tokens passes over a domain at most 2 times" in plain.replace("\u202f", " ")
    assert "constraints" not in plain
    more = prose(Constraints(for_tokens=20_000, floors={"law": 0.1}, max_kl=0.5))
    assert "on 20 000 tokens" in more.replace("\u202f", " ")
    assert "Every mixture but the natural one also satisfies the `floors` and `max_kl` of `constraints`" in more
