"""Each format through its trainer's own parser, where that is installed: weights within 1e-6, and drawn shares.

The trainers are no dependency of the project; docs/exports.md says how to install them and which versions were read.
"""

from __future__ import annotations

import json
import random
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regmix.exchange.blend import Blend, Phase
from regmix.exchange.write import export

WEIGHTS = {"web": 0.6123456789, "books": 0.3, "code": 0.0876543211}
LENGTHS = {"web": 30, "books": 1500, "code": 200}
BLEND = Blend((Phase(WEIGHTS | {"none": 0.0}),), paths="data/{domain}", document_tokens=LENGTHS)
PATHS = {f"data/{name}": weight for name, weight in WEIGHTS.items()}
TOTAL = sum(weight / LENGTHS[name] for name, weight in WEIGHTS.items())
DOCUMENTS = {name: weight / LENGTHS[name] / TOTAL for name, weight in WEIGHTS.items()}
DRAWS = 20_000


def module(name: str) -> Any:
    """A trainer's module, or a skip that says it is not installed."""
    try:
        return import_module(name)
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"{name}: not installed here ({type(error).__name__}: {str(error).splitlines()[0]})")


@pytest.fixture
def written(tmp_path):
    def write(form: str) -> Path:
        files = export(BLEND, form)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        (path,) = (tmp_path / name for name in files if not name.endswith(".about.txt"))
        return path

    return write


def same(weights: dict[str, float], expected: dict[str, float] = PATHS) -> None:
    assert weights == pytest.approx(expected, abs=1e-6)


def token_shares(documents: list[str]) -> None:
    """Documents drawn have the tokens that the weights say, within four standard errors."""
    tokens = {name: documents.count(name) * LENGTHS[name] for name in WEIGHTS}
    for name, weight in WEIGHTS.items():
        share, p = tokens[name] / sum(tokens.values()), DOCUMENTS[name]
        error = weight * np.sqrt((1 - p) / p / len(documents))
        assert share == pytest.approx(weight, abs=4 * error + 0.01)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["megatron-args", "megatron-file", "megatron-splits", "nemo"])
def test_megatron(written, form):
    parse = module("megatron.core.datasets.utils").get_blend_from_list
    path = written(form)
    if form == "nemo":  # its data module passes `paths` to the same function
        words = runpy.run_path(str(path))["paths"]
    else:
        text = path.read_text()
        words = json.loads(text)["train"] if form.endswith("splits") else text.removeprefix("--data-path").split()
    prefixes, weights = parse(words)
    same(dict(zip(prefixes, weights, strict=True)))


@pytest.mark.filterwarnings("ignore")
def test_energon(written):
    v2 = module("megatron.energon.metadataset.metadataset_v2")
    config, paths = module("megatron.energon.dataset_config"), module("megatron.energon.epathlib")
    path = paths.EPath(str(written("energon")))
    loaded = config.load_config(path, default_type=v2.MetadatasetV2, default_kwargs={"path": path})
    blend = loaded.splits["train"].blend
    same({str(part.path): part.weight for part in blend}, {f"data/{name}": share for name, share in DOCUMENTS.items()})


@pytest.mark.filterwarnings("ignore")
def test_olmo_core(written):
    sources = module("olmo_core.data.source_mixture").SourceMixtureList.from_yaml(str(written("olmo-core")))
    sources.validate()
    for source in sources.sources:
        source.validate()
    same({source.paths[0]: source.target_ratio for source in sources.sources})


@pytest.mark.filterwarnings("ignore")
def test_torchtitan(written):
    module("torchtitan.hf_datasets.text_datasets")
    sources = runpy.run_path(str(written("torchtitan")))["sources"]
    same({source.dataset_path: source.weight for source in sources})

    class Endless:
        def __init__(self, name: str) -> None:
            self.name = name

        def __iter__(self):
            while True:
                yield self.name

        def state_dict(self) -> dict:
            return {}

        def load_state_dict(self, state: dict) -> None: ...

    mixed = module("torchtitan.hf_datasets.interleaved").InterleavedDataset(
        [Endless(source.dataset) for source in sources], [source.weight for source in sources], seed=0
    )
    drawn = [name for name, _ in zip(mixed, range(DRAWS), strict=False)]
    same_shares = {name: drawn.count(name) / DRAWS for name in WEIGHTS}
    assert same_shares == pytest.approx(WEIGHTS, abs=4 * np.sqrt(0.25 / DRAWS))


@pytest.mark.filterwarnings("ignore")
def test_datasets(written):
    datasets = module("datasets")
    script = runpy.run_path(str(written("datasets")))
    same(script["probabilities"], DOCUMENTS)
    rows = {name: round(DRAWS * share * 1.2) + 100 for name, share in DOCUMENTS.items()}
    parts = {name: datasets.Dataset.from_dict({"domain": [name] * count}) for name, count in rows.items()}
    token_shares(script["interleave"](parts)["domain"][:DRAWS])


@pytest.mark.filterwarnings("ignore")
def test_mosaicml_streaming(written):
    import yaml

    stream = module("streaming").Stream
    options = yaml.safe_load(written("mosaicml").read_text())["streams"]
    streams = [stream(**part) for part in options.values()]
    chosen = stream.apply_weights(streams, np.full(len(streams), DRAWS), DRAWS, 0)
    assert chosen == DRAWS
    same(dict(zip(options, (part.proportion for part in streams), strict=True)), DOCUMENTS)
    shares = {name: part.choose / DRAWS for name, part in zip(options, streams, strict=True)}
    assert shares == pytest.approx(DOCUMENTS, abs=len(streams) / DRAWS)


@pytest.mark.filterwarnings("ignore")
def test_litdata(written, tmp_path, monkeypatch):
    module("litdata")
    script = runpy.run_path(str(written("litdata")))
    same(dict(zip(script["folders"], script["weights"], strict=True)), {f"data/{k}": v for k, v in DOCUMENTS.items()})
    writer = module("litdata.streaming.writer").BinaryWriter
    for name, share in DOCUMENTS.items():
        count = round(DRAWS / 10 * share * 1.3) + 100
        cache = writer(str(tmp_path / "data" / name), chunk_size=count)
        for i in range(count):
            cache[i] = name
        cache.done()
        cache.merge()
    monkeypatch.chdir(tmp_path)
    random.seed(0)
    drawn = [item for item, _ in zip(script["combined"](), range(DRAWS // 10), strict=False)]
    token_shares(drawn)
