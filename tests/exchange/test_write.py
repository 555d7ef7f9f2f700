"""A mixture in every format: weights read back, documents for tokens, phases, and what each file says of itself."""

from __future__ import annotations

import csv
import io
import json
import runpy
from pathlib import Path

import pytest
import yaml

from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, Phase, read_blend
from regmix.exchange.write import export, formats

WEIGHTS = {"web": 0.6123456789, "nothing": 0.0, "my books": 0.3, "code": 0.0876543211}
POSITIVE = {name: weight for name, weight in WEIGHTS.items() if weight}
LENGTHS = {"web": 500.0, "my books": 30_000.0, "code": 1500.0}
BLEND = Blend(
    (Phase(WEIGHTS),), tokens=1_000_000_000, paths="s3://lake/{domain}/tokens", document_tokens=LENGTHS,
    available={"web": 2e9, "my books": 1e8, "code": 2e9},
)  # fmt: skip
SCHEDULE = Blend(
    (Phase({"a": 1.0, "b": 0.0}), Phase({"a": 0.25, "b": 0.75}, 600)), tokens=1000, document_tokens={"a": 9, "b": 9}
)
DRAWS_DOCUMENTS = {"datasets", "energon", "litdata", "mosaicml"}
ONE_FILE = {"levanter", "csv", "json"}


def script(text: str, folder: Path) -> dict:
    path = folder / "script.py"
    path.write_text(text)
    return runpy.run_path(str(path))


def weights_in(form: str, files: dict[str, str], folder: Path) -> dict[str, float]:
    """The weights by path, or by name where a format has no paths, as a reader of the format's syntax finds them."""
    (text,) = (text for name, text in files.items() if not name.endswith(".about.txt"))
    if form.startswith("megatron"):
        words = json.loads(text)["train"] if form.endswith("splits") else text.removeprefix("--data-path").split()
        return {path: float(weight) for weight, path in zip(words[::2], words[1::2], strict=True)}
    if form == "csv":
        return {row["path"]: float(row["weight"]) for row in csv.DictReader(io.StringIO(text))}
    if form == "json":
        value = json.loads(text)
        return {value["domains"][name]["path"]: weight for name, weight in value["phases"][0]["weights"].items()}
    if form in ("energon", "olmo-core", "olmix", "mosaicml", "regmix"):
        value = yaml.safe_load(text)
        if form == "energon":
            return {part["path"]: part["weight"] for part in value["splits"]["train"]["blend"]}
        if form == "olmo-core":
            return {part["paths"][0]: part["target_ratio"] for part in value["sources"]}
        if form == "olmix":
            return {BLEND.path(name): part["weight"] for name, part in value["mix"].items()}
        if form == "regmix":
            return value["train"]
        return {part["local"]: part["proportion"] for part in value["streams"].values()}
    if form == "torchtitan":
        calls = [
            line.strip().removesuffix(",") for line in text.splitlines() if line.strip().startswith("HFDataSource")
        ]
        sources = [eval(call, {"HFDataSource": dict}) for call in calls]
        return {source["dataset_path"]: source["weight"] for source in sources}
    values = script(text, folder)
    if form == "nemo":
        return {path: float(weight) for weight, path in zip(values["paths"][::2], values["paths"][1::2], strict=True)}
    if form == "litdata":
        return dict(zip(values["folders"], values["weights"], strict=True))
    if form == "levanter":
        return {values["caches"][name]: weight for name, weight in values["train_weights"].items()}
    return {values["paths"][name]: weight for name, weight in values["probabilities"].items()}


@pytest.mark.parametrize("form", [form for form in formats() if form not in ("megatron-args", "megatron-file")])
def test_the_weights_read_back(form, tmp_path):
    expected = {BLEND.path(name): weight for name, weight in POSITIVE.items()}
    if form in DRAWS_DOCUMENTS:
        total = sum(weight / LENGTHS[name] for name, weight in POSITIVE.items())
        expected = {BLEND.path(name): weight / LENGTHS[name] / total for name, weight in POSITIVE.items()}
    files = export(BLEND, form)
    assert weights_in(form, files, tmp_path) == pytest.approx(expected, abs=1e-6)
    output = "".join(files.values())
    assert "a mixture by regression" in output
    assert f"shares of {'documents' if form in DRAWS_DOCUMENTS else 'tokens'}" in output or form == "json"


@pytest.mark.parametrize("form", ["megatron-args", "megatron-file"])
def test_words_separated_by_white_space_take_no_path_with_any(form, tmp_path):
    with pytest.raises(InputError, match=r"--to megatron-.*: 's3://lake/my books/tokens' has a space"):
        export(BLEND, form)
    plain = Blend((Phase({"web": 0.7, "code": 0.3}),))
    assert weights_in(form, export(plain, form), tmp_path) == {"data/web": 0.7, "data/code": 0.3}


def test_equal_tokens_are_few_long_documents():
    lengths = {"short": 30, "long": 1500}
    blend = Blend((Phase({"short": 0.5, "long": 0.5}),), document_tokens=lengths)
    (text,) = export(blend, "mosaicml").values()
    streams = yaml.safe_load(text)["streams"]
    assert streams["long"]["proportion"] == pytest.approx(30 / 1530)


@pytest.mark.parametrize("form", sorted(DRAWS_DOCUMENTS))
def test_a_trainer_that_draws_documents_needs_their_lengths(form):
    with pytest.raises(InputError, match=f"--to {form}: it draws documents"):
        export(Blend((Phase({"a": 1.0}),)), form)
    with pytest.raises(InputError, match="--document-tokens: a = None: give its mean"):
        export(Blend((Phase({"a": 1.0}),), document_tokens={"b": 3}), form)


def test_repetition_is_allowed_where_the_tokens_are_too_few():
    (text,) = export(BLEND, "olmo-core").values()
    limits = {part["source_name"]: part.get("max_repetition_ratio") for part in yaml.safe_load(text)["sources"]}
    assert limits == {"web": None, "my books": 3.0, "code": None}  # 300 million tokens of 100 million
    (text,) = export(BLEND, "olmix").values()
    assert yaml.safe_load(text)["mix"]["my books"]["repetition_factor"] == pytest.approx(3.0)


@pytest.mark.parametrize("form", sorted(set(formats()) - ONE_FILE))
def test_a_schedule_is_a_file_a_phase_that_says_where_it_begins_and_what_came_before(form):
    files = export(SCHEDULE, form)
    first, second = ("".join(text for name, text in files.items() if f"phase{n}" in name) for n in (1, 2))
    assert first
    assert "Phase 1 of 2: tokens 0 to 600 of 1000." in first
    assert "Phase 2 of 2: tokens 600 to 1000 of 1000." in second
    assert "Tokens taken before it: a 600, b 0." in second
    assert "constant within a phase" in second


def test_levanter_has_the_schedule_itself(tmp_path):
    (text,) = export(SCHEDULE, "levanter").values()
    values = script(text, tmp_path)
    assert values["train_weights"] == [(0, {"a": 1.0, "b": 0.0}), (2048, {"a": 0.25, "b": 0.75})]
    assert values["start"](2048 * 4096) == 2048
    assert values["start"](2048 * 4096 + 1) == 4096


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": (Phase({"a": 0.5, "b": 0.4}),)}, "they sum to 0.9, not 1"),
        ({"phases": (Phase({"a": float("nan"), "b": 1.0}),)}, "a = nan: must be a number from 0 to 1"),
        ({"phases": (Phase({"a": 1.0}, 5),)}, r"first tokens \[5\]: must begin at 0 and rise"),
        ({"phases": (Phase({"a": 1.0}), Phase({"a": 1.0}, 5))}, "a schedule needs them"),
        ({"phases": (Phase({"a": 1.0}), Phase({"a": 1.0}, 5)), "tokens": 5}, "end before the last phase begins"),
        ({"phases": (Phase({"a": 1.0}),), "paths": "data"}, "has no {domain}"),
    ],
)
def test_what_is_no_mixture_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Blend(**changes)


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="'deepspeed' is not one of csv, datasets, "):
        export(BLEND, "deepspeed")


def test_weights_are_read_from_a_recommendation_or_by_domain(tmp_path):
    path = tmp_path / "mixture.json"
    path.write_text(json.dumps({"weights": {"a": 0.5, "b": 0.5}, "tokens": 7, "available_tokens": {"a": 1, "b": 7}}))
    blend = read_blend(path, paths="x/{domain}")
    assert (blend.tokens, blend.epochs("a"), blend.path("b")) == (7, 3.5, "x/b")
    path.write_text('{"a": 0.5, "b": 0.5}')
    assert read_blend(path).phases[0].weights == {"a": 0.5, "b": 0.5}
    with pytest.raises(InputError, match=r"none\.json: cannot be read as JSON .* give the output of"):
        read_blend(tmp_path / "none.json")
    path.write_text('{"a": "half"}')
    with pytest.raises(InputError, match="holds no weights by domain"):
        read_blend(path)
