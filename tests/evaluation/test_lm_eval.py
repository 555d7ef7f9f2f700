import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from lm_eval.api.instance import Instance
from tokenizers import Tokenizer, models, pre_tokenizers

from regmix.core.errors import InputError
from regmix.evaluation import heldout_tasks, lm_eval

WORDS = [f"w{i}" for i in range(10, 30)]  # of one length: acc_norm divides by it
SHARPNESS = 1.0  # the hand-set model's logit of the next word; all others are 0


def word_tokenizer(words: list[str]) -> Tokenizer:
    """One token a word, the end of text first."""
    vocab = {name: i for i, name in enumerate(dict.fromkeys(["<|endoftext|>", *words]))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def export(folder: Path, *, trained: bool = False, seed: int = 0, context: int = 40) -> Path:
    """A model over WORDS: random, or ``trained`` by hand to say w(i+1) after w(i), whatever came before."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = word_tokenizer(WORDS)
    vocab = width = tokenizer.get_vocab_size() + (-tokenizer.get_vocab_size() % 4)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocab,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=context,
            initializer_range=0.3,
            bos_token_id=0,
            eos_token_id=0,
            tie_word_embeddings=False,
        )
    )
    if trained:
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.model.embed_tokens.weight.copy_(torch.eye(vocab))
            # The norm scales a unit vector by sqrt(width).
            model.lm_head.weight.copy_(SHARPNESS / math.sqrt(width) * torch.eye(vocab).roll(1, 0))
    model.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    fast.save_pretrained(folder)
    return folder


def write_tasks(folder: Path, items: dict[str, dict[str, list]]) -> Path:
    """Task files as the stage writes them, from {domain: {"test": [...], "fewshot": [...]}}."""
    for domain, splits in items.items():
        kind = heldout_tasks.LAST_WORD if "target" in splits["test"][0] else heldout_tasks.CONTINUATION
        name = heldout_tasks.task_name(kind, domain)
        (folder / name).mkdir(parents=True)
        for split, split_items in splits.items():
            (folder / name / f"{split}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in split_items))
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(heldout_tasks.config(kind, domain, str(folder / name))))
    return folder


def ask(first: int, length: int, answer: int) -> dict:
    return {"context": " ".join(WORDS[first : first + length]), "target": f" {WORDS[answer]}"}


def choose(first: int, length: int, gold: int) -> dict:
    """The true continuation is the counting on; the wrong ones count from elsewhere.

    The word in front keeps these prompts apart from those of ``ask``: where the tokens before an answer's last
    are the same, lm-eval takes one request's logits for another's, whatever the lengths of their answers.
    """
    end = first + length
    wrong = [f"{WORDS[(end + k) % 20]} {WORDS[(end + k + 1) % 20]}" for k in (3, 6)]
    wrong.insert(gold, f"{WORDS[end]} {WORDS[end + 1]}")
    return {"context": " ".join([WORDS[-1], *WORDS[first:end]]), "choices": wrong, "gold": gold}


@pytest.fixture(scope="module")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    last_word = {
        "test": [ask(0, 4, 4), ask(3, 5, 8), ask(7, 4, 11), ask(2, 6, 15)],  # the last one is not the next word
        "fewshot": [ask(5, 4, 9), ask(9, 3, 12), ask(12, 3, 15)],
    }
    continuation = {
        "test": [choose(i, 4, i % 3) for i in range(5)],
        "fewshot": [choose(i, 5, 1) for i in (6, 7, 8)],
    }
    return write_tasks(tmp_path_factory.mktemp("tasks"), {"count": last_word, "follow": continuation})


@pytest.fixture(scope="module")
def hand_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("model") / "hand", trained=True)


def evaluate(folder: Path, task_folder: Path, scratch: Path, shots: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    (frame,) = lm_eval.evaluate([folder], task_folder, names=[], shots=shots, batch_size=4, scratch=scratch)
    return frame


def values(frame: pd.DataFrame, task: str, metric: str) -> list[float]:
    return frame[(frame["task"] == task) & (frame["metric"] == metric)]["value"].tolist()


def test_a_model_scores_what_it_was_made_to_know(hand_set, task_folder, tmp_path):
    frame = evaluate(hand_set, task_folder, tmp_path)
    assert list(frame.columns) == list(lm_eval.COLUMNS)
    assert values(frame, "heldout_last_word_count", "acc") == [0.75] * 3
    for metric in ("acc", "acc_norm", "acc_mutual_info"):
        assert values(frame, "heldout_continuation_follow", metric) == [1.0] * 3
    # Three words at the logit SHARPNESS, one at 0, each among the vocabulary.
    vocab = 24
    total = math.log(math.exp(SHARPNESS) + vocab - 1)
    expected = math.exp(-np.mean([SHARPNESS - total] * 3 + [-total]))
    assert values(frame, "heldout_last_word_count", "perplexity") == pytest.approx([expected] * 3, rel=1e-5)
    assert set(frame["items"]) == {4, 5}
    assert set(frame["shots"]) == {0, 1, 2}


def test_scores_repeat_and_do_not_depend_on_the_other_shots_or_models(task_folder, tmp_path):
    folders = [export(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    options = {"names": [], "batch_size": 4, "scratch": tmp_path}
    both = list(lm_eval.evaluate(folders, task_folder, shots=(0, 1, 2), **options))
    again = evaluate(folders[1], task_folder, tmp_path, shots=(2, 0))
    assert not both[0]["value"].equals(both[1]["value"])
    expected = pd.concat([both[1][both[1]["shots"] == shots] for shots in (2, 0)], ignore_index=True)
    pd.testing.assert_frame_equal(again, expected, check_exact=True)


def test_shots_change_what_a_model_reads(task_folder, tmp_path):
    perplexities = values(
        evaluate(export(tmp_path / "m"), task_folder, tmp_path), "heldout_last_word_count", "perplexity"
    )
    assert len(set(perplexities)) == 3


def request(pair: tuple[str, str]) -> Instance:
    return Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0, metadata=("task", 0, 1))


def test_packed_scores_are_those_of_lm_eval(tmp_path):
    from lm_eval.models.huggingface import HFLM

    from regmix.evaluation.packed_lm import PackedLM

    folder = export(tmp_path / "model", seed=3, context=16)
    rng = np.random.default_rng(0)

    def text(low: int, high: int) -> str:
        return " ".join(rng.choice(WORDS, rng.integers(low, high)))

    pairs = [(context, f" {text(1, 5)}") for context in [text(2, 10) for _ in range(12)] for _ in range(4)]
    pairs += [("", text(1, 4)) for _ in range(9)]  # conditioned on the end of text alone
    pairs += [pairs[0], pairs[5]]
    pairs += [(text(14, 15), f" {text(3, 4)}"), (text(14, 15), f" {text(4, 5)}"), (text(20, 24), f" {text(2, 4)}")]
    requests = [request(pair) for pair in pairs]
    packed = PackedLM(folder, batch_size=5)
    scores = packed.loglikelihood(requests)
    expected = HFLM(str(folder), device="cpu", batch_size=5).loglikelihood(requests, disable_tqdm=True)
    np.testing.assert_allclose([score for score, _ in scores], [score for score, _ in expected], rtol=1e-5)
    assert [greedy for _, greedy in scores] == [greedy for _, greedy in expected]
    assert packed.truncated == set(pairs[-2:])  # one token more than the model reads, and many
    context = text(4, 5)  # what the model says next is greedy, the rest is not
    best = int(packed.model(torch.tensor([packed.tok_encode(context)])).logits[0, -1].argmax())
    answers = [request((context, f" {word}")) for word in WORDS]
    assert [greedy for _, greedy in packed.loglikelihood(answers)] == [
        packed.tok_encode(word) == [best] for word in WORDS
    ]


def test_rows_keep_to_a_length_and_ask_once():
    from regmix.evaluation.packed_lm import _length, _rows

    requests = [((1, 2, 3), (4, k)) for k in range(9)] + [((1, 2, 3), (4, 0)), ((7,), (8,))]
    rows = _rows(requests, longest=6)
    assert [_length(row) for row in rows] == [6, 6, 6, 1]
    assert sorted(request for row in rows for request in row) == sorted(set(requests))


def test_items_that_do_not_fit_are_refused(task_folder, tmp_path):
    folder = export(tmp_path / "model", trained=True, context=12)
    assert len(evaluate(folder, task_folder, tmp_path, shots=(0,)))
    with pytest.raises(
        InputError, match=r"heldout_\w+ with 2 shots do not fit the model's 12 tokens; .*evaluation\.shots"
    ):
        evaluate(folder, task_folder, tmp_path, shots=(0, 2))


def test_lm_eval_writes_into_its_scratch_alone(hand_set, task_folder, tmp_path):
    from datasets import config

    def listing(folder: Path) -> dict[str, str]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    watched = [Path(config.HF_DATASETS_CACHE), task_folder, hand_set]
    before = [listing(folder) for folder in watched]
    evaluate(hand_set, task_folder, tmp_path, shots=(0,))
    assert [listing(folder) for folder in watched] == before
    assert listing(tmp_path)


def test_no_tasks_and_no_models_are_refused(hand_set, task_folder, tmp_path):
    with pytest.raises(InputError, match=r"no task files; list domains in evaluation\.last_word"):
        evaluate(hand_set, tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"seed-0: no exported model"):
        lm_eval.evaluate_all(
            [tmp_path / "seed-0"], task_folder, names=[], shots=[0], batch_size=4, processes=1, scratch=tmp_path
        )


@pytest.mark.slow
def test_unknown_task_is_refused(hand_set, task_folder, tmp_path):
    with pytest.raises(InputError, match=r"evaluation\.tasks: lm-eval cannot load 'no_such_task'"):
        next(
            lm_eval.evaluate([hand_set], task_folder, names=["no_such_task"], shots=[0], batch_size=4, scratch=tmp_path)
        )


@pytest.mark.slow
def test_equal_to_the_command_line_with_any_number_of_processes(hand_set, task_folder, tmp_path):
    folders = [hand_set, *(export(tmp_path / str(seed), seed=seed) for seed in (1, 2))]
    options = {"names": [], "shots": [0, 2], "batch_size": 4, "scratch": tmp_path}
    serial, parallel = (lm_eval.evaluate_all(folders, task_folder, processes=n, **options) for n in (1, 2))
    for alone, shared in zip(serial, parallel, strict=True):
        pd.testing.assert_frame_equal(alone, shared, check_exact=True)
    for shots in (0, 2):
        command = [
            *(sys.executable, "-m", "lm_eval", "--model", "hf", "--device", "cpu", "--batch_size", "4"),
            *("--model_args", f"pretrained={folders[1]}", "--include_path", str(task_folder)),
            *("--tasks", "heldout_continuation_follow,heldout_last_word_count", "--num_fewshot", str(shots)),
            *("--output_path", str(tmp_path / f"cli-{shots}")),
        ]
        environment = os.environ | lm_eval.OFFLINE | {"HF_HOME": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        (file,) = (tmp_path / f"cli-{shots}").rglob("results*.json")
        results = json.loads(file.read_text())["results"]
        rows = serial[1][serial[1]["shots"] == shots]
        assert len(rows) == 5
        for row in rows.itertuples():
            assert row.value == pytest.approx(results[row.task][f"{row.metric},none"], rel=1e-5)
            if row.metric != "perplexity":
                assert row.value == results[row.task][f"{row.metric},none"]
