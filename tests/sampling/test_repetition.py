"""Proxies that repeat each domain's text as often as the target will."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.files import write_json
from regmix.sampling.repetition import matched
from stages.common.run import call
from stages.mixture.mixture_confirm import mixture_confirm
from stages.swarm.swarm_ahead import swarm_ahead
from stages.swarm.swarm_sample import swarm_sample
from stages.swarm.swarm_train import swarm_train
from tests.pipeline.test_sharing import corpus, small


def test_a_proxy_passes_over_a_domain_as_often_as_the_target():
    limits = matched({"web": 90_000, "law": 3000}, 10_000, 30_000, 16)
    assert limits == {"web": 30_000, "law": 1000}
    for name, tokens in {"web": 90_000, "law": 3000}.items():
        assert 0.5 * 10_000 / limits[name] == pytest.approx(0.5 * 30_000 / tokens)


def test_too_little_text_is_one_line():
    with pytest.raises(InputError, match=r"swarm.repetition = matched: law would have 33 tokens, fewer than two sequ"):
        matched({"web": 90_000, "law": 1000}, 1000, 30_000, 16)


def sampled(folder: Path, **more: object) -> tuple[object, Path, Path]:
    params, _ = small(**more)
    tokens = corpus(folder / "corpus", params)
    swarm_sample(params, tokenizer=tokens, corpus=tokens, out=folder / "sample")
    return params, tokens, folder / "sample"


def test_matched_proxies_train_on_less_text_wherever_they_are_trained(tmp_path, capsys):
    more = {"swarm.repetition": "matched", "swarm.shards": ["anchors"]}
    params, tokens, sample = sampled(tmp_path / "matched", **more)
    share = params.proxy.train_tokens / params.target.train_tokens
    limits = dict.fromkeys(params.corpus.trained, int(3000 * share))
    assert json.loads((sample / "rules.json").read_text())["text"] == limits
    write_json(tmp_path / "answers.json", {})
    inputs = {"corpus": tokens, "store": tmp_path / "runs"}
    swarm_ahead(params, shards=sample / "shards", **inputs)
    capsys.readouterr()
    answers = tmp_path / "answers.json"
    swarm_train(params, shard=sample / "shards/anchors.json", answers=answers, **inputs, out=tmp_path / "first")
    assert "runs," not in capsys.readouterr().out  # what was trained ahead has the same key
    natural = {"weights": dict.fromkeys(params.corpus.trained, 1 / len(params.corpus.trained))}
    for objective in params.objectives:
        write_json(tmp_path / "simulated" / f"{objective}.json", natural)
    call(mixture_confirm, params, simulated=tmp_path / "simulated", sample=sample, answers=answers, **inputs,
         out=tmp_path / "confirmed")  # fmt: skip
    free, _, other = sampled(tmp_path / "free", **{"swarm.shards": ["anchors"]})
    assert "text" not in json.loads((other / "rules.json").read_text())
    swarm_train(free, shard=other / "shards/anchors.json", answers=answers, **inputs, out=tmp_path / "second")
    first, second = (pd.read_csv(tmp_path / name / "losses.csv").set_index("run") for name in ("first", "second"))
    assert (first != second).any(axis=None)


def test_missing_text_is_reported(tmp_path, capsys):
    real = {"constraints.for_tokens": 10_000, "constraints.available_tokens": 0}
    params, _ = small()
    real["constraints.available_tokens"] = dict.fromkeys(params.corpus.trained, 10**9)
    sampled(tmp_path, **real, **{"swarm.repetition": "matched"})
    assert "too little of news, parliament" in capsys.readouterr().err
