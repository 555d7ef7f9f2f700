"""A part of `make campaign`: malformed inputs, and one damaged file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regmix.core.files import parse_yaml
from tests.campaign import inputs, options, properties, surroundings
from tests.campaign.report import BAD
from tests.paths import ROOT

PARAMS = (ROOT / "tests/fixtures/params.yaml").read_text()


def bad(cases) -> list[inputs.Case]:
    return [case for case in cases if case.kind in BAD]


def test_malformed_values_in_params_yaml_are_clear_lines(monkeypatch):
    places = list(inputs.places(parse_yaml(PARAMS)))
    monkeypatch.setattr(inputs, "places", lambda values: random.Random(0).sample(places, 30))
    cases = list(inputs.params(PARAMS))
    assert len(cases) == 30 * len(inputs.HOSTILE)
    assert not bad(cases)
    assert sum(case.kind == "clear" for case in cases) > 500


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["tables", "readers", "command", "params"])
def test_random_inputs_end_in_clear_lines_or_a_correct_result(folder, kind):
    draw = properties.params(PARAMS) if kind == "params" else getattr(properties, kind)(folder)
    outcomes = set()

    @settings(max_examples=150, derandomize=True, **properties.QUIET)
    @given(st.data())
    def holds(data):
        case = draw(data)
        outcomes.add(case.kind)
        assert case.kind not in BAD, case

    holds()
    assert "clear" in outcomes


def test_malformed_options_are_clear_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cases = list(options.options(tmp_path))
    assert not bad(cases)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(KeyError("x"), "traceback"), (TimeoutError(), "late"), (inputs.WrongError("not: finite"), "wrong")],
)
def test_what_is_no_clear_line_is_bad(error, kind):
    def call():
        raise error

    assert inputs.case("here", "value", call).kind == kind
    assert kind in BAD
    assert inputs.case("here", "value", lambda: ["a\nb"]).kind == "unclear"
    assert inputs.case("here", "value", lambda: ["a" * 401]).kind == "unclear"


WRITES = "open('out/a', 'wb').write(bytes(100_000)); files = [open('out/a') for _ in range(20)]; print('whole')"


@pytest.mark.parametrize(
    ("condition", "error"),
    [("full disk", "No space left"), ("read-only disk", "Read-only"), ("no file handles", "Too many open files")],
)
def test_a_condition_affects_one_command_and_not_the_next(folder, condition, error):
    if "disk" in condition and not surroundings.mounts():
        pytest.skip("this user cannot mount file systems in a namespace")
    command, places = ["python", "-c", WRITES], [folder / "out"]
    code, printed = surroundings._run(command, folder, places, condition)
    assert code
    assert error in printed
    assert surroundings._run(command, folder, places) == (0, "whole\n")
    assert [path.name for path in surroundings._after(places).iterdir()] == ["a"]
