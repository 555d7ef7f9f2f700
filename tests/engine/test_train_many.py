"""Training through the store: found again, resumed after a kill, never written twice."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.engine.machine import Machine
from regmix.engine.packs import packs
from regmix.engine.run import Run, RunState, Setup
from regmix.engine.store.keys import hardware, run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_many import train_runs
from tests.engine.test_engine import VOCAB, runs, same, setup, training


def machine(**change) -> Machine:
    values = {"processes": 2, "stack": 2, "checkpoint_seconds": 1e-6, "sharded": 0, "device": "cpu"}
    return Machine.model_validate({**values, "launcher": {"kind": "local"}} | change)


def train(store: Path, chosen, kit=None, **change):
    return train_runs(kit or setup(), chosen, store, "data", machine(**change), weights=True, label="test")


def test_packs_are_even_and_whole():
    assert [len(p) for p in packs(16, 2, 8)] == [8, 8]
    assert [len(p) for p in packs(13, 2, 8)] == [6, 7]
    assert [len(p) for p in packs(18, 2, 8)] == [4, 5, 5, 4]
    assert [len(p) for p in packs(1, 2, 8)] == [1]
    for count in range(1, 40):
        flat = [i for pack in packs(count, 3, 5) for i in pack]
        assert flat == list(range(count))
        assert max(len(p) for p in packs(count, 3, 5)) <= 5


def test_stack_and_processes_change_nothing(tmp_path):
    alone = train(tmp_path / "a", runs(5), processes=1, stack=1)
    packed = train(tmp_path / "b", runs(5)[::-1], processes=2, stack=3)[::-1]
    assert all(same(a, b) for a, b in zip(alone, packed, strict=True))


def test_a_finished_run_is_not_trained_again(tmp_path, capfd):
    first = train(tmp_path, runs(3))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = train(tmp_path, runs(4))[:3]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in before.items() if path.suffix != ".lock")
    assert "test: 1 runs" in capfd.readouterr().out


def test_the_key_covers_what_decides_the_bits():
    kit, (first, second) = setup(), runs(2)
    keys = [
        run_key(kit, first, "data"),
        run_key(kit, second, "data"),
        run_key(kit, first, "other data"),
        run_key(setup(steps=13), first, "data"),
        run_key(setup(precision="bf16"), first, "data"),
    ]
    assert len(set(keys)) == len(keys)
    assert run_key(setup(), runs(1)[0], "data") == keys[0]


def _train_and_hang(store: Path) -> None:
    os.setpgrp()
    train(store, runs(4), setup(steps=600))


def test_a_killed_swarm_resumes_to_the_same_bits(tmp_path):
    kit = setup(steps=600)
    child = multiprocessing.get_context("fork").Process(target=_train_and_hang, args=(tmp_path / "killed",))
    child.start()
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").glob("*/checkpoint.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert child.pid is not None
    os.killpg(child.pid, signal.SIGKILL)
    child.join()
    store = RunStore(tmp_path / "killed")
    keys = [run_key(kit, run, "data") for run in runs(4)]
    states = [store.resume(key, run) for key, run in zip(keys, runs(4), strict=True)]
    assert any(state is not None and 0 < state.step < 600 for state in states)
    resumed = train(tmp_path / "killed", runs(4), kit)
    whole = train(tmp_path / "whole", runs(4), kit)
    assert all(same(a, b) for a, b in zip(resumed, whole, strict=True))


def flipped(content: bytes) -> bytes:
    """With one bit of the last tensor turned over."""
    return content[:-1] + bytes([content[-1] ^ 1])


def without(content: bytes, name: str) -> bytes:
    """A result without one of its values."""
    value = json.loads(content)
    value.pop(name)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"not a checkpoint",
        lambda whole: safetensors.numpy.save({}),
        lambda whole: safetensors.numpy.save(safetensors.numpy.load(whole)),
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole.replace(b"weights/", b"heights/"),
        flipped,
    ],
)
def test_a_damaged_checkpoint_starts_the_run_again(tmp_path, damage):
    kit, chosen = setup(), runs(1)
    whole = train(tmp_path / "whole", chosen)[0]
    key, store = run_key(kit, chosen[0], "data"), RunStore(tmp_path / "bad")
    begun = RunState.start(chosen[0], kit.shape, len(kit.loader.domains))
    store.save(key, begun)
    path = tmp_path / "bad" / key / "checkpoint.safetensors"
    resumed = store.resume(key, chosen[0])
    assert resumed is not None
    assert resumed.tensors.keys() == begun.tensors.keys()
    path.write_bytes(damage(path.read_bytes()))
    assert store.resume(key, chosen[0]) is None
    assert same(train(tmp_path / "bad", chosen)[0], whole)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("result.json", lambda whole: b"{}"),
        ("result.json", lambda whole: b"[]"),
        ("result.json", lambda whole: whole[:100]),
        ("result.json", lambda whole: without(whole, "ledger")),
        ("result.json", lambda whole: whole.replace(b"1", b"2", 1)),
        ("weights.safetensors", flipped),
        ("weights.safetensors", lambda whole: whole[:-4]),
    ],
)
def test_a_damaged_result_is_trained_again(tmp_path, name, damage):
    whole = train(tmp_path, runs(1))[0]
    path = tmp_path / run_key(setup(), runs(1)[0], "data") / name
    before = path.read_bytes()
    path.write_bytes(damage(before))
    assert same(train(tmp_path, runs(1))[0], whole)
    assert path.read_bytes() == before


def test_a_damaged_place_is_none(tmp_path):
    store = RunStore(tmp_path)
    store.enter("kernels")
    (tmp_path / "places/half.json").write_text("")
    assert store.places() == [hardware()]


def test_a_checkpoint_that_the_disk_refuses_is_an_error_of_the_system_and_leaves_nothing(tmp_path):
    state = RunState.start(runs(1)[0], setup().shape, len(setup().loader.domains))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            RunStore(tmp_path).save("key", state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.errno == errno.EFBIG
    assert str(tmp_path) in error.value.filename
    assert not list((tmp_path / "key").iterdir())


def _hold(store: Path, key: str, ready, release) -> None:
    with RunStore(store).locked([key]):
        ready.set()
        release.wait(30)
        # What the other process must find when it gets the lock.
        RunStore(store).finish(key, train_alone(), weights=True)


def train_alone():
    from tests.engine.test_engine import train as train_direct

    return train_direct(setup(), runs(1))["r0"]


def test_a_run_that_another_process_writes_is_waited_for(tmp_path, capfd):
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    key = run_key(setup(), runs(1)[0], "data")
    holder = context.Process(target=_hold, args=(tmp_path, key, ready, release))
    holder.start()
    assert ready.wait(30)
    waiter = context.Process(target=train, args=(tmp_path, runs(1)))
    waiter.start()
    time.sleep(0.5)
    assert waiter.is_alive(), "it must wait for the lock"
    release.set()
    holder.join(30)
    waiter.join(30)
    assert waiter.exitcode == 0
    result = RunStore(tmp_path).result(key, weights=True)
    assert result is not None
    assert same(result, train_alone())


def test_results_round_trip_exactly(tmp_path):
    result = train_alone()
    store = RunStore(tmp_path)
    store.finish("key", result, weights=True)
    again = store.result("key", weights=True)
    assert again is not None
    assert same(result, again)
    assert np.array_equal(result.schedule.mixtures, again.schedule.mixtures)
    assert store.result("other", weights=False) is None


def test_bad_input_in_a_worker_reaches_the_caller(tmp_path):
    from regmix.core.errors import InputError

    with pytest.raises(InputError, match="loss is not finite"):
        train(tmp_path, runs(2), setup(lr=1e15, clip=1e15, warmup=0.0))


def test_when_a_run_fails_the_others_finish_and_are_stored(tmp_path):
    """They report more steps than fit into a pipe that is not read."""
    rng = np.random.default_rng(0)
    steps = 8000
    tokens = {"a": rng.integers(0, VOCAB, 200_000), "b": np.full(200_000, VOCAB)}
    kit = Setup(training(steps=steps, sequences=1), VOCAB, tokens, {"a": tokens["a"][:300]})
    good, bad = (
        Run(name, Schedule.static(("a", "b"), np.array(w)), 0) for name, w in (("good", [1, 0]), ("bad", [0, 1]))
    )
    with pytest.raises(InputError, match="outside the vocabulary"):
        train(tmp_path, [good, bad], kit, stack=1, checkpoint_seconds=100)
    assert RunStore(tmp_path).result(run_key(kit, good, "data"), weights=True) is not None
