"""Both caches rest on what files import: these tests change files and versions and look at what follows."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from profiles import progress
from regmix.core import plugins, provenance
from regmix.core.errors import InputError
from regmix.engine.store import keys
from regmix.params import Params
from regmix.target import interface
from stages import code_digest
from tests.paths import ROOT

INSTALLED = functools.cache(metadata.version)  # each takes a millisecond, and there are a thousand of them
PIPELINES = {"": progress.stages(ROOT)} | {
    folder: yaml.safe_load((ROOT / folder / "dvc.yaml").read_text())["stages"] for folder in ("published", "ablations")
}


@pytest.fixture(autouse=True)
def _versions(monkeypatch):
    monkeypatch.setattr(provenance.metadata, "version", INSTALLED)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A copy of the source that a test may change."""
    for name in provenance.LOCAL:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.html", "figures"))
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    provenance.imports.cache_clear()
    yield tmp_path
    provenance.imports.cache_clear()


def closures() -> dict[str, provenance.Code]:
    """Of all three pipelines."""
    return {name: code for folder in ("root", "published", "ablations")
            for name, code in code_digest.closures(PARAMS, folder).items()}  # fmt: skip


def digests() -> dict[str, str]:
    return {name: code.digest() for name, code in closures().items()}


PARAMS = code_digest.Settings.of(Params.load(ROOT / "tests/fixtures/params.yaml"))


def test_every_file_of_a_closure_changes_the_digests_of_its_stages_and_no_others(source):
    before, codes = digests(), closures()
    for file in sorted({file for code in codes.values() for file in code.files}):
        path, text = source / file, (source / file).read_text()
        path.write_text(text + "\n# another program\n")
        after = digests()
        path.write_text(text)
        changed = {name for name in before if after.get(name) != before[name]}
        assert changed == {name for name, code in codes.items() if file in code.files}, file


def test_every_library_of_a_closure_changes_the_digests_of_its_stages_and_no_others(monkeypatch):
    before, codes = digests(), closures()
    for library in sorted({library for code in codes.values() for library in code.libraries}):
        monkeypatch.setattr(provenance.metadata, "version", lambda n, up=library: "0" if n == up else INSTALLED(n))
        after = digests()
        changed = {name for name in before if after[name] != before[name]}
        assert changed == {name for name, code in codes.items() if library in code.libraries}, library


# Required by libraries of a closure, but no number depends on them: they display, lock, transfer, draw or are unused.
HARMLESS = """
annotated-types click cloudpickle colorama contourpy cycler dill filelock fonttools fsspec hf-xet httpx2 jinja2 joblib
kiwisolver lxml markupsafe more-itertools multiprocess narwhals networkx packaging pillow portalocker pyparsing
pytablewriter python-dateutil pyyaml requests rouge-score setuptools sqlitedict sympy tabulate threadpoolctl tqdm typer
typing-extensions typing-inspection word2number xxhash
"""


def test_what_a_library_of_a_closure_requires_is_in_the_closure_or_harmless():
    missing = set()
    for code in closures().values():
        known = {canonicalize_name(name) for name in code.libraries} | set(HARMLESS.split())
        for library in filter(provenance._version, code.libraries):
            required = map(Requirement, metadata.requires(library) or [])
            names = {canonicalize_name(r.name) for r in required if not r.marker or r.marker.evaluate({"extra": ""})}
            missing |= {f"{library}: {name}" for name in names - known}
    assert not missing


IMPORTED = """
import json, sys
for module in {modules}:
    __import__(module)
print(json.dumps(sorted(sys.modules)))
"""


def test_what_python_imports_is_in_the_closure():
    """An interpreter of its own says what importing a stage brings; one of each part, and the largest of them."""
    codes = closures()
    parts = ("corpus_extract/table", "swarm_train", "mixture_simulate", "target_train")
    for stage in (*parts, "published_compare", "ablation_targets", "report"):
        files = set(codes[stage].files)
        modules = [file[:-3].replace("/", ".") for file in files if not file.endswith("__init__.py")]
        code = IMPORTED.format(modules=sorted(modules))
        completed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        for module in json.loads(completed.stdout):
            if module.split(".")[0] in provenance.LOCAL:
                path = Path(*module.split("."))
                file = path.with_suffix(".py") if (ROOT / path.with_suffix(".py")).is_file() else path / "__init__.py"
                assert str(file) in files or not (ROOT / file).stat().st_size, f"{stage}: imports {file}"


@pytest.mark.parametrize("folder", PIPELINES)
def test_every_stage_depends_on_its_digest_and_on_no_source(folder):
    digest_files = {f"data/code_digest/{name}.json" for name in code_digest.closures(PARAMS, folder or "root")}
    stages = {name.split("/")[0] for name in code_digest.closures(PARAMS, folder or "root")}
    assert stages - {"swarm_ahead", "target_share", "ablations_check", "paper"} == set(PIPELINES[folder]) - {
        "code_digest"
    }
    for stage, entry in PIPELINES[folder].items():
        body = entry.get("do", entry)
        own = [dep for dep in body.get("deps", []) if dep.startswith("data/code_digest/") and "libraries" not in dep]
        if stage == "code_digest":
            continue
        assert len(own) == 1, stage
        assert not [dep for dep in body["deps"] if dep.endswith(".py")], stage
        if "${" in own[0]:
            assert code_digest.parts(stage, PARAMS), stage
            assert own[0].startswith(f"data/code_digest/{stage}/"), stage
        else:
            assert own[0] == f"data/code_digest/{stage}.json", stage
            assert own[0] in digest_files, stage


def test_code_digest_looks_at_all_that_it_reads():
    """Its own dependencies are folders: every file that a digest of the root's pipeline hashes lies in one of them."""
    deps = [Path(dep) for dep in PIPELINES[""]["code_digest"]["deps"]]
    for name, code in closures().items():
        if name.split("/")[0] in PIPELINES[""]:
            for file in code.files:
                covered = any(Path(file) == dep or dep in Path(file).parents for dep in deps)
                assert covered or file.endswith("__init__.py"), f"{name}: {file}"


def test_the_sections_that_a_stage_reads_are_those_that_dvc_yaml_names():
    for stage, entry in PIPELINES[""].items():
        body = entry.get("do", entry)
        module = __import__(code_digest_module(body["cmd"]), fromlist=["x"])
        hints = list(vars(module)[stage].__annotations__.values())
        kind = getattr(module, hints[0]) if isinstance(hints[0], str) else hints[0]
        if not hasattr(kind, "model_fields") or kind is Params:  # the report reads all of params.yaml
            continue
        named = {key.split(".")[0] for key in body.get("params", [])}
        read = set(kind.model_fields) - {"machine"}  # changes no number
        lists = {"corpus"} if "corpus_tokenize" in stage else set()  # workers alone
        chosen = {"regressors"} if code_digest.entries(stage, PARAMS) else set()  # in the digest
        assert named == read - lists - chosen, stage


def code_digest_module(command: str) -> str:
    return next(word for word in command.split() if word.startswith(("stages.", "reports.")))


@pytest.mark.parametrize("compute", keys.COMPUTES)
def test_the_key_of_a_run_changes_with_every_file_and_library_that_decides_its_bits(source, monkeypatch, compute):
    def digest() -> str:
        keys.code_of.cache_clear()
        return keys.code_of(compute).digest()

    monkeypatch.setattr(keys, "__file__", str(source / "regmix/engine/store/keys.py"))
    before, code = digest(), keys.code_of(compute)
    files = ("run", "train", "settings", "batches", f"compute/{keys.COMPUTES[compute]}")
    assert {f"regmix/engine/{file}.py" for file in files} <= set(code.files)
    for file in code.files:
        path, text = source / file, (source / file).read_text()
        path.write_text(text + "\n# another program\n")
        assert digest() != before, file
        path.write_text(text)
    for library in code.libraries:
        monkeypatch.setattr(provenance.metadata, "version", lambda n, up=library: "0" if n == up else INSTALLED(n))
        assert digest() != before, library
    keys.code_of.cache_clear()


@pytest.mark.parametrize(
    ("method", "regressor"), [("regmix_d_online", "lightgbm"), ("regmix_d_online", "gp_on_law"), ("odm", None)]
)
def test_the_key_of_a_policy_changes_with_every_file_and_library_that_it_uses(source, monkeypatch, method, regressor):
    path = str(source / "regmix/methods" / f"{method}.py")
    code = provenance.code([path], {"regressors": [regressor] if regressor else []})
    before = interface.code_of(path, regressor)
    named = {"regmix/methods/regmix_d_online.py", "regmix/regressors/_forest.py"} if regressor == "lightgbm" else set()
    assert named | {f"regmix/methods/{method}.py", "regmix/engine/policy.py"} <= set(code.files)
    for file in code.files:
        text = (source / file).read_text()
        (source / file).write_text(text + "\n# another program\n")
        assert interface.code_of(path, regressor) != before, file
        (source / file).write_text(text)
    for library in code.libraries:
        monkeypatch.setattr(provenance.metadata, "version", lambda n, up=library: "0" if n == up else INSTALLED(n))
        assert interface.code_of(path, regressor) != before, library


@pytest.mark.slow
def test_dvc_status_names_the_stages_of_every_file_that_changes(source, monkeypatch):
    """Through DVC itself, all outputs in place: a file changes, code_digest runs, and `dvc status` names its stages.

    The same when the version of a library changes.
    """
    from dvc.repo import Repo

    for part in ("corpus", "target"):
        (source / part).mkdir()
    for name in (*progress.PIPELINE, "constraints.txt", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, source / name)
    shutil.copy(ROOT / "tests/fixtures/params.yaml", source)
    shutil.copytree(ROOT / ".dvc", source / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    monkeypatch.chdir(source)
    subprocess.run(["git", "init", "--quiet"], check=True)

    def digest() -> None:
        code_digest.code_digest(PARAMS, pipeline="root", out=Path("data/code_digest"))

    digest()
    with Repo(".") as repo:
        users: dict[str, set[str]] = {}  # the stages by the digest that they depend on
        for stage in repo.index.stages:
            for dep in (dep for dep in stage.deps if dep.def_path.startswith("data/code_digest/")):
                users.setdefault(dep.def_path, set()).add(stage.name)
        paths = {Path(part.def_path) for stage in repo.index.stages for part in (*stage.outs, *stage.deps)}
        for path in sorted(paths - {Path("data/code_digest")}):
            if any(path in other.parents for other in paths):
                path.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
        repo.commit(force=True)
        assert repo.status() == {}

    def named() -> set[str]:
        digest()
        with Repo(".") as repo:
            return {stage.split(":")[-1] for stage in repo.status() if stage != "code_digest"}

    def using(names: set[str]) -> set[str]:
        return {stage for name in names for stage in users.get(f"data/code_digest/{name}.json", ())}

    codes = code_digest.closures(PARAMS, "root")
    scripts = {code.files[[Path(file).stem for file in code.files].index(name.split("/")[0])]
               for name, code in codes.items()}  # fmt: skip
    shared = {"regmix/core/schedule.py", "regmix/engine/compute/kernels.py", "regmix/regressors/gp.py",
              "regmix/regressors/ridge.py", "regmix/methods/odm.py", "regmix/readers/table.py"}  # fmt: skip
    for file in sorted(scripts | shared):  # that every file changes its digests is tested above
        text = Path(file).read_text()
        Path(file).write_text(text + "\n# another program\n")
        assert named() == using({name for name, code in codes.items() if file in code.files}), file
        Path(file).write_text(text)
    pins = Path("constraints.txt").read_text()
    for library in ("lightgbm", "torch"):
        Path("constraints.txt").write_text(re.sub(rf"(?m)^{library}==.*", f"{library}==0", pins))
        monkeypatch.setattr(provenance.metadata, "version", lambda n, up=library: "0" if n == up else INSTALLED(n))
        expected = using({name for name, code in codes.items() if library in code.libraries})
        assert named() == expected | {"report"}, library  # the report lists all versions


def test_a_regressor_that_only_an_option_names_is_in_the_digest_of_the_targets():
    values = PARAMS.model_dump()
    values["target"]["methods"] = {"mine": {"kind": "regmix_d_offline", "some_option": ["linear"]}}
    values["regressors"]["linear"] = {"kind": "ridge"}
    files = code_digest.closures(code_digest.Settings.model_validate(values), "root")["target_train"].files
    assert {"regmix/methods/regmix_d_offline.py", "regmix/regressors/ridge.py"} <= set(files)
    assert not {"regmix/methods/doremi.py", "regmix/regressors/gp.py"} & set(files)


@pytest.mark.parametrize("package", ["methods", "regressors"])
def test_no_option_has_a_default_that_params_yaml_does_not_show(package):
    for name in plugins.names(package):
        fields = plugins.load(package, name, "").Options.model_fields
        assert all(field.is_required() for field in fields.values()), name


BY_NAME = {  # who imports by name, and why no closure misses it
    "regmix/__init__.py": "the public API, for notebooks alone",
    "regmix/core/plugins.py": "the plug-ins that `plugins.load` names",
    "regmix/corpus/sources/package_index.py": "pip, which only moves bytes of a known sha256",
    "stages/common/run.py": "the whole schema, whose result is thrown away",
}


def test_nothing_is_imported_in_a_way_that_the_closure_does_not_see():
    for path in (path for folder in provenance.LOCAL for path in (ROOT / folder).rglob("*.py")):
        name, text = str(path.relative_to(ROOT)), path.read_text()
        assert name in BY_NAME or not re.search(r"import_module|__import__|importlib\.util|spec_from", text), name
        assert "plugins import load" not in text, f"{name}: write plugins.load(...)"
        if name != "regmix/checks/plug_ins.py":  # only checks options
            assert not re.search(r"plugins\.load\((?!\")", text), f"{name}: the package must be a constant"
    resolved = {library for code in closures().values() for library in code.libraries}
    assert not [library for library in sorted(resolved) if provenance._version(library) is None]


@pytest.mark.parametrize(("section", "name"), [("regressors", "gp"), ("target.methods", "natural")])
def test_a_kind_that_is_no_file_is_one_error_with_its_key(section, name):
    values = PARAMS.model_dump()
    entries = values["regressors"] if section == "regressors" else values["target"]["methods"]
    entries[name]["kind"] = "nothing"
    with pytest.raises(InputError, match=rf"params\.yaml: {section}\.{name}\.kind: 'nothing' is not one of"):
        code_digest.closures(code_digest.Settings.model_validate(values), "root")
