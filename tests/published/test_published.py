"""The published runs are joined row by row and name by name, and the transcribed tables agree with themselves."""

from __future__ import annotations

import hashlib
import os
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from dvc.utils import dict_md5

from regmix.core.errors import InputError
from regmix.core.files import write_csv
from regmix.core.runs import Runs, runs
from regmix.published.tables import DOMAINS, SOURCES, VALIDATED, join
from regmix.statistics import metrics
from stages.published.published_runs import published_runs
from tests.paths import ROOT

COMMIT = "https://raw.githubusercontent.com/sail-sg/regmix/b004d3a3f39846dcec6b3740da22bcd1ba95a5d0/data"
IMPORTS = {path.name.removesuffix(".dvc"): path for path in sorted((ROOT / "published").glob("*.csv.dvc"))}
MD5S = {name: yaml.safe_load(path.read_text())["outs"][0]["md5"] for name, path in IMPORTS.items()}
REMOTE = Path(os.environ.get("REGMIX_REMOTE", ROOT.parent / "shared/dvc-remote"))
STORED = {name: REMOTE / "files/md5" / md5[:2] / md5[2:] for name, md5 in MD5S.items()}
with_remote = pytest.mark.skipif(
    not all(path.is_file() for path in STORED.values()),
    reason=f"no DVC remote with the published tables at {REMOTE}; name one in REGMIX_REMOTE",
)
NAMES = list(SOURCES)


def made_up(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of the shape of a published set; a loss tells its row and column, and weights sum to 1."""
    source = SOURCES[name]
    index = np.arange(source.first, source.first + source.rows)
    thousandths = np.random.default_rng(0).multinomial(1000, np.full(17, 1 / 17), len(index))
    mixtures = pd.DataFrame(thousandths / 1000, columns=[f"train_the_pile_{domain}" for domain in DOMAINS])
    losses = pd.DataFrame(
        {f"metric/the_pile_{name}_val_loss": 1 + np.arange(len(index)) + k / 100 for k, name in enumerate(VALIDATED)}
    )
    mixtures.insert(0, "index", index)
    losses.insert(0, "index", index)
    return mixtures, losses


def reread(frame: pd.DataFrame, old: str = "", new: str = "") -> pd.DataFrame:
    """The frame as it comes back from a CSV, with ``old`` (found once) edited to ``new``."""
    text = frame.to_csv(index=False)
    assert not old or text.count(old) == 1
    return pd.read_csv(StringIO(text.replace(old, new) if old else text))


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_joined_on_the_index_and_columns_by_name(name):
    mixtures, losses = made_up(name)
    shuffled = losses.sample(frac=1, random_state=1)
    table, missed = join(mixtures.sample(frac=1, random_state=2), shuffled, name)
    assert missed == 0
    assert table.losses["pile_cc"].iloc[4] == 1 + 4 + VALIDATED.index("pile_cc") / 100
    weights = mixtures["train_the_pile_pile_cc"].to_numpy()
    np.testing.assert_allclose(table.mixtures[:, DOMAINS.index("pile_cc")], weights, rtol=1e-12)
    assert set(table.kinds) == {"random" if name == "train_1m" else "heldout"}


@pytest.mark.parametrize(("name", "first"), [("train_1m", 1), ("test_1m", 1), ("test_60m", 1), ("test_1b", 0)])
def test_runs_count_from_one_wherever_the_file_does(name, first):
    mixtures, losses = made_up(name)
    table, _ = join(mixtures, losses, name)
    assert mixtures["index"].iloc[0] == first
    assert int(table.names[0].removeprefix(f"{name}-")) == 1
    assert int(table.names[-1].removeprefix(f"{name}-")) == len(mixtures)
    with pytest.raises(InputError, match=rf"line \d+: column 'index': '\d+' is not a row from {first} to"):
        join(mixtures.assign(index=mixtures["index"] + (1 if first == 0 else -1)), losses, name)


def test_rows_that_miss_one_are_renormalised_and_counted_beyond_a_thousandth():
    mixtures, losses = made_up("test_1b")
    weights = mixtures.to_numpy()[:, 1:].copy()
    for row, miss in ((3, 0.001), (5, -0.001), (7, 0.002), (9, -0.004)):
        weights[row, 11] += miss
    table, missed = join(pd.concat([mixtures["index"], pd.DataFrame(weights, columns=mixtures.columns[1:])], axis=1),
                         losses, "test_1b")  # fmt: skip
    assert missed == 2
    np.testing.assert_allclose(table.mixtures.sum(axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(table.mixtures[9], weights[9] / 0.996, rtol=1e-12)


M, L = made_up("test_1b")
ARXIV, GITHUB, PHILPAPERS, PILE_CC = (
    f"train_the_pile_{domain}" for domain in ("arxiv", "github", "philpapers", "pile_cc")
)
LOSS = "metric/the_pile_pile_cc_val_loss"
SWAPPED = {PILE_CC: GITHUB, GITHUB: PILE_CC}  # headers alone
MOVED = [{GITHUB: PHILPAPERS, PHILPAPERS: GITHUB}.get(column, column) for column in M]  # with their cells


def text(frame: pd.DataFrame, row: int, column: str, cell: str) -> pd.DataFrame:
    """``frame`` with one cell replaced by text."""
    changed = frame.astype({column: object})
    changed.loc[row, column] = cell
    return reread(changed)


@pytest.mark.parametrize(
    ("table", "edited", "message"),
    [
        ("mixture", text(M, 7, GITHUB, "0.0S1"), r"row 7: column 'train_the_pile_github': '0\.0S1' is not a number"),
        (
            "pile_loss",
            text(L, 7, LOSS, "inf"),
            r"row 7: column 'metric/the_pile_pile_cc_val_loss': 'inf' is not a number",
        ),
        ("pile_loss", text(L, 7, LOSS, ""), r"row 7: column 'metric/the_pile_pile_cc_val_loss': 'nan' is not a number"),
        ("mixture", text(M, 7, GITHUB, "-0.1"), r"row 7: column 'train_the_pile_github': -0\.1 is negative"),
        (
            "mixture",
            text(M, 7, GITHUB, "0.31"),
            r"row 7: weights from column .*arxiv to .*uspto.* sum to 1\.\d+, too far",
        ),
        ("mixture", text(M, 7, "index", "x"), r"line 9: column 'index': 'x' is not a row from 0 to 63"),
        ("mixture", text(M, 7, "index", "7.5"), r"line 9: column 'index': '7\.5' is not a row"),
        ("mixture", M.drop(index=7), r"row 7 is missing"),
        ("pile_loss", L.drop(index=63), r"row 63 is missing"),
        ("pile_loss", pd.concat([L, L[7:8]]), r"row 7 occurs 2 times"),
        ("mixture", M.drop(columns=GITHUB), r"no column 'train_the_pile_github'"),
        ("pile_loss", L.drop(columns="index"), r"no column 'index'"),
        ("mixture", M.assign(train_the_pile_books3=0), r"unknown column 'train_the_pile_books3'"),
        ("mixture", M.rename(columns=SWAPPED), rf"column 8 is '{PILE_CC}', not '{GITHUB}': columns are swapped"),
        ("mixture", M[MOVED], rf"column 8 is '{PHILPAPERS}', not '{GITHUB}': columns are swapped"),
        ("mixture", reread(M, f"{ARXIV},", f"{PILE_CC},"), rf"no column '{ARXIV}'"),
        ("mixture", L, rf"no column '{ARXIV}'"),
        ("pile_loss", M, r"no column 'metric/the_pile_arxiv_val_loss'"),
    ],
)
def test_a_table_that_is_not_as_published_is_named_with_row_and_column(table, edited, message):
    join(M, L, "test_1b")
    with pytest.raises(InputError, match=rf"^test_{table}_1B\.csv: {message}") as error:
        join(*((edited, L) if table == "mixture" else (M, edited)), "test_1b")
    assert "\n" not in str(error.value)


def test_the_stage_writes_what_the_pipeline_reads(tmp_path):
    for name, source in SOURCES.items():
        mixtures, losses = made_up(name)
        write_csv(tmp_path / source.mixtures, mixtures)
        write_csv(tmp_path / source.losses, losses)
    published_runs(None, tables=tmp_path, out=tmp_path / "out")
    for name in SOURCES:
        table = read_set(tmp_path / "out" / name)
        expected, _ = join(*made_up(name), name)
        assert (table.mixtures == expected.mixtures).all()
        assert table.losses[list(VALIDATED)].equals(expected.losses)
        assert table.names.tolist() == expected.names.tolist()


def read_set(folder: Path) -> Runs:
    return runs(pd.read_csv(folder / "mixtures.csv"), pd.read_csv(folder / "losses.csv"), DOMAINS)


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_pins_its_source(name):
    value = yaml.safe_load(IMPORTS[name].read_text())
    own = value.pop("md5")
    assert own == dict_md5(value, exclude=["size", "frozen"]), "DVC reports such a file as changed"
    assert value["frozen"]
    assert value["deps"][0]["path"] == f"{COMMIT}/{name}"
    assert value["outs"][0]["path"] == f"data/{name}"


def test_every_table_of_a_set_is_an_import_and_none_is_committed():
    assert {file for source in SOURCES.values() for file in source[:2]} == set(IMPORTS)
    assert "/published/data/" in (ROOT / ".gitignore").read_text().splitlines()


# The published tables themselves, read from the remote's folder, so that nothing needs to be pulled.


def raw(name: str) -> pd.DataFrame:
    data = STORED[name].read_bytes()
    assert hashlib.md5(data).hexdigest() == MD5S[name]
    return pd.read_csv(StringIO(data.decode()))


def real(name: str) -> tuple[Runs, int]:
    return join(raw(SOURCES[name].mixtures), raw(SOURCES[name].losses), name)


@with_remote
@pytest.mark.parametrize(("name", "missed"), [("train_1m", 47), ("test_1m", 22), ("test_60m", 22), ("test_1b", 10)])
def test_the_published_sets_are_read_whole(name, missed):
    table, count = real(name)
    assert count == missed
    assert table.mixtures.shape == (SOURCES[name].rows, 17)
    assert table.losses.shape == (SOURCES[name].rows, 13)
    np.testing.assert_allclose(table.mixtures.sum(axis=1), 1, atol=1e-15)


@with_remote
def test_the_mixtures_of_1m_and_60m_are_the_same_runs():
    small, large = real("test_1m")[0], real("test_60m")[0]
    assert (small.mixtures == large.mixtures).all()
    assert metrics.spearman(small.losses["pile_cc"].to_numpy(), large.losses["pile_cc"].to_numpy()) > 0.99


@with_remote
def test_mixtures_and_losses_of_1b_belong_together():
    table, _ = real("test_1b")
    weight = table.mixtures[:, DOMAINS.index("pile_cc")]
    loss = table.losses["pile_cc"].to_numpy()
    assert metrics.spearman(-weight, loss) == pytest.approx(0.9808, abs=5e-4)
    assert metrics.spearman(-np.roll(weight, 1), loss) < 0.5


# The papers' tables.

TASKS = [
    "social_iqa", "hellaswag", "piqa", "openbookqa", "lambada", "sciq", "copa",
    "race", "arc_easy", "logiqa", "qqp", "winogrande", "multirc",
]  # fmt: skip
TRUNCATED = [24, 56, 64]


def printed(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "published/tables" / f"{name}.csv").pipe(lambda frame: frame.set_index(frame.columns[0]))


def models() -> pd.DataFrame:
    return printed("regmix_g_models")


@pytest.mark.parametrize(
    ("name", "digits", "tasks"),
    [
        ("regmix_4_methods", 1, 14),
        ("regmix_10_seven_billion", 1, 13),
        ("regmix_11_larger_proxies", 1, 13),
        ("regmix_d_1_methods", 2, 13),
    ],
)
def test_printed_averages_are_the_means_of_the_tasks(name, digits, tasks):
    frame = printed(name)
    rows = frame.drop(index="average")
    assert len(rows) == tasks
    # The cells' rounding could add as much again; none of it does.
    np.testing.assert_allclose(rows.mean(), frame.loc["average"], atol=0.5 * 10**-digits + 1e-9)


def test_averages_of_table_8_but_for_pile_cc():
    means = pd.read_csv(ROOT / "published/tables/regmix_8_lighteval.csv").pivot(
        index="task", columns="method", values="mean"
    )
    missed = means.drop(index="average").mean() - means.loc["average"]
    assert len(means) == 10
    assert missed.drop("pile_cc").abs().max() < 0.05
    assert missed["pile_cc"] == pytest.approx(-0.122, abs=1e-3)  # more than rounding explains


def test_table_3_is_the_range_of_appendix_g():
    ranges, scored = printed("regmix_3_range"), models()[[*TASKS, "average"]]
    assert sorted(ranges.index) == sorted(scored.columns)
    np.testing.assert_allclose(ranges["best"] - ranges["worst"], ranges["difference"], atol=1e-9)
    for task, row in ranges.iterrows():
        column = scored[task]
        assert row["best"] == pytest.approx(column.max(), abs=0.05 + 1e-9)
        # Truncated models may be anything up to the next printed digit.
        low, top = column.min(), column.min() + 0.1 * (column.idxmin() in TRUNCATED)
        assert low - 0.05 - 1e-9 <= row["worst"] <= top + 0.05 + 1e-9


def test_appendix_g_holds_64_models_whose_weights_and_averages_add_up():
    frame = models()
    assert frame.index.tolist() == list(range(1, 65))
    assert frame.columns.tolist() == ["truncated", *DOMAINS, *TASKS, "average"]
    assert frame.index[frame["truncated"] == 1].tolist() == TRUNCATED
    whole = frame[frame["truncated"] == 0]
    assert (whole[list(DOMAINS)].sum(axis=1) - 1).abs().max() < 0.0021
    assert (whole[TASKS].mean(axis=1) - whole["average"]).abs().max() < 0.01
    cut = frame.loc[TRUNCATED]
    assert (cut[list(DOMAINS)].sum(axis=1) < 1).all()
    assert (cut[TASKS].mean(axis=1) - cut["average"]).abs().max() < 0.1


@with_remote
def test_appendix_g_is_the_published_1b_table_from_its_first_row_on():
    mixtures = raw("test_mixture_1B.csv")
    weights = mixtures[[f"train_the_pile_{domain}" for domain in DOMAINS]].set_axis(list(DOMAINS), axis=1)
    weights.index = mixtures["index"] + 1
    lost = weights - models()[list(DOMAINS)]
    assert (lost.drop(index=TRUNCATED) == 0).all(axis=None)
    assert lost.min(axis=None) > -1e-9
    assert lost.max(axis=None) < 0.01


def test_table_7_sums_to_one_but_for_online():
    mixtures = printed("regmix_7_mixtures")
    assert tuple(mixtures.index) == DOMAINS
    sums = mixtures.sum()
    np.testing.assert_allclose(sums.drop("online"), 1, atol=0.0021)
    assert sums["online"] == pytest.approx(0.6969)  # as printed


def test_table_1_holds_the_17_domains():
    pile = printed("regmix_1_pile")
    assert set(pile.index[pile["available"] == 1]) == set(DOMAINS)
    assert pile["gib"].sum() == pytest.approx(1254.20)  # the size that The Pile's own paper states


def test_counts_of_table_4_are_its_columns_best():
    scored, costs = printed("regmix_4_methods").drop(index="average"), printed("regmix_4_costs")
    assert scored.eq(scored.max(axis=1), axis=0).sum().to_dict() == costs["best_on"].to_dict()
    assert (costs["tasks"] == len(scored)).all()


def test_tables_agree_with_one_another():
    assert printed("regmix_10_seven_billion")["regmix"].equals(printed("regmix_11_larger_proxies")["proxies_1m"])
    for method in ("human", "doremi", "pile_cc", "regmix"):
        assert printed("regmix_4_costs")["flops"][method] == printed("regmix_8_costs")["flops"][method]
    first = printed("regmix_d_1_methods").loc["average"]
    ablations = pd.read_csv(ROOT / "published/tables/regmix_d_3_ablations.csv")
    chosen = ablations[(ablations["knob"] + ablations["value"]).isin(["segments5", "beta0.05", "proxy1m"])]
    assert len(chosen) == 4 + 2 + 2
    for row in chosen.itertuples():
        assert row.average == first[f"{row.mode}_{row.proxies}"]
    means = [printed(f"regmix_{number}")["spearman_1m"] for number in ("2_regression", "5_hundred_domains")]
    assert all(column["lightgbm"] > column["linear"] for column in means)


def test_shapes_of_table_9_have_the_size_of_their_names():
    for name, size in printed("regmix_9_shapes").iterrows():
        body = size["layers"] * size["d_embedding"] * (4 * size["d_embedding"] + 3 * size["d_model"])
        assert body / {"1M": 1e6, "60M": 60e6, "1B": 1e9, "7B": 7e9}[name] == pytest.approx(1, abs=0.35)


def test_costs_of_regmix_d_are_hours_times_gpus():
    costs = pd.read_csv(ROOT / "published/tables/regmix_d_costs.csv")
    proxy = costs.loc[costs["what"] == "proxy", "gpu_hours"].item()
    swarms = costs[costs["what"] == "swarm"]
    assert (swarms["gpu_hours"] == proxy * swarms["proxies"]).all()
