"""The numbers in the README and in the documentation are those of docs/measured."""

from __future__ import annotations

import re

import pytest
import yaml

from profiles import progress
from regmix.params import parse
from reports import readme
from reports.page.formats import plus_minus
from tests.docs.measured import measured, tables
from tests.paths import ROOT

README, SPEED = (ROOT / "README.md").read_text(), (ROOT / "docs/speed.md").read_text()


def test_the_tables_are_those_of_the_run_that_was_measured():
    for page, all_tables in tables().items():
        text = page.read_text()
        assert all(table in text for table in all_tables), page


@pytest.mark.parametrize("name", ["seed-1", "avx2"])
def test_the_results_of_another_seed_and_of_another_processor_are_in_the_text(name):
    folder = ROOT / "docs" / name
    table = readme.objectives(measured("summary", folder), measured("mixture", folder))
    assert table in (ROOT / "docs/evidence.md").read_text()


def test_the_differences_in_the_text_are_those_of_the_run_that_was_measured():
    summary = measured("summary")

    def minus(rival: str) -> list[str]:
        rows = [summary[name] for name in ("reviews", "skills", "worst")]
        return [plus_minus(row[f"minus_{rival}"], row[f"minus_{rival}_ci"], 2) for row in rows]

    gains, behind = [gain.removeprefix("−") for gain in minus("natural")], minus("best_proxy")
    text = " ".join(README.split())
    assert f"a loss {gains[0]}, {gains[1]} and {gains[2]} nats per token below natural" in text
    assert f"the differences are {behind[0]}, {behind[1]} and {behind[2]}" in text


def test_the_difference_that_a_change_makes_starts_from_the_run_that_was_measured():
    rows = re.findall(r"^metrics/mixture\.json +(\S+) +(\S+) ", README, flags=re.M)
    assert rows
    for key, before in rows:
        objective, field, domain = key.split(".")
        assert measured("mixture")[objective][field][domain] == float(before)


def test_the_counts_in_the_text_are_those_of_the_default_settings():
    default = parse(yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text()))
    trained = len(default.corpus.trained)
    assert trained == 11
    assert "Eleven **domains**" in README
    assert f"{default.swarm.learnt(default.swarm.learn_from, trained)} small **proxies**" in README
    assert default.target.seeds == 6
    assert "six seeds each" in README


def test_the_count_of_audits_is_that_of_the_run_that_was_measured():
    assert f"{len({row['audit'] for row in measured('audits')})} audits of it" in " ".join(README.split())


def test_the_counts_of_claims_are_those_of_the_run_that_was_measured():
    rows = measured("ablations")
    words = [row["verdict"] for row in rows]
    holds, fails, open_ = map(words.count, ("holds", "does not hold", "cannot be told here"))
    each = [f"{sum(row['verdict'] == 'holds' for row in rows if row['paper'] == paper)} of {paper}'s "
            f"{sum(row['paper'] == paper for row in rows)}" for paper in ("RegMix", "RegMix-D")]  # fmt: skip
    page = " ".join((ROOT / "docs/papers.md").read_text().split())
    assert f"Of the {len(rows)} claims that need training, {holds} hold here ({each[0]}, {each[1]})" in page
    assert f"{fails} do not, and {open_} cannot be told." in page


def test_the_registered_metrics_can_be_read_by_a_person():
    """At most 60 numbers, and none registered elsewhere."""

    def numbers(value: object) -> int:
        return sum(map(numbers, value.values())) if isinstance(value, dict) else isinstance(value, int | float)

    assert numbers(measured("summary")) <= 60
    files = [ROOT / "dvc.yaml", *ROOT.glob("*/dvc.yaml")]
    assert [path.parent for path in files if "metrics:" in path.read_text()] == [ROOT / "target"]


def test_the_speed_table_is_that_of_the_benchmark():
    rows = measured("benchmarks")["swarm_against_transformers"]
    for row in rows:
        shape, turns = row["shape"], row["ratio"]["all"]
        theirs, ours = (row[f"{who}_tokens_a_second"] / 1e3 for who in ("transformers", "engine"))
        assert (
            f"| {shape['width']}, {shape['vocab']}, {shape['context']} | {row['tokens_a_step']} | {theirs:.0f} | "
            f"{ours:.0f} | {row['ratio']['median']} [{min(turns)}, {max(turns)}] |"
        ) in SPEED


def test_the_ratios_on_avx2_are_those_of_the_benchmark():
    *most, last = (str(row["ratio"]["median"]) for row in measured("benchmarks")["swarm_against_transformers_avx2"])
    assert f"it was {', '.join(most)} and {last}." in " ".join(SPEED.split())


def test_the_table_of_the_gpu_is_that_of_the_benchmark():
    for row in measured("benchmarks")["gpu"]["configurations"].values():
        theirs, ours = (row[f"{who}_tokens_a_second"]["median"] / 1e3 for who in ("transformers", "engine"))
        memory = f"{row['transformers_gib']:.1f} | {row['engine_gib']:.1f}"
        assert f"| {theirs:,.0f} | {ours:,.0f} | {row['ratio']} | {memory} |" in SPEED


def test_every_stage_has_a_row_and_every_row_is_a_stage():
    stages = progress.stages(ROOT)
    page = (ROOT / "docs/reference/stages.md").read_text()
    assert re.findall(r"^\| (\w+) \|", page, flags=re.M)[1:] == list(stages)


def test_the_readme_can_be_read_in_one_sitting():
    assert len(README.splitlines()) <= 150
