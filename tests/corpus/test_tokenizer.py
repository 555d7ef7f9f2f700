"""The tokenizer, alone and through its two stages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tokenizers import Tokenizer

from regmix import params
from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json
from regmix.corpus.split import split_documents
from regmix.corpus.tokens import tokenizer
from regmix.corpus.tokens.encode import encode_file
from regmix.corpus.tokens.token_files import open_tokens
from stages.corpus import corpus_tokenize as stage
from stages.corpus.corpus_tokenize import corpus_tokenize
from stages.corpus.tokenizer_train import tokenizer_train

FIXTURE = Path(__file__).parents[1] / "fixtures/params.yaml"
TEXTS = [f"the {number}th of many documents, caf\u00e9 \U0001f600 {number**3}" for number in range(400)]


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    return tokenizer.train(TEXTS, 400)


def tokens_of(encoder: Tokenizer, texts: list[str]) -> np.ndarray:
    return np.concatenate(list(tokenizer.encode(encoder, texts, 0)))


def test_trained_vocabulary(trained: Tokenizer) -> None:
    assert tokenizer.vocab_size(trained) == 400
    assert trained.token_to_id(tokenizer.EOS) == 0
    assert tokenizer.vocab_size(tokenizer.train(["ab"], 400)) < 400  # too little text for more merges


def test_training_again_in_another_process_gives_the_same_tokenizer(trained: Tokenizer) -> None:
    code = (
        "import json, sys; from regmix.corpus.tokens import tokenizer;"
        "print(tokenizer.fingerprint(tokenizer.train(json.load(sys.stdin), 400)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], input=json.dumps(TEXTS), capture_output=True, text=True)
    again = tokenizer.fingerprint(tokenizer.train(TEXTS, 400))
    assert completed.stdout.strip() == again == tokenizer.fingerprint(trained)
    assert tokenizer.fingerprint(tokenizer.train(TEXTS[:200], 400)) != tokenizer.fingerprint(trained)


def test_fingerprint_does_not_depend_on_the_layout_of_the_file(trained: Tokenizer, tmp_path: Path) -> None:
    expected = tokenizer.fingerprint(trained)
    for number, pretty in enumerate((True, False)):
        trained.save(str(tmp_path / f"{number}.json"), pretty=pretty)
        assert tokenizer.fingerprint(tokenizer.load_json(tmp_path / f"{number}.json")) == expected


def test_an_end_of_text_follows_each_document_and_all_decodes_back(trained: Tokenizer) -> None:
    texts = ["one", "two <|endoftext|> still two", " \n\tthree", "\u00e9\U0001f600\x00\u4e2d"]
    ids = tokens_of(trained, texts)
    ends = np.flatnonzero(ids == 0)
    assert len(ends) == len(texts)
    assert ends[-1] == len(ids) - 1
    documents = np.split(ids, ends + 1)[:-1]
    assert [trained.decode(document[:-1].tolist(), skip_special_tokens=False) for document in documents] == texts


def test_batches_change_no_token(trained: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = np.concatenate([[*trained.encode(text, add_special_tokens=False).ids, 0] for text in TEXTS])
    np.testing.assert_array_equal(tokens_of(trained, TEXTS), expected)
    monkeypatch.setattr(tokenizer, "BATCH_CHARS", 100)
    np.testing.assert_array_equal(tokens_of(trained, TEXTS), expected)


def test_encoding_holds_a_batch_at_a_time(trained: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "BATCH_CHARS", 1)
    read = []
    chunks = tokenizer.encode(trained, (read.append(text) or text for text in TEXTS), 0)  # type: ignore[func-returns-value]
    next(chunks)
    assert len(read) == 1


def test_a_given_tokenizer_json(trained: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    trained.save(str(path))
    loaded, eos = tokenizer.load(str(path))
    assert eos == 0
    np.testing.assert_array_equal(tokens_of(loaded, TEXTS), tokens_of(trained, TEXTS))
    path.write_text(path.read_text().replace(tokenizer.EOS, "<|pad|>"))
    with pytest.raises(InputError, match=r"tokenizer\.json': has none of the end-of-text tokens <\|endoftext\|>, </s>"):
        tokenizer.load(str(path))
    path.write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json: cannot be read as a tokenizer\.json"):
        tokenizer.load(str(path))
    with pytest.raises(InputError, match=r"absent\.json: cannot be read"):
        tokenizer.load(str(tmp_path / "absent.json"))


def test_padding_and_truncation_of_a_given_tokenizer_are_off(trained: Tokenizer, tmp_path: Path) -> None:
    padded = Tokenizer.from_str(trained.to_str())
    padded.enable_padding(length=50)
    padded.enable_truncation(3)
    padded.save(str(tmp_path / "tokenizer.json"))
    loaded, _ = tokenizer.load(str(tmp_path / "tokenizer.json"))
    np.testing.assert_array_equal(tokens_of(loaded, TEXTS[:3]), tokens_of(trained, TEXTS[:3]))


def test_a_tokenizer_that_transformers_loads(
    trained: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    saved = transformers.PreTrainedTokenizerFast(tokenizer_object=trained, eos_token=tokenizer.EOS)
    saved.save_pretrained(tmp_path / "saved")
    loaded, eos = tokenizer.load(str(tmp_path / "saved"))
    assert eos == 0
    np.testing.assert_array_equal(tokens_of(loaded, TEXTS), tokens_of(trained, TEXTS))
    with pytest.raises(InputError, match=r"tokenizer\.source 'no/such': neither `train`.*check the network") as caught:
        tokenizer.load("no/such")
    assert "\n" not in str(caught.value)


def test_code_that_a_tokenizer_brings_is_not_run(trained: Tokenizer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = tmp_path / "brings_code"
    transformers.PreTrainedTokenizerFast(tokenizer_object=trained, eos_token=tokenizer.EOS).save_pretrained(folder)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    config = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"tokenizer\.source '.*brings_code': neither"):
        tokenizer.load(str(folder))
    assert not (tmp_path / "ran").exists()


def corpus_of(tmp_path: Path) -> params.Params:
    """Three small domains below tmp_path / "extracted"; the last is for validation only."""
    values = yaml.safe_load(FIXTURE.read_text(encoding="utf-8"))
    entry = {"reader": "folder", "path": "x", "text_field": "text", "encoding_errors": "strict"}
    values["corpus"] |= {"domains": dict.fromkeys(("a", "b", "c"), entry), "validation_only": ["c"]}
    values["tokenizer"] |= {"vocab_size": 300, "domain_chars": 2000}
    values["objectives"] = {"broad": "trained"}
    values["mixture"]["fronts"]["pairs"] = []
    values["swarm"] |= {"rounds": {}, "learn_from": "data/swarm_collect"}
    values["trajectory"]["objective"] = "broad"
    values["target"]["methods"] = {"natural": {"kind": "natural"}}
    values["evaluation"] |= {"last_word": [], "continuation": []}
    for number, name in enumerate("abc"):
        texts = [f"{name} {text}" for text in TEXTS[number * 100 : number * 100 + 100]]
        folder = tmp_path / "extracted" / name
        folder.mkdir(parents=True)
        stats = split_documents(texts, folder, name, max_chars=10**6, valid_fraction=0.1, salt="")
        write_json(folder / "stats.json", stats)
    return params.parse(values)


def test_stages_from_documents_to_token_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = corpus_of(tmp_path)
    extracted, trained_folder = tmp_path / "extracted", tmp_path / "made"
    tokenizer_train(settings, extracted=extracted, out=trained_folder)
    meta = read_json(trained_folder / "meta.json")
    assert (meta["vocab"], meta["eos"]) == (300, 0)
    (extracted / "c").rename(tmp_path / "c")  # not trained on, so not needed, and without a say
    tokenizer_train(settings, extracted=extracted, out=tmp_path / "again")
    assert read_json(tmp_path / "again" / "meta.json") == meta

    out, store = tmp_path / "tokens", tmp_path / "store"
    (tmp_path / "c").rename(extracted / "c")
    corpus_tokenize(settings, extracted=extracted, tokenizer=trained_folder, store=store, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["a", "b", "c", "domains.json"]
    assert [path.name for path in store.iterdir()] == ["tokens"], "parts are kept until the whole is written"
    written = {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")}
    encoded = []

    def counted(path: Path, *rest):
        encoded.append(path.parent.name)
        return encode_file(path, *rest)

    monkeypatch.setattr(stage, "encode_file", counted)
    corpus_tokenize(settings, extracted=extracted, tokenizer=trained_folder, store=store, out=out)
    assert encoded == []
    (extracted / "c/valid.jsonl").write_text((extracted / "c/valid.jsonl").read_text() * 2)
    tokens = (out / "a/train.bin").read_bytes()
    cached = next(path for path in store.glob("tokens/*.bin") if path.read_bytes() == tokens)
    cached.unlink()
    cached.write_bytes(b"damaged")
    corpus_tokenize(settings, extracted=extracted, tokenizer=trained_folder, store=store, out=out)
    assert sorted(encoded) == ["a", "c"]
    assert len(list(store.glob("tokens/*.bin"))) == 6, "those of old text are removed"
    assert {path: (out / path).read_bytes() for path in written if path.parts[0] != "c"} == {
        path: data for path, data in written.items() if path.parts[0] != "c"
    }
    domain_meta = read_json(out / "a" / "meta.json")
    assert {key: domain_meta[key] for key in meta} == meta
    assert (domain_meta["domain"], domain_meta["dtype"]) == ("a", "uint16")
    stats = read_json(extracted / "a" / "stats.json")
    for side in ("train", "valid"):
        ids = open_tokens(out / "a", domain_meta, side)
        assert domain_meta[side] == {"tokens": len(ids), **stats[side]}
        assert (ids == 0).sum() == stats[side]["documents"]

    write_json(extracted / "b" / "stats.json", stats)
    with pytest.raises(InputError, match=r"b: holds domain 'a'; run `dvc repro -f corpus/dvc\.yaml:corpus_extract@b`"):
        corpus_tokenize(settings, extracted=extracted, tokenizer=trained_folder, store=store, out=out)
    (extracted / "b" / "train.jsonl").unlink()
    with pytest.raises(InputError, match=r"b/train\.jsonl: missing or empty domain"):
        tokenizer_train(settings, extracted=extracted, out=trained_folder)


def test_a_tokenizer_that_is_not_the_one_of_its_meta_is_refused(tmp_path: Path, trained: Tokenizer) -> None:
    settings = corpus_of(tmp_path)
    tokenizer_train(settings, extracted=tmp_path / "extracted", out=tmp_path / "made")
    trained.save(str(tmp_path / "made" / "tokenizer.json"))
    with pytest.raises(InputError, match=r"tokenizer\.json: made with tokenizer .*but .*meta\.json"):
        corpus_tokenize(
            settings,
            extracted=tmp_path / "extracted",
            tokenizer=tmp_path / "made",
            store=tmp_path / "store",
            out=tmp_path / "tokens",
        )
    assert not (tmp_path / "tokens").exists()
