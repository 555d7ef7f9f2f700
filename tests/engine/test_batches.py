"""Batches: a pure function of seed, step and schedule, each window once an epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.token_files import open_tokens, windows
from regmix.engine.batches import Loader, validation_windows
from regmix.engine.shuffle import shuffled

DOMAINS = ("a", "b")
STEPS = 40


def loader(sizes=(400, 900), context=8, sequences=4) -> Loader:
    # Token value = its own position, the second domain from 10000 on, so that a window tells where it is from.
    pairs = enumerate(zip(DOMAINS, sizes, strict=True))
    tokens = {name: np.arange(size, dtype=np.uint16) + 10000 * i for i, (name, size) in pairs}
    return Loader(tokens, context, sequences, STEPS)


def static(*weights: float) -> Schedule:
    return Schedule.static(DOMAINS, np.array(weights))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_the_shuffled_order_is_a_permutation(size):
    order = shuffled(np.arange(size), size, key=5)
    assert sorted(order) == list(range(size))
    if size >= 64:
        assert not np.array_equal(order, shuffled(np.arange(size), size, key=6))
        assert not np.array_equal(order, np.arange(size))


def test_batches_do_not_depend_on_how_they_are_asked_for():
    kit, schedule = loader(), Schedule(DOMAINS, np.array([0, 0.5]), np.array([[0.2, 0.8], [0.9, 0.1]]))
    whole, _, end = kit.batches(3, schedule, np.zeros(2, np.int64), 0, STEPS)
    ledger, parts = np.zeros(2, np.int64), []
    for first, count in ((0, 1), (1, 18), (19, 2), (21, 19)):
        part, _, ledger = kit.batches(3, schedule, ledger, first, count)
        parts.append(part)
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(ledger, end)
    assert end.sum() == STEPS * 4


def test_a_domain_is_consumed_once_an_epoch_across_a_switch():
    kit = loader()
    schedule = Schedule(DOMAINS, np.array([0, 0.5]), np.array([[0.3, 0.7], [0.8, 0.2]]))
    tokens, domains, ledger = kit.batches(3, schedule, np.zeros(2, np.int64), 0, STEPS)
    starts = tokens[:, :, 0].ravel()
    for k, name in enumerate(DOMAINS):
        own = [int(s) - 10000 * k for s in starts if (s >= 10000) == bool(k)]
        size = (400, 900)[k] // 8 - (0 if (400, 900)[k] % 8 else 1)
        assert len(own) == ledger[k] == (domains == k).sum(), name
        counts = np.bincount(np.array(own) // 8, minlength=size)
        assert counts.max() - counts.min() <= 1, name
    assert ledger[0] > 49, "the case must run past one epoch of domain a"


def test_a_domain_of_a_trillion_tokens_is_read_at_any_place_of_its_order(tmp_path: Path):
    """A sparse file of 2 TB, of which only what the order asks for has content."""
    size, context, seed = 10**12, 8, 3
    meta = {"vocab": 60_000, "train": {"tokens": size}}
    key = int(np.random.SeedSequence((seed, 0, 0)).generate_state(1, np.uint64)[0])
    begin = windows(size, context) - 32  # the last steps of the epoch
    place = shuffled(begin + np.arange(32), windows(size, context), key)
    assert len(set(place.tolist())) == 32
    assert place.max() * context > 2**38
    with (tmp_path / "train.bin").open("wb") as file:
        file.truncate(2 * size)
        for number, at in enumerate(place.tolist()):
            file.seek(2 * at * context)
            file.write(np.arange(1000 * number, 1000 * number + context + 1, dtype="<u2").tobytes())
    try:
        kit = Loader({"a": open_tokens(tmp_path, meta, "train")}, context, 4, STEPS)
        schedule = Schedule.static(("a",), np.array([1.0]))
        tokens, _, after = kit.batches(seed, schedule, np.array([begin], np.int64), 0, 8)
        expected = 1000 * np.arange(32)[:, None] + np.arange(context + 1)
        assert np.array_equal(tokens.reshape(32, context + 1), expected)
        assert after.tolist() == [windows(size, context)]
        spread = validation_windows(open_tokens(tmp_path, meta, "train"), "a", context, 10 * context)
        assert len(spread) == 10
    finally:
        (tmp_path / "train.bin").unlink()


def test_the_mixture_in_force_is_what_is_drawn():
    kit, schedule = loader(), Schedule(DOMAINS, np.array([0, 0.5]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    tokens, _, ledger = kit.batches(1, schedule, np.zeros(2, np.int64), 0, STEPS)
    assert (tokens[:20] < 10000).all()
    assert (tokens[20:] >= 10000).all()
    assert ledger.tolist() == [80, 80]


def test_draws_follow_the_mixture():
    kit = Loader({name: np.arange(100, dtype=np.uint16) for name in DOMAINS}, 8, 50, 100)
    _, _, ledger = kit.batches(2, static(0.3, 0.7), np.zeros(2, np.int64), 0, 100)
    # 5000 draws: three standard deviations of a share of .3 are .02.
    assert ledger[0] / ledger.sum() == pytest.approx(0.3, abs=0.02)


def test_validation_windows_are_spread_and_fixed():
    tokens = np.arange(1000, dtype=np.uint16)
    few = validation_windows(tokens, "a", 10, 50)
    assert few.shape == (5, 11)
    assert few[:, 0].tolist() == [0, 190, 390, 590, 790]
    assert len(validation_windows(tokens, "a", 10, 10**6)) == 99


def test_a_domain_shorter_than_a_window_is_an_error():
    with pytest.raises(InputError, match="domain a: its training text is shorter than one window of 8 tokens"):
        loader(sizes=(8, 900))
    with pytest.raises(InputError, match="domain x: its validation text is shorter"):
        validation_windows(np.arange(8), "x", 8, 100)


def test_a_schedule_of_other_domains_is_an_error():
    other = Schedule.static(("a", "c"), np.array([0.5, 0.5]))
    with pytest.raises(InputError, match="its domains a, c are not the trained domains a, b"):
        loader().batches(0, other, np.zeros(2, np.int64), 0, 1)


def test_spread_draws_hold_every_domain_to_its_share_at_any_step():
    names, weights = ("a", "b", "c", "d"), np.array([0.61, 0.27, 0.1, 0.02])
    kit = Loader({name: np.arange(100, dtype=np.uint16) for name in names}, 8, 8, 500, "low_discrepancy")
    schedule, worst = Schedule.static(names, weights), []
    for seed in range(20):
        _, domains, _ = kit.batches(seed, schedule, np.zeros(4, np.int64), 0, 500)
        drawn = np.cumsum(domains.ravel()[:, None] == np.arange(4), axis=0)
        worst.append(np.abs(drawn - weights * np.arange(1, 4001)[:, None]).max())
    assert np.median(worst) < 2.5
    assert max(worst) < 3.1
    independent = Loader({name: np.arange(100, dtype=np.uint16) for name in names}, 8, 8, 500)
    _, domains, ledger = independent.batches(0, schedule, np.zeros(4, np.int64), 0, 500)
    assert np.abs(ledger - 4000 * weights).max() > 10


def test_spread_draws_do_not_depend_on_how_they_are_asked_for_and_differ_between_seeds():
    kit = Loader({name: np.arange(100, dtype=np.uint16) for name in DOMAINS}, 8, 4, STEPS, "low_discrepancy")
    schedule = Schedule(DOMAINS, np.array([0, 0.5]), np.array([[0.2, 0.8], [0.9, 0.1]]))
    _, whole, end = kit.batches(3, schedule, np.zeros(2, np.int64), 0, STEPS)
    _, first, ledger = kit.batches(3, schedule, np.zeros(2, np.int64), 0, 7)
    _, second, after = kit.batches(3, schedule, ledger, 7, STEPS - 7)
    assert np.array_equal(np.concatenate([first, second]), whole)
    assert np.array_equal(after, end)
    assert not np.array_equal(kit.batches(4, schedule, np.zeros(2, np.int64), 0, STEPS)[1], whole)
