"""A part of `make campaign`: hostile inputs, and one damaged file."""

from __future__ import annotations

import random

import pytest

from regmix.core.files import parse_yaml
from tests.campaign import inputs, options
from tests.campaign.__main__ import BAD
from tests.paths import ROOT

PARAMS = (ROOT / "tests/fixtures/params.yaml").read_text()


def bad(cases) -> list[inputs.Case]:
    return [one for one in cases if one.kind in BAD]


def test_hostile_values_in_params_yaml_are_clear_lines(monkeypatch):
    places = list(inputs._places(parse_yaml(PARAMS)))
    monkeypatch.setattr(inputs, "_places", lambda values: random.Random(0).sample(places, 30))
    cases = list(inputs.params(PARAMS))
    assert len(cases) == 30 * len(inputs.HOSTILE)
    assert not bad(cases)
    assert sum(one.kind == "clear" for one in cases) > 500


def test_tables_with_random_faults_are_refused_or_read_soundly(tmp_path):
    cases = list(inputs.tables(300, 1, tmp_path))
    assert not bad(cases)
    assert {one.kind for one in cases} == {"clear", "accepted"}


def test_hostile_options_are_clear_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cases = list(options.options(tmp_path))
    assert not bad(cases)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(KeyError("x"), "traceback"), (TimeoutError(), "late"), (inputs._WrongError("not: finite"), "wrong")],
)
def test_what_is_no_clear_line_is_bad(error, kind):
    def call():
        raise error

    assert inputs.case("here", "value", call).kind == kind
    assert kind in BAD
    assert inputs.case("here", "value", lambda: ["a\nb"]).kind == "unclear"
    assert inputs.case("here", "value", lambda: ["a" * 401]).kind == "unclear"
