"""Tables of runs as other tools write them, and the errors for bad ones: file, run and column, all at once."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.exchange.tables import read_runs


@pytest.fixture
def pair() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten runs over three domains, and two metrics, in another order."""
    rng = np.random.default_rng(0)
    runs = [f"r{i}" for i in range(10)]
    ratios = pd.DataFrame(rng.dirichlet([1, 1, 1], 10).round(3), columns=["web", "books", "code"])
    metrics = pd.DataFrame(rng.normal(3, 0.1, (10, 2)), columns=["loss", "bpb"])
    ratios.insert(0, "run", runs)
    metrics.insert(0, "run", runs)
    return ratios, metrics[::-1]


def written(folder, ratios: pd.DataFrame, metrics: pd.DataFrame, suffix: str = ".csv"):
    paths = folder / f"ratios{suffix}", folder / f"metrics{suffix}"
    for table, path in zip((ratios, metrics), paths, strict=True):
        if suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False, sep="\t" if ".tsv" in suffix else ",")
    return paths


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_pair_is_joined_on_its_runs_whatever_its_kind_of_file(pair, tmp_path, suffix):
    runs = read_runs(*written(tmp_path, *pair, suffix))
    assert list(runs.mixtures.index) == list(runs.metrics.index) == list(pair[0]["run"])
    np.testing.assert_allclose(runs.mixtures.sum(axis=1), 1, atol=1e-12)
    expected = pair[1].set_index("run").loc[pair[0]["run"], "loss"]
    np.testing.assert_allclose(runs.metrics["loss"], expected)
    assert runs.notes == ()


def test_a_single_negative_loss_is_noted_but_not_a_metric_of_either_sign(pair, tmp_path):
    ratios, metrics = pair
    metrics = metrics.assign(score=np.linspace(-1, 1, len(metrics)))
    metrics.loc[metrics["run"] == "r3", "loss"] = -5
    (note,) = read_runs(*written(tmp_path, ratios, metrics)).notes
    assert note.endswith("column 'loss' is below zero only in r3; check it, since a loss cannot be")


@pytest.mark.parametrize("name", ["run", "run_id"])
def test_olmix_adds_columns_that_are_no_domain_and_domains_that_no_run_trains_on(pair, tmp_path, name):
    """Its tables have row numbers without a name, and those after ``run``."""
    numbers = range(len(pair[0]))
    ratios, metrics = (table.rename(columns={"run": name}).assign(name="swarm", index=numbers) for table in pair)
    ratios.assign(adult=0.0).to_csv(tmp_path / "ratios.csv")
    metrics.to_csv(tmp_path / "metrics.csv")
    runs = read_runs(tmp_path / "ratios.csv", tmp_path / "metrics.csv")
    assert list(runs.mixtures) == ["web", "books", "code"]
    assert list(runs.metrics) == ["loss", "bpb"]
    (note,) = runs.notes
    assert note.endswith("left out 'adult': 0 in all runs")


def test_a_domain_may_be_called_as_what_pandas_takes_for_missing(pair, tmp_path):
    ratios = pair[0].rename(columns={"books": "nan", "code": "NA"})
    assert list(read_runs(*written(tmp_path, ratios, pair[1])).mixtures) == ["web", "nan", "NA"]


def test_other_columns_need_names(pair, tmp_path):
    paths = written(tmp_path, *pair)
    paths[0].write_text(paths[0].read_text().replace("books", "", 1))
    with pytest.raises(InputError, match=r"ratios\.csv: column 3 has no name; name it or drop it"):
        read_runs(*paths)


def test_regmix_published_names_become_domains(pair, tmp_path):
    ratios = pair[0].rename(columns={"run": "index"} | {name: f"train_{name}" for name in ("web", "books", "code")})
    metrics = pair[1].rename(columns={"run": "index", "loss": "metric/web_val_loss", "bpb": "metric/code_val_loss"})
    runs = read_runs(*written(tmp_path, ratios, metrics))
    assert list(runs.mixtures) == ["web", "books", "code"]
    assert list(runs.metrics) == ["web", "code"]


def test_one_wide_table_of_weights_and_biases_needs_patterns(pair, tmp_path):
    wide = (
        pair[0]
        .merge(pair[1], on="run")
        .rename(
            columns={"run": "Name", "web": "mix/web", "books": "mix/books", "code": "mix/code", "loss": "eval/loss"}
        )
    )
    wide.insert(1, "State", ["finished"] * 9 + ["crashed"])
    path = tmp_path / "export.csv"
    wide.to_csv(path, index=False)
    runs = read_runs(path, domain_columns="mix/*", metric_columns="eval/*")
    assert list(runs.mixtures) == ["web", "books", "code"]
    assert list(runs.metrics) == ["loss"]
    assert len(runs.mixtures) == 9
    assert "left out 1 runs whose State is not 'finished'" in runs.notes[0]
    with pytest.raises(InputError, match="say which columns are which"):
        read_runs(path)
    with pytest.raises(InputError, match=r"give one \*"):
        read_runs(path, domain_columns="mix/", metric_columns="eval/*")


def test_percent_and_other_scales_are_divided_only_on_request(pair, tmp_path):
    ratios = pair[0].copy()
    ratios.iloc[:, 1:] *= 100
    paths = written(tmp_path, ratios, pair[1])
    with pytest.raises(InputError, match=r"weights sum to 100, not 1; say --renormalise"):
        read_runs(*paths)
    np.testing.assert_allclose(read_runs(*paths, renormalise=True).mixtures.sum(axis=1), 1)


def edited(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    table = table.astype({column: object})
    table.iloc[row, list(table).index(column)] = value
    return table


BAD = {
    "no runs": (lambda r, m: (r.drop(columns="run"), m), "ratios.csv: no column names the runs"),
    "a hole": (lambda r, m: (edited(r, 2, "web", None), m), "ratios.csv: run r2, column 'web': is empty; correct"),
    "text": (
        lambda r, m: (r, edited(m, 0, "loss", "x")),
        "metrics.csv: run r9, column 'loss': x is not a finite number",
    ),
    "absurd": (lambda r, m: (r, edited(m, 0, "loss", 1e300)), r"column 'loss': 1e\+300 is above 1e15"),
    "twice": (lambda r, m: (edited(r, 1, "run", "r0"), m), "ratios.csv: column 'run': r0 occurs twice"),
    "unnamed": (lambda r, m: (edited(r, 1, "run", None), m), "ratios.csv: column 'run' is empty in row 3"),
    "only here": (lambda r, m: (r, m[1:]), "ratios.csv: run r9 has no row in .*metrics.csv"),
    "only there": (lambda r, m: (r[1:], m), "metrics.csv: run r0 has no row in .*ratios.csv"),
    "0.97": (
        lambda r, m: (edited(r, 1, "code", 0.717), m),
        "ratios.csv: run r1: weights sum to 0.97, not 1; correct it",
    ),
    "negative": (lambda r, m: (edited(r, 3, "code", -0.2), m), "ratios.csv: run r3, column 'code': -0.2 is below 0"),
    "never varied": (lambda r, m: (r.assign(law=0.004), m), "column 'law': the same in all runs"),
    "nothing": (lambda r, m: (r[["run"]], m), "ratios.csv: no columns with numbers; it has run"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_its_place(pair, tmp_path, case):
    change, message = BAD[case]
    with pytest.raises(InputError) as error:
        read_runs(*written(tmp_path, *change(*pair)))
    assert any(re.search(message, line) for line in error.value.lines), error.value.lines


def test_all_faults_are_reported_at_once_up_to_a_limit(pair, tmp_path):
    ratios = edited(edited(pair[0], 1, "web", "x"), 4, "code", None)
    metrics = pair[1].assign(loss=np.nan)
    metrics.iloc[0, 1] = 1.0
    with pytest.raises(InputError) as error:
        read_runs(*written(tmp_path, ratios, metrics))
    lines = error.value.lines
    assert len([line for line in lines if "ratios.csv" in line]) == 2
    assert lines[-1] == "and 4 more like these"
    missing = tmp_path / "missing.csv"
    with pytest.raises(InputError, match=r"missing.csv: cannot be read as a table .* give CSV"):
        read_runs(missing, missing)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip", ".csv.xz", ".parquet"])
def test_a_damaged_table_is_named(pair, tmp_path, suffix):
    ratios, metrics = written(tmp_path, *pair)
    damaged = tmp_path / f"broken{suffix}"
    damaged.write_bytes(gzip.compress(ratios.read_bytes())[:-20] if suffix == ".csv.gz" else b"not this")
    with pytest.raises(InputError, match=rf"broken{suffix}: cannot be read as a table \(.+\); give CSV") as error:
        read_runs(damaged, metrics)
    assert len(error.value.lines) == 1


def test_columns_that_pandas_would_rename_or_shift_are_refused(pair, tmp_path):
    ratios, metrics = written(tmp_path, *pair)
    lines = ratios.read_text().splitlines()
    ratios.write_text("\n".join([lines[0] + ",web", *(line + ",0.1" for line in lines[1:])]))
    with pytest.raises(InputError, match=r"column 'web' occurs twice"):
        read_runs(ratios, metrics)
    ratios.write_text("\n".join([lines[0], *(line + ",0.1" for line in lines[1:])]))
    with pytest.raises(InputError, match="more fields than its header"):
        read_runs(ratios, metrics)
