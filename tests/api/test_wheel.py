"""The wheel holds the library alone, and works where no clone is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import regmix
mixtures = regmix.sample_mixtures({"web": 0.7, "books": 0.3}, 16)
search = regmix.Search(candidates=500, top_k=5, refits=2, refit_candidates=100)
found = regmix.recommend(mixtures, (mixtures["web"] - 0.4) ** 2, regressors=["gp"], search=search)
print(regmix.__file__, float(found.weights["web"]), sep="\\n")
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("setuptools") is None, reason="setuptools is not in this environment; install it")
def test_the_wheel_recommends_a_mixture_in_an_empty_folder(tmp_path):
    source, out, unpacked, empty = (tmp_path / name for name in ("source", "out", "unpacked", "empty"))
    source.mkdir()
    empty.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):  # a build writes beside its sources
        shutil.copy(ROOT / name, source)
    for name in ("regmix", "stages", "reports", "profiles", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", out, source], check=True)
    (wheel,) = out.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        archive.extractall(unpacked)
    assert {file.split("/")[0] for file in files if "dist-info" not in file} == {"regmix"}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "regmix").rglob("*.py")}
    assert modules | {"regmix/py.typed"} <= files

    def python(*words: str) -> str:
        completed = subprocess.run([sys.executable, *words], cwd=empty, env=os.environ | {"PYTHONPATH": str(unpacked)},
                              check=True, capture_output=True, text=True)  # fmt: skip
        return completed.stdout

    package, web = python("-c", SCRIPT).splitlines()
    assert Path(package).is_relative_to(unpacked)
    assert float(web) == pytest.approx(0.4, abs=0.1)
    assert not list(empty.iterdir())
    (empty / "mixture.json").write_text('{"web": 0.4, "books": 0.6}')
    python("-m", "regmix", "export", "mixture.json", "--to", "olmo-core")
    assert "target_ratio: 0.6" in (empty / "olmo-core.yaml").read_text()
