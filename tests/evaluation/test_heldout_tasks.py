import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from regmix import params as schema
from regmix.core.errors import InputError
from regmix.evaluation import heldout_tasks
from stages.evaluation.tasks_build import tasks_build
from tests.paths import ROOT

SHOTS, CONTEXT = (0, 2), 90


def count(text: str) -> int:
    """A token is at most three characters of one word."""
    return sum(math.ceil(len(word) / 3) for word in text.split()) + text.count("\n\n")


def word(rng: np.random.Generator, letters: int) -> str:
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), letters))


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Sentences of rare words and, every second word, one of a few common ones."""
    rng = np.random.default_rng(0)
    common = [word(rng, 3) for _ in range(heldout_tasks.COMMON // 2)]

    def sentence() -> str:
        words = [common[rng.integers(len(common))] if i % 2 else word(rng, 5) for i in range(11)]
        return " ".join(words).capitalize() + "."

    return [" ".join(sentence() for _ in range(6)) + "\n\n" + sentence() for _ in range(30)]


def build(kind: str, documents: list[str], seed: int = 0, items: int = 40) -> dict:
    return heldout_tasks.build(
        kind,
        "prose",
        documents,
        items=items,
        choices=4,
        shots=SHOTS,
        context=CONTEXT,
        count_tokens=count,
        rng=np.random.default_rng(seed),
    )


def source(context: str, documents: list[str]) -> int:
    (index,) = [i for i, text in enumerate(documents) if context in text]
    return index


@pytest.mark.parametrize("kind", [heldout_tasks.LAST_WORD, heldout_tasks.CONTINUATION])
def test_items_are_drawn_by_the_seed_alone(kind, documents):
    first = build(kind, documents)
    assert len(first["test"]) == 40
    assert first == build(kind, documents)
    assert first != build(kind, documents, seed=1)


@pytest.mark.parametrize("kind", [heldout_tasks.LAST_WORD, heldout_tasks.CONTINUATION])
def test_an_item_and_the_most_examples_fit_the_context(kind, documents):
    items = build(kind, documents)

    def prompts(item: dict) -> list[str]:
        answers = [item["target"]] if kind == heldout_tasks.LAST_WORD else [f" {choice}" for choice in item["choices"]]
        return [item["context"] + answer for answer in answers]

    longest = [max((p for item in items[split] for p in prompts(item)), key=count) for split in ("fewshot", "test")]
    assert count("\n\n".join([longest[0]] * max(SHOTS) + [longest[1]])) <= CONTEXT
    shortest = min(count(item["context"]) for item in items["test"])
    assert 4 * shortest >= CONTEXT // 3  # and contexts worth reading


@pytest.mark.parametrize("kind", [heldout_tasks.LAST_WORD, heldout_tasks.CONTINUATION])
def test_examples_come_from_other_documents(kind, documents):
    items = build(kind, documents)
    test, fewshot = ({source(item["context"], documents) for item in items[split]} for split in ("test", "fewshot"))
    assert len(items["fewshot"]) == heldout_tasks.POOL
    assert not test & fewshot
    assert len(test) > 20  # spread over the documents that are left


def test_last_word_follows_its_context_and_is_worth_asking_for(documents):
    items = build(heldout_tasks.LAST_WORD, documents)["test"]
    counts = {w: sum(text.lower().split().count(w) for text in documents) for w in "".join(documents).lower().split()}
    for item in items:
        answer = item["target"].strip()
        text = documents[source(item["context"], documents)]
        assert item["target"] == f" {answer}"
        assert item["context"] + item["target"] + "." in text
        assert answer.isalpha()
        assert len(answer) >= 3
        assert answer not in item["context"].lower().split()
        assert counts.get(answer, 0) <= 2  # none of the common ones
    answers = [item["target"] for item in items]
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("The old grey mare went down the long road to the market.", ["market"]),
        ("The old grey mare went down the long road to the marketMARKET", []),  # no sentence ends
        ("The old grey mare went down the long road to the year 1984.", []),  # no word
        ("The old grey mare went down the long road to the U.S.", []),
        ("The old grey mare went down the long road to the NATO.", []),  # an abbreviation
        ("The market of the old grey town lay down the long road from the market.", []),  # was in the text before
        ("The old grey mare went down the long road to the Inc. and back to its own stable .", ["stable"]),
        ("Short one.", []),
    ],
)
def test_which_words_are_asked_for(text, answers):
    assert [word for _, word in heldout_tasks._last_words(text, 30, count, set())] == answers


def test_common_words_are_not_asked_for():
    text = "The old grey mare went down the long road to the market."
    assert not list(heldout_tasks._last_words(text, 30, count, {"market"}))


def test_last_word_context_starts_with_a_sentence_where_one_starts_far_back():
    text = "Nobody knew why at all. The old grey mare went down the road to the market."
    ((context, _),) = heldout_tasks._last_words(text, 26, count, set())
    assert context == "The old grey mare went down the road to the"


def test_true_continuation_follows_and_wrong_ones_do_not(documents):
    items = build(heldout_tasks.CONTINUATION, documents)["test"]
    golds = [item["gold"] for item in items]
    assert set(golds) == {0, 1, 2, 3}
    for item in items:
        document = source(item["context"], documents)
        assert len(set(item["choices"])) == 4
        for number, choice in enumerate(item["choices"]):
            true = f"{item['context']} {choice}" in documents[document]
            assert true == (number == item["gold"])
            assert (source(choice, documents) == document) == true  # the wrong ones are of other documents
    contexts = [item["context"] for item in items]
    assert len(set(contexts)) == len(contexts)


def test_a_repeated_passage_is_used_once(documents):
    repeated = [documents[0]] * 20 + documents[1:12]
    items = build(heldout_tasks.CONTINUATION, repeated, items=20)
    contexts = [item["context"] for split in items.values() for item in split]
    assert len(set(contexts)) == len(contexts)


@pytest.mark.parametrize("kind", [heldout_tasks.LAST_WORD, heldout_tasks.CONTINUATION])
def test_too_little_text_is_refused(kind, documents):
    with pytest.raises(InputError, match=rf"evaluation\.items = 40: .* prose \(3 documents\).* {kind} items") as error:
        build(kind, documents[:3])
    assert "\n" not in str(error.value)


def test_more_choices_than_items_are_refused(documents):
    with pytest.raises(InputError, match=r"evaluation\.choices = 4: an item needs 3 wrong choices and only 1 fit"):
        build(heldout_tasks.CONTINUATION, documents, items=2)


@pytest.mark.parametrize(("shots", "budget"), [((0,), 96), ((0, 1, 2), 42), ((5,), 21)])
def test_budget_of_an_item(shots, budget):
    assert heldout_tasks.item_budget(128, shots) == budget


def test_stage_writes_tasks_that_depend_on_their_own_text_alone(tmp_path, documents, monkeypatch):
    from tests.evaluation.test_lm_eval import word_tokenizer

    root = ROOT
    params = schema.Params.load(root / "tests/fixtures/params.yaml")
    monkeypatch.chdir(tmp_path)
    for domain in ("news", "law"):
        (tmp_path / domain).mkdir()
        lines = [json.dumps({"text": text}) for text in documents]
        (tmp_path / domain / "valid.jsonl").write_text("\n".join(lines) + "\n")
    word_tokenizer([w for text in documents for w in text.split()]).save(str(tmp_path / "tokenizer.json"))

    def run(out: str, last_word: list[str]) -> dict[str, str]:
        evaluation = params.evaluation.model_copy(
            update={"last_word": last_word, "continuation": ["news"], "items": 20, "shots": [1]}
        )
        changed = params.model_copy(update={"evaluation": evaluation})
        tasks_build(changed, extracted=tmp_path, tokenizer=tmp_path, out=Path(out))
        return {str(p.relative_to(out)): p.read_text() for p in sorted(Path(out).rglob("*")) if p.is_file()}

    both, single = run("tasks", ["law", "news"]), run("other", ["news"])
    assert {name.split("/")[0] for name in both} - {name.split("/")[0] for name in single} == {
        "heldout_last_word_law",
        "heldout_last_word_law.yaml",
    }
    items = "heldout_last_word_news/test.jsonl"
    assert both[items] == single[items] != both["heldout_last_word_law/test.jsonl"]
    task = yaml.safe_load(both["heldout_continuation_news.yaml"])
    assert task["dataset_kwargs"]["data_files"]["test"] == "tasks/heldout_continuation_news/test.jsonl"
    assert len(both["heldout_continuation_news/test.jsonl"].splitlines()) == 20


def test_a_task_takes_what_items_there_are(documents):
    whole = build(heldout_tasks.LAST_WORD, documents, items=40)
    some = next(count for count in range(4, 40) if _counts(documents[:count]))
    few = build(heldout_tasks.LAST_WORD, documents[:some], items=4000)
    assert heldout_tasks.LEAST <= len(few["test"]) < 4000
    assert len(whole["test"]) == 40


def _counts(documents):
    try:
        return len(build(heldout_tasks.LAST_WORD, documents, items=4000)["test"]) >= heldout_tasks.LEAST
    except InputError:
        return False
