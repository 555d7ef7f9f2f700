"""params.yaml means to the schema what it means to DVC, and what is not YAML is one line."""

from __future__ import annotations

from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml as parsed_by_dvc

from profiles import layout
from regmix.core.errors import LONGEST, Faults, InputError
from regmix.core.files import parse_yaml, read_yaml
from regmix.params import all_faults
from tests.paths import ROOT

SCALARS = ["010", "0o10", "0x10", "4:00", "no", "on", "yes", "1e-3", "1e3", "1_000", ".5", "+1", "~", ".inf",
           "2024-01-01", "'1'", "null", "true", "-0"]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_is_the_same_to_the_schema_to_dvc_and_to_the_profiles(scalar):
    text = f"key: {scalar}\n"
    value, theirs, laid_out = parse_yaml(text), parsed_by_dvc(text, "params.yaml"), layout.parse(text)
    assert value == theirs == laid_out
    assert type(value["key"]) is type(theirs["key"])


def test_numbers_and_words_are_those_of_yaml_1_2():
    text = "a: 010\nb: 4:00\nc: no\nd: 1e-3\n"
    assert parse_yaml(text) == {"a": 10, "b": "4:00", "c": "no", "d": 0.001}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb:\n  c: 2\n  c: 3\n", r'line 4: found duplicate key "c"'),
        ("a: 1\na: 2\n", r'line 2: found duplicate key "a"'),
        ("a: [1,\n", r"line \d: "),
        ("a: 2024-99-99\n", "month must be in 1..12"),
        ("a: 1\n--- \nb: 2\n", r"line 2: but found another document"),
        ("a: !word 1\n", r"line 1: could not determine a constructor for the tag '!word'"),
    ],
)
def test_what_is_not_yaml_is_one_line_with_the_file_and_the_place(text, reason, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(
        InputError, match=rf"params\.yaml: cannot be read as YAML \({reason}.*\); fix the file$"
    ) as error:
        read_yaml(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["[" * 100_000 + "]" * 100_000, "- " * 100_000 + "1", "{a: " * 5_000 + "1" + "}" * 5_000]
)
def test_values_in_each_other_without_end_are_refused(text):
    with pytest.raises(
        InputError, match=r"^params\.yaml: more than 500 brackets or dashes in each other; fix the file$"
    ):
        parse_yaml(text)


def test_an_error_shows_the_start_of_a_huge_value_and_no_line_break():
    value: list[Any] = ["x"]
    for _ in range(40):
        value = [value] * 9
    (line,) = all_faults({**parse_yaml((ROOT / "tests/fixtures/params.yaml").read_text()), "mixture": value})
    assert len(line) < 400
    assert all(line.isprintable() for line in Faults("a\nb", "c\x1b").lines)


def test_a_line_has_no_control_characters_and_its_start_and_end_if_it_is_long():
    assert InputError("a.csv: no column 'x\ny'; add it").lines == ("a.csv: no column 'x\\ny'; add it",)
    (line,) = Faults(f"a.csv: no column {'x' * 1000}; add it").lines
    assert len(line) == LONGEST
    assert line.startswith("a.csv: no column xxx")
    assert line.endswith("xxx; add it")
