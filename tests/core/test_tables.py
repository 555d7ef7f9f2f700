"""Rows are written as pandas writes a frame of them, to the byte, and handed on as they were."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.files import read_json, read_rows, write_csv, write_metrics
from regmix.engine import results
from regmix.engine.run import RunState
from tests.engine.test_engine import DOMAINS, runs, setup
from tests.training import train_stack

SPELLINGS = [
    {"text": text, "whole": whole, "truth": whole % 2 == 0, "number": number, "gaps": gap}
    for text, whole, number, gap in [
        ("plain", 0, 1.0, "here"),
        ("a, comma", 2**31, -0.0, None),
        ('"quoted"', 2**32 + 5, math.inf, "here"),
        ("two\nlines", -1, math.nan, None),
        ("ümlaut", 2**62, 5e-324, "here"),
        ("", 10**6, None, None),
        ("None", 7, 1e16, "here"),
        (" nan ", 8, 0.1 + 0.2, "here"),
    ]
]


def written(folder: Path, rows: list[dict]) -> tuple[bytes, bytes]:
    """The rows as they are, and as a frame."""
    write_csv(folder / "rows.csv", rows)
    write_csv(folder / "frame.csv", pd.DataFrame(rows))
    return (folder / "rows.csv").read_bytes(), (folder / "frame.csv").read_bytes()


def test_the_tables_of_trained_runs_are_those_of_pandas(tmp_path):
    kit, trained = setup(), runs(5)
    run_results = train_stack(kit, [RunState.start(run, kit.shape, len(DOMAINS)) for run in trained])
    tables = results.tables(trained, ["random"] * 3 + ["anchor"] * 2, run_results)
    assert tuple(tables) == results.TABLES
    for rows in tables.values():
        plain, frame = written(tmp_path, rows)
        assert plain == frame
        assert plain.count(b"\n") > 5


def test_any_spelling_is_that_of_pandas(tmp_path):
    plain, frame = written(tmp_path, SPELLINGS)
    assert plain == frame
    bits = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    shares = np.random.default_rng(1).random(20_000)
    plain, frame = written(tmp_path, [{"a": a, "b": b} for a, b in zip(bits.tolist(), shares.tolist(), strict=True)])
    assert plain == frame


def test_a_column_that_a_row_lacks_is_empty_there(tmp_path):
    plain, frame = written(tmp_path, [{"run": "a", "x": 0.5}, {"run": "b", "y": 1.5}])
    assert plain == frame


def test_rows_are_handed_on_as_they_were(tmp_path):
    first, _ = written(tmp_path, SPELLINGS)
    write_csv(tmp_path / "again.csv", read_rows(tmp_path / "rows.csv"))
    assert (tmp_path / "again.csv").read_bytes() == first


@pytest.mark.parametrize("damage", [b"\xff\xfe", b'run\n"open', b"", b"run,x\na,1,2\n", b"run,x\na\n", None])
def test_a_damaged_table_is_one_line(tmp_path, damage):
    path = tmp_path / "losses.csv"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(InputError, match=r"losses\.csv: cannot be read as CSV .*run `dvc repro` again") as error:
        read_rows(path)
    assert "\n" not in str(error.value)


def test_metrics_are_rounded_and_keep_their_sign(tmp_path):
    values = {"loss": 5.3805356, "n": 3, "gone": None, "edges": [0.0012345, -0.00041, 0.0], "flops": 1.25e18}
    write_metrics(tmp_path / "m.json", {"news": values})
    rounded = {"loss": 5.381, "n": 3, "gone": None, "edges": [0.0012, -0.00041, 0.0], "flops": 1.25e18}
    assert read_json(tmp_path / "m.json")["news"] == rounded
