"""Fetching: pip's own index reader against a folder and a server of tiny archives, and what corpus_extract verifies."""

from __future__ import annotations

import hashlib
import http.server
import io
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from regmix import params
from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.corpus.settings import Archive
from regmix.corpus.sources import package_index
from stages.corpus.corpus_extract import corpus_extract
from stages.corpus.corpus_fetch import corpus_fetch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what pip brings along

WHEEL = "toy_corpus-1.0-py3-none-any.whl"
SDIST = "toy_source-1.0.tar.gz"
FIXTURE = Path(__file__).parents[1] / "fixtures/params.yaml"


def pinned(path: Path, folder: str = "") -> Archive:
    return Archive(file=folder + path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a wheel (a table of 200 rows) and a source archive, which pip knows and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr("toy/rows.csv", "text\n" + "".join(f"row {number} of the table\n" for number in range(200)))
    build = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    with tarfile.open(folder / SDIST, "w:gz") as archive:
        info = tarfile.TarInfo("toy_source-1.0/setup.py")
        info.size = len(build)
        archive.addfile(info, io.BytesIO(build))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def archives(index: Path) -> dict[str, Archive]:
    return {"toy-corpus": pinned(index / WHEEL), "Toy_Source": pinned(index / SDIST, "sources/")}


def corpus_with(archives: dict[str, Archive], path: str = f"data/corpus_fetch/{WHEEL}") -> params.Params:
    values = yaml.safe_load(FIXTURE.read_text(encoding="utf-8"))
    toy = {"members": ["toy/*.csv"], "columns": ["text"], "delimiter": ",", "quotes": True, "strip_urls": False}
    values["corpus"]["domains"]["toy"] = {"reader": "table", "path": path, **toy, "min_chars": 1}
    values["corpus"]["archives"] = {name: archive.model_dump() for name, archive in archives.items()}
    return params.parse(values)


def test_all_text_of_a_domain_that_is_only_validated_on_is_validation_text(archives, tmp_path: Path) -> None:
    settings = corpus_with(archives, str(fetch(archives, tmp_path) / WHEEL))
    corpus = settings.corpus.model_copy(update={"validation_only": ["toy"]})
    corpus_extract(settings.model_copy(update={"corpus": corpus}), domain="toy", out=tmp_path / "toy")
    stats = read_json(tmp_path / "toy/stats.json")
    assert (stats["train"]["documents"], stats["valid"]["documents"], stats["capped"]) == (0, 200, False)


def fetch(archives: dict[str, Archive], folder: Path) -> Path:
    corpus_fetch(corpus_with(archives), store=folder / "store", out=folder / "fetched")
    return folder / "fetched"


def test_fetch_then_extract(archives: dict[str, Archive], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetched = fetch(archives, tmp_path)
    assert sorted(str(file.relative_to(fetched)) for file in fetched.rglob("*.*")) == [f"sources/{SDIST}", WHEEL]
    assert capfd.readouterr() == ("", "")
    path, out = fetched / WHEEL, tmp_path / "toy"
    corpus_extract(corpus_with(archives, str(path)), domain="toy", out=out)
    stats = read_json(out / "stats.json")
    assert stats["train"]["documents"] + stats["valid"]["documents"] == 200
    assert len((out / "train.jsonl").read_text(encoding="utf-8").splitlines()) == stats["train"]["documents"]

    path.write_bytes(path.read_bytes().replace(b"row 7 ", b"row 8 "))
    for read_from in (path, fetched):  # the archive, or a folder that holds it
        with pytest.raises(InputError, match=r"toy_corpus.*: sha256 .* differs from .*corpus\.archives\.toy-corpus"):
            corpus_extract(corpus_with(archives, str(read_from)), domain="toy", out=out)
    assert (out / "stats.json").exists(), "a failed run must leave the last good output"


def test_no_code_of_a_source_archive_runs(archives: dict[str, Archive], tmp_path: Path) -> None:
    fetch(archives, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_an_interrupted_fetch_downloads_only_what_is_missing(
    archives: dict[str, Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[str] = []
    read_file = package_index.read_file

    def interrupted_at_first(project: str, file: str, key: str) -> Iterator[bytes]:
        files.append(file)
        if files == [WHEEL, SDIST]:
            yield b"the beginning"
            raise KeyboardInterrupt
        yield from read_file(project, file, key)

    monkeypatch.setattr(package_index, "read_file", interrupted_at_first)
    with pytest.raises(KeyboardInterrupt):
        fetch(archives, tmp_path)
    assert not (tmp_path / "fetched").exists()
    assert [file.name for file in (tmp_path / "store/archives").iterdir()] == [archives["toy-corpus"].sha256]
    for _ in range(2):
        fetch(archives, tmp_path)
        assert files == [WHEEL, SDIST, SDIST]
    (tmp_path / "store/archives" / archives["toy-corpus"].sha256).write_bytes(b"damaged")
    fetch(archives, tmp_path)
    assert files[3:] == [WHEEL]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, r"corpus\.archives\.toy-corpus: the index serves a file with another sha256"),
        ({"file": "toy_corpus-2.0-py3-none-any.whl"}, r"toy-corpus: the package index has no toy_corpus-2.0.*`file`"),
    ],
)
def test_what_the_index_lacks_is_one_line(
    archives: dict[str, Archive], tmp_path: Path, change: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        fetch({"toy-corpus": archives["toy-corpus"].model_copy(update=change)}, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize("file", ["../up.whl", "/root.whl", "a//b.whl", ".hidden", ""])
def test_a_file_stays_in_its_folder(file: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Archive(file=file, sha256="0" * 64)


@pytest.fixture
def server(index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The index over HTTP instead of as a folder; it breaks off the source archive."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            page = "".join(f'<a href="/files/{file.name}">{file.name}</a>' for file in index.iterdir())
            content = (index / name).read_bytes() if name else f"<!DOCTYPE html>{page}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-1] if name == SDIST else content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{listening.server_port}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        listening.shutdown()
        thread.join()


@pytest.mark.usefixtures("server")
def test_an_index_over_http(archives: dict[str, Archive], tmp_path: Path) -> None:
    source = archives.pop("Toy_Source")
    assert (fetch(archives, tmp_path) / WHEEL).read_bytes() == (tmp_path / "index" / WHEEL).read_bytes()
    with pytest.raises(InputError, match=rf"archives\.toy-source: {SDIST}: the download failed \(.*\); run it again"):
        fetch({"toy-source": source}, tmp_path)


def test_no_network(archives: dict[str, Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port, where nothing listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(InputError, match=r"corpus\.archives\.toy-corpus: no package index can be reached"):
        fetch(archives, tmp_path)


def test_a_pip_without_what_is_needed_of_it(
    archives: dict[str, Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pip._internal.commands", ModuleType("commands"))
    with pytest.raises(InputError, match=r"pip: cannot be used to fetch archives \(.*create_command.*\); install pip"):
        fetch(archives, tmp_path)


def test_extract_names_an_unknown_domain_and_a_missing_path(archives: dict[str, Archive], tmp_path: Path) -> None:
    settings = corpus_with(archives, str(tmp_path / "absent.whl"))
    with pytest.raises(InputError, match=r"corpus\.domains: no 'nope'; use one of news, .*toy"):
        corpus_extract(settings, domain="nope", out=tmp_path / "out")
    with pytest.raises(InputError, match=r"absent\.whl: no such file or folder; fix corpus\.domains\.toy\.path"):
        corpus_extract(settings, domain="toy", out=tmp_path / "out")
