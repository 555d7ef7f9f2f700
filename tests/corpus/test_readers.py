"""Every reader on small sources made here: what it yields, in which order, and what it refuses."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from regmix import params
from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.readers import _archive, json_field
from regmix.readers import python_code as code_reader
from tests.paths import ROOT


def texts(reader: str, path: Path, **options: Any) -> list[str]:
    module: ModuleType = plugins.load("readers", reader, "test")
    return list(module.read(path, plugins.options(module, options, "test")))


def zipped(contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(contents: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


TABLE: dict[str, Any] = {
    "members": ["*.csv"],
    "columns": ["title", "text"],
    "delimiter": ",",
    "quotes": True,
    "strip_urls": False,
    "min_chars": 1,
}
ROWS = b'id,title,text\n1,One,"first, and\nlonger"\n2,,second\n'


def test_table_joins_columns_and_skips_empty_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x.csv": ROWS}))
    assert texts("table", path, **TABLE) == ["One\nfirst, and\nlonger", "second"]
    assert texts("table", path, **{**TABLE, "min_chars": 7}) == ["One\nfirst, and\nlonger"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_table_within_an_archive_within_an_archive(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "a"
    path.write_bytes(tarred({"p/inner": pack({"r.txt": b'1\t0.5\ta "quoted word\n2\t0\thttp://x.y/z b\n'})}))
    options = {**TABLE, "members": ["*/inner!*.txt"], "columns": [2], "delimiter": "\t", "quotes": False}
    assert texts("table", path, **options) == ['a "quoted word', "http://x.y/z b"]
    assert texts("table", path, **{**options, "strip_urls": True}) == ['a "quoted word', "b"]


def test_members_come_in_the_order_of_patterns_then_names(tmp_path: Path) -> None:
    contents = {f"{name}.csv": f"title,text\n,{name}\n".encode() for name in ("b2", "a", "b1")}
    for number, order in enumerate((list(contents), sorted(contents))):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(zipped({name: contents[name] for name in order}))
        assert texts("table", path, **{**TABLE, "members": ["b*.csv", "a.csv"]}) == ["b1", "b2", "a"]


def test_members_of_a_folder_of_archives(tmp_path: Path) -> None:
    contents = {name: f"title,text\n,{name}\n".encode() for name in ("b.csv", "a.csv", "c.csv")}
    (tmp_path / "p-2.zip").write_bytes(zipped(contents))
    (tmp_path / "p-1.tar.gz").write_bytes(tarred({"c.csv": b"title,text\n,of p-1\n"}))
    (tmp_path / "q.zip").write_bytes(zipped(contents))
    members = ["q.zip!b.csv", "p-*!c.csv", "q.zip!a.csv"]
    assert texts("table", tmp_path, **{**TABLE, "members": members}) == ["b.csv", "a.csv", "of p-1", "c.csv"]
    for pattern in ("r.zip!a.csv", "q.zip"):
        with pytest.raises(
            InputError, match=rf"no archive matches '{pattern}', which must be ARCHIVE!MEMBER; fix .*`members`"
        ):
            texts("table", tmp_path, **{**TABLE, "members": [pattern]})
    with pytest.raises(InputError, match=r"q\.zip: no member matches 'd\.csv'"):
        texts("table", tmp_path, **{**TABLE, "members": ["q.zip!d.csv"]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": ["no.csv"]}, r"a\.zip: no member matches 'no\.csv'"),
        ({"members": ["in.zip!no.csv"]}, r"a\.zip!in\.zip: no member matches 'no\.csv'"),
        ({"members": ["x.csv!y"]}, r"a\.zip: broken archive"),
        ({"columns": ["body"]}, r"x\.csv: no column 'body' among id, title, text"),
        ({"columns": [3]}, r"x\.csv: no column 3 among 0, 1, 2"),
    ],
)
def test_table_names_what_is_missing(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x.csv": ROWS, "in.zip": zipped({"y": b""})}))
    with pytest.raises(InputError, match=message):
        texts("table", path, **{**TABLE, **change})


@pytest.mark.parametrize("rows", [b"title,text\nonly one\n", b'title,text\na,"never closed\n'])
def test_table_refuses_a_malformed_row(tmp_path: Path, rows: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x.csv": rows}))
    with pytest.raises(InputError, match=r"x\.csv: line 2: malformed row"):
        texts("table", path, **TABLE)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_cut_archive_is_one_clear_error(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "cut"
    whole = pack({"x.csv": ROWS + os.urandom(4000)})
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut: broken archive .*fetch it again"):
        texts("table", path, **TABLE)
    with pytest.raises(InputError, match="no such archive"):
        texts("table", tmp_path / "absent.zip", **TABLE)


XML = b"""<t xmlns:x="u"><record><f name="a">One</f><f name="b">  two
 <x:div>three</x:div></f></record><record><f name="b">four</f></record></t>"""
RECORDS: dict[str, Any] = {"members": ["*.xml"], "record": ".//record", "join": ". ", "min_chars": 1}


def test_a_zip_with_two_members_of_one_name_and_one_that_fills_the_memory(tmp_path: Path, monkeypatch: Any) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "text\none\n")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "text\ntwo\n")
    with pytest.raises(InputError, match=r"a\.zip: has two members named a\.csv; pack it again"):
        list(_archive.members(tmp_path / "a.zip", ["*.csv"]))
    monkeypatch.setattr(_archive, "MOST", 1 << 20)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("b.csv", "w") as file:
        for _ in range(2):
            file.write(bytes(1 << 20))
    with pytest.raises(InputError, match=r"b\.zip: members of more than 0 GiB; name fewer"):
        list(_archive.members(tmp_path / "b.zip", ["*.csv"]))


def test_xml_records(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x.xml": XML}))
    fields = ["f[@name='a']", "f[@name='b']"]
    assert texts("xml_records", path, **RECORDS, fields=fields) == ["One. two three", "four"]
    assert texts("xml_records", path, **RECORDS, fields=[".//{*}div"]) == ["three"]
    with pytest.raises(InputError, match="no field 'g' in any record"):
        texts("xml_records", path, **RECORDS, fields=["g"])
    with pytest.raises(InputError, match=r"no record './/row'"):
        texts("xml_records", path, **{**RECORDS, "record": ".//row"}, fields=fields)
    path.write_bytes(zipped({"x.xml": XML[:-4]}))
    with pytest.raises(InputError, match=r"x\.xml: broken XML"):
        texts("xml_records", path, **RECORDS, fields=fields)


def test_json_field_walks_to_the_field_and_drops_near_duplicates(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(60)]
    cached: dict[str, Any] = {
        "licences": {
            "a": {"text": " ".join(words)},
            "near": {"text": "  ".join(words).upper() + " more"},
            "far": {"text": " ".join(words[:30] + ["other"] * 60)},
            "none": {"text": None},
        },
        "exceptions": [{"text": "short"}, {"text": "short"}],
    }
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x.json": json.dumps(cached).encode()}))
    options = {"members": ["x.json"], "field": "*/*/text", "shingle": 8, "max_overlap": 0.8}
    documents = texts("json_field", path, **options)
    assert documents == [cached["licences"]["a"]["text"], cached["licences"]["far"]["text"], "short"]
    with pytest.raises(InputError, match=r"x\.json: no text at '\*/no'"):
        texts("json_field", path, **{**options, "field": "*/no"})
    path.write_bytes(zipped({"x.json": b'{"a": '}))
    with pytest.raises(InputError, match=r"x\.json: not JSON"):
        texts("json_field", path, **options)


def test_overlap_is_the_share_of_the_new_text_in_one_earlier_text() -> None:
    earlier = ["a b c d e", "f g h i j"]
    assert list(json_field.drop_overlapping([*earlier, "a b c d x"], 2, 0.75)) == [*earlier, "a b c d x"]  # 3 of 4
    assert list(json_field.drop_overlapping([*earlier, "a b c d x"], 2, 0.7)) == earlier
    # Half of it lies in each of two texts, none of which holds 70 %.
    assert list(json_field.drop_overlapping([*earlier, "a b c f g h"], 2, 0.7)) == [*earlier, "a b c f g h"]


def test_json_tree_writes_key_text_lines(tmp_path: Path) -> None:
    country = {
        "Geography": {
            "Area": {"total ": {"text": "5 &amp; <strong>more:</strong><br>6"}, "note": "a < b > c"},
            "Ports": {"text": "two", "list": ["x", 7, None]},
        }
    }
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"d/b.json": json.dumps(country).encode(), "d/a.json": b'{"k": "first"}'}))
    options = {"members": ["d/*.json"], "value_key": "text"}
    lines = ["Geography", "Area", "total: 5 & more: 6", "note: a < b > c", "Ports: two", "list: x", "list: 7"]
    assert texts("json_tree", path, **options, piece_chars=0) == ["k: first", "\n".join(lines)]
    cut = texts("json_tree", path, **options, piece_chars=20)
    assert len(cut) > 2
    assert "\n".join(cut) == "\n".join(["k: first", *lines])


def test_text_files_cut_at_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tarred({"t/b.txt": "caf\u00e9\r\n\r\ntwo\n \nthree".encode("latin-1"), "t/c_f.txt": b"no"}))
    options = {"members": ["t/?.txt"], "encoding": "latin-1"}
    assert texts("text_files", path, **options, piece_chars=8) == ["caf\u00e9\n\ntwo", "three"]
    assert texts("text_files", path, **options, piece_chars=0) == ["caf\u00e9\n\ntwo\n\nthree"]
    with pytest.raises(InputError, match=r"b\.txt: line 1: byte 0xe9 is not utf-8"):
        texts("text_files", path, members=["t/?.txt"], encoding="utf-8", piece_chars=0)
    with pytest.raises(InputError, match="unknown encoding 'latin-one'"):
        texts("text_files", path, members=["t/?.txt"], encoding="latin-one", piece_chars=0)


SOURCE = '''"""Module
docstring."""
import re  # stays

def f(x):
    """Of f."""
    try:
        "not a docstring"
    except ValueError:
        class Inner:
            """Of Inner,

              indented
            less."""
    return r"\\d"
'''


FILES: dict[str, bytes] = {
    "toy-1.0/toy/z.py": SOURCE.encode(),
    "toy-1.0/toy/a.py": b"x = '\\d'\r\n",
    "toy-1.0/toy/tests/t.py": b'"""Test."""\n',
    "toy-1.0/toy/conftest.py": b'"""Test."""\n',
    "toy-1.0/toy/build/b.py": b'"""Build."""\n',
    "toy-1.0/toy/t.py": b"{{ no python }} =\n",
}
PYTHON: dict[str, Any] = {"members": ["*/toy/*.py"], "exclude": ["*/build/*"], "min_chars": 1}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_python_code_without_docstrings_and_docstrings_without_code(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "toy"
    path.write_bytes(pack(FILES))
    docstrings = texts("python_docstrings", path, **PYTHON)
    assert docstrings == ["Module\ndocstring.", "Of f.", "Of Inner,\n\n  indented\nless."]
    assert texts("python_docstrings", path, **{**PYTHON, "min_chars": 10}) == [docstrings[0], docstrings[2]]
    assert "Build." in texts("python_docstrings", path, **{**PYTHON, "exclude": []})
    code = texts("python_code", path, **PYTHON, max_chars=1000)
    assert code[0] == "x = '\\d'\n"
    assert code[1] == (
        "import re  # stays\n\ndef f(x):\n    try:\n"
        '        "not a docstring"\n    except ValueError:\n        class Inner:\n    return r"\\d"\n'
    )
    assert texts("python_code", path, **{**PYTHON, "min_chars": 20}, max_chars=1000) == code[1:]
    assert texts("python_code", path, **PYTHON, max_chars=20) == code[:1]


def test_python_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_bytes(zipped({"a/toy/x.py": b"x = 1\n# caf\xe9\n"}))
    with pytest.raises(InputError, match=r"toy!a/toy/x\.py: line 2: byte 0xe9 is not utf-8"):
        texts("python_code", path, **PYTHON, max_chars=100)


def test_stripping_leaves_a_file_without_docstrings_as_it_was() -> None:
    import ast

    source = Path(code_reader.__file__).read_text(encoding="utf-8")
    stripped = code_reader.strip_docstrings(source, ast.parse(source))
    assert '"""' not in stripped
    assert code_reader.strip_docstrings(stripped, ast.parse(stripped)) == stripped
    assert set(stripped.split("\n")) <= set(source.split("\n"))


FOLDER = {"text_field": "body", "encoding_errors": "strict"}


def lines(*bodies: str | None) -> bytes:
    return "".join(json.dumps({"id": 1, "body": body}, ensure_ascii=False) + "\n" for body in bodies).encode()


def test_folder_reads_every_kind_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    parquet.write_table(pyarrow.table({"id": [1, 2, 3], "body": ["p1", None, "p2 \u00e9"]}), tmp_path / "e.parquet")
    # Two frames, with a line that crosses them.
    frames = [zstandard.compress(part) for part in (lines("z1") + b'{"body": "z', b'2"}')]
    (tmp_path / "sub/d.jsonl.zst").write_bytes(b"".join(frames))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines("g1", "g\u2028 2")))
    (tmp_path / "b.jsonl").write_bytes(lines("j1", None) + b"\n" + lines("j2"))
    (tmp_path / "a.txt").write_bytes("\ufeffwhole\nfile \u00e9".encode())
    (tmp_path / "notes.md").write_text("passed over")
    expected = ["whole\nfile \u00e9", "j1", "j2", "g1", "g\u2028 2", "p1", "p2 \u00e9", "z1", "z2"]
    assert texts("folder", tmp_path, **FOLDER) == expected
    assert texts("folder", tmp_path / "b.jsonl", **FOLDER) == ["j1", "j2"]


def test_folder_with_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("text")
    for path in (tmp_path, tmp_path / "notes.md", tmp_path / "absent"):
        with pytest.raises(InputError, match=rf"{path.name}: no \.txt, \.jsonl, .* file found"):
            texts("folder", path, **FOLDER)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_folder_text_that_is_not_utf8(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    bad = lines("good") + '{"body": "caf\u00e9"}\n'.encode("latin-1")
    if name == "a.txt":
        file.write_bytes(b"good\ncaf\xe9")
    elif name == "a.parquet":
        column = pyarrow.array([b"good", b"caf\xe9"], pyarrow.binary()).view(pyarrow.string())
        parquet.write_table(pyarrow.table({"body": column}), file)
    else:
        packs: dict[str, Any] = {"a.jsonl": bytes, "a.jsonl.gz": gzip.compress, "a.jsonl.zst": zstandard.compress}
        file.write_bytes(packs[name](bad))
    place = "row 2: body: line 1" if name == "a.parquet" else "line 2"
    with pytest.raises(InputError, match=rf"{name}: {place}: .*byte 0xe9 is not utf-8") as caught:
        texts("folder", tmp_path, **FOLDER)
    assert "\n" not in str(caught.value)
    replaced = texts("folder", tmp_path, **{**FOLDER, "encoding_errors": "replace"})
    assert "".join(replaced).replace("\n", "") == "goodcaf\ufffd"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", lines("x") + b"{cut", r"a\.jsonl: line 2: not JSON"),
        ("a.jsonl", b'{"text": "x"}', r"a\.jsonl: line 1: no key 'body' \(text\)"),
        ("a.jsonl", b'["x"]', r"a\.jsonl: line 1: no key 'body' \(not an object\)"),
        ("a.jsonl", b'{"body": 3}', r"a\.jsonl: line 1: 'body' is not text \(int\)"),
        ("a.jsonl.gz", gzip.compress(lines("x" * 100), mtime=0)[:-12], r"a\.jsonl\.gz: broken file"),
        ("a.jsonl.gz", b"no gzip", r"a\.jsonl\.gz: broken file"),
        ("a.jsonl.zst", zstandard.compress(os.urandom(400).hex().encode())[:-9], r"a\.jsonl\.zst: broken file"),
        ("a.jsonl.zst", b"no zstandard", r"a\.jsonl\.zst: broken file"),
        ("a.parquet", b"no parquet", r"a\.parquet: cannot be read as Parquet"),
    ],
)
def test_folder_names_the_broken_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        texts("folder", tmp_path, **FOLDER)


def test_folder_parquet_columns(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"text": ["x"], "body": [3.5]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: no column 'words' \(text, body\)"):
        texts("folder", tmp_path, **{**FOLDER, "text_field": "words"})
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as Parquet with a text column 'body'"):
        texts("folder", tmp_path, **FOLDER)


DATASET: dict[str, Any] = {
    "name": None,
    "config": None,
    "revision": None,
    "split": "train",
    "text_field": "body",
    "first": None,
}


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return datasets


def test_datasets_from_a_folder_of_files(tmp_path: Path, offline: Any) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(lines("one", None, "two"))
    (folder / "test.jsonl").write_bytes(lines("three"))
    assert texts("datasets", folder, **DATASET) == ["one", "two"]
    assert texts("datasets", folder, **{**DATASET, "first": 1}) == ["one"]
    assert texts("datasets", folder, **{**DATASET, "split": "test"}) == ["three"]
    with pytest.raises(InputError, match=r"no field 'words' \(id, body\)"):
        texts("datasets", folder, **{**DATASET, "text_field": "words"})
    with pytest.raises(InputError, match="'id' is not text"):
        texts("datasets", folder, **{**DATASET, "text_field": "id"})
    with pytest.raises(InputError, match=r"split 'dev', .*cannot be read"):
        texts("datasets", folder, **{**DATASET, "split": "dev"})
    with pytest.raises(InputError, match="no such folder"):
        texts("datasets", tmp_path / "absent", **DATASET)


def test_datasets_that_have_a_value_at_a_nested_key(tmp_path: Path, offline: Any) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [("one", "ArXiv"), ("two", "Pile-CC"), ("three", "ArXiv")]
    lines = [json.dumps({"body": text, "meta": {"set": name}}) for text, name in rows]
    (folder / "train.jsonl").write_text("\n".join(lines))
    chosen = {**DATASET, "where": {"meta.set": "ArXiv"}}
    assert texts("datasets", folder, **chosen) == ["one", "three"]
    assert texts("datasets", folder, **{**chosen, "first": 2}) == ["one"]
    assert texts("datasets", folder, **{**DATASET, "where": None}) == ["one", "two", "three"]
    with pytest.raises(InputError, match=r"no field 'meta\.sort' \(set\); fix `where`"):
        texts("datasets", folder, **{**DATASET, "where": {"meta.sort": "ArXiv"}})


def test_datasets_saved_to_disk(tmp_path: Path, offline: Any) -> None:
    rows = offline.Dataset.from_dict({"body": ["one", "two"]}, split="train")
    rows.save_to_disk(tmp_path / "flat")
    offline.DatasetDict({"train": rows, "dev": rows.select([1])}).save_to_disk(tmp_path / "splits")
    assert texts("datasets", tmp_path / "flat", **DATASET) == ["one", "two"]
    assert texts("datasets", tmp_path / "splits", **{**DATASET, "split": "dev"}) == ["two"]
    for saved, reason in (("splits", "KeyError"), ("flat", "it is the split 'train'")):
        with pytest.raises(InputError, match=rf"split 'test', .*{reason}"):
            texts("datasets", tmp_path / saved, **{**DATASET, "split": "test"})


def test_datasets_name_that_cannot_be_had(offline: Any) -> None:
    with pytest.raises(InputError, match=r"data set 'no/such_set' .*cannot be read .*check the network") as caught:
        texts("datasets", Path("constraints.txt"), **{**DATASET, "name": "no/such_set", "revision": "main"})
    assert "\n" not in str(caught.value)


def test_the_domains_of_params_yaml_fit_their_readers_and_read_what_is_fetched() -> None:
    corpus = params.Params.load(ROOT / "tests/fixtures/params.yaml").corpus
    files = [Path("data/corpus_fetch", archive.file) for archive in corpus.archives.values()]
    fetched = {path for file in files for path in (file, *file.parents)}
    for name, domain in corpus.domains.items():
        plugins.options(plugins.load("readers", domain.reader, name), domain.extras, name)
        if domain.path.startswith("data/corpus_fetch/"):
            assert Path(domain.path) in fetched, f"{name}: no archive provides {domain.path}"


def test_folder_cuts_a_long_document_at_paragraphs_lines_or_words(tmp_path: Path) -> None:
    paragraphs = [f"{'word ' * 30}{i}".strip() for i in range(40)]
    (tmp_path / "a.txt").write_text("\n\n".join(paragraphs))
    pieces = texts("folder", tmp_path, **FOLDER, piece_chars=400)
    assert "".join(pieces) == "\n\n".join(paragraphs)
    assert all(400 <= len(piece) <= 800 for piece in pieces[:-1])
    assert all(piece.startswith("\n\n") for piece in pieces[1:])
    for text, mark in (("line of text\n" * 100, "\n"), ("words " * 300, " "), ("x" * 3000, "x")):
        (tmp_path / "a.txt").write_text(text)
        pieces = texts("folder", tmp_path, **FOLDER, piece_chars=400)
        assert "".join(pieces) == text
        assert all(piece.startswith(mark) for piece in pieces[1:])
        assert len(pieces) > 2
    assert texts("folder", tmp_path, **FOLDER, piece_chars=0) == ["x" * 3000]
