"""The table of regressors by swarm in docs/own-runs.md has the numbers of the command."""

from __future__ import annotations

import json

import pytest

from regmix.cli.main import app
from tests.paths import ROOT

PAGE, DATA = (ROOT / "docs/own-runs.md").read_text(), ROOT / "published/data"


def cells(heading: str) -> dict[str, str]:
    """A column of the table by regressor."""
    lines = PAGE[PAGE.index("| regressor |") :].split("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[head.index(heading)] for row in rows}


def test_the_column_of_this_repository_is_that_of_the_listing():
    listing = PAGE[PAGE.index("example: 66 runs") :].split("```")[0]
    for regressor, cell in cells("this repository").items():
        line = next(line for line in listing.splitlines() if line.split()[0] == regressor)
        assert line.endswith(cell)


@pytest.mark.parametrize("size", ["1m", "60m", "1B"])
def test_the_columns_of_the_published_swarms_are_those_of_the_command(size, capsys):
    train = [str(DATA / f"train_{part}_1m.csv") for part in ("mixture", "pile_loss")]
    tested = [] if size == "1m" else [str(DATA / f"test_{part}_{size}.csv") for part in ("mixture", "pile_loss")]
    if not all(path.is_file() for path in map(DATA.joinpath, ("train_mixture_1m.csv", f"test_mixture_{size}.csv"))):
        pytest.skip("the published tables are not here")
    options = ["--metric", "the_pile_pile_cc", "--proxies", "48", "--json"]
    app(["tournament", ",".join([*train, *tested]), *options], standalone_mode=False)
    for row in json.loads(capsys.readouterr().out):
        assert cells(size.upper())[row["regressor"]].startswith(f"{row['spearman']:.3f}")
