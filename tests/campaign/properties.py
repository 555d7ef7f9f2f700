"""Inputs that hypothesis draws: values of params.yaml, tables of runs, files of text, options of the command.

Each case is judged as in ``inputs``: one clear line per fault, or a right result. In a test a bad case is shrunk to the
smallest that is bad as well; a campaign draws many and counts them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from regmix.core import plugins
from regmix.core.files import parse_yaml
from tests.campaign import inputs, options
from tests.campaign.inputs import Case, WrongError, case

Draw = Callable[[st.DataObject], Case]

QUIET: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-3, 3), st.floats(), st.text(max_size=20),
    st.binary(max_size=8),
    st.sampled_from(["news", "gp", "data/swarm_collect", "${x}", "..", "1e3", "trained", "regmix"]),
)  # fmt: skip
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
_WORDS = st.one_of(
    st.text(min_size=1, max_size=12), st.floats().map(str), st.integers().map(str),
    st.sampled_from(["web=1", "web=.5,code=.5", "a=1", "*", "x*", "json", "olmo-core", "good.json", "ratios.csv", "."]),
)  # fmt: skip
_OPTIONS = {
    "export good.json --to json --out out": ("--tokens", "--available", "--paths", "--constraints", "--to"),
    "recommend ratios.csv metrics.csv": (
        "--objective", "--prior", "--bound", "--limit", "--tokens", "--domain-columns", "--metric-columns", "--seed",
    ),
    "compare ratios.csv metrics.csv": ("--objective", "--domain-columns"),
}  # fmt: skip


def params(text: str) -> Draw:
    """A value somewhere in params.yaml, given as ``text``, replaced by any other."""
    values = parse_yaml(text)
    places = list(inputs.places(values))

    def draw(data: st.DataObject) -> Case:
        place, value = data.draw(st.sampled_from(places)), data.draw(VALUES)
        changed = inputs.put(values, place, value)
        return case(".".join(map(str, place)), repr(value)[:60], functools.partial(inputs.checked, changed))

    return draw


def tables(folder: Path) -> Draw:
    """A pair of tables of runs with one to three faults."""

    def draw(data: st.DataObject) -> Case:
        return inputs.table(data.draw(st.randoms(use_true_random=False)), folder)

    return draw


def readers(folder: Path) -> Draw:
    """Files of text with any bytes, and lines of JSON with any values, by the reader of own text."""
    module = plugins.load("readers", "folder", "test")
    bytes_ = st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    lines = st.lists(VALUES | st.fixed_dictionaries({"text": VALUES}), max_size=4)

    def draw(data: st.DataObject) -> Case:
        kind = data.draw(st.sampled_from(list(module.KINDS)))
        content = data.draw(bytes_ | lines.map(_json_lines) if ".json" in kind else bytes_)
        path = folder / f"own{kind}"
        path.write_bytes(content)
        return case(kind, repr(content)[:60], functools.partial(_documents, module, path))

    return draw


def command(folder: Path) -> Draw:
    """Options of `regmix` with any value, in ``folder``, the working directory."""
    options.write(folder)

    def draw(data: st.DataObject) -> Case:
        base = data.draw(st.sampled_from(list(_OPTIONS)))
        flag, value = data.draw(st.sampled_from(_OPTIONS[base])), data.draw(_WORDS)
        return options.called([*base.split(), flag, value])

    return draw


def drawn(draw: Draw, count: int, start: int) -> Iterator[Case]:
    """``count`` cases."""
    cases: list[Case] = []

    @seed(start)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        cases.append(draw(data))

    each()
    yield from cases


def _documents(module: Any, path: Path) -> list[str]:
    for document in module.read(path, module.Options()):
        if not isinstance(document, str):
            raise WrongError(f"not text: {type(document).__name__}")
    return []


def _json_lines(values: list[Any]) -> bytes:
    return "".join(json.dumps(value, default=repr) + "\n" for value in values).encode()
