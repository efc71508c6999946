"""Requests are answered together when they come together, and at once when they come alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import wait

import pytest

from marketfit.serve.batcher import Batcher, Inputs
from marketfit.serve.refusal import RefusalError

Answers = list[str]


class Model:
    """Echoes its inputs, one call at a time, and remembers the sizes of its batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.batches: list[int] = []

    def __call__(self, requests: Sequence[Inputs]) -> list[Answers | Exception]:
        time.sleep(self.seconds)
        self.batches.append(sum(map(len, requests)))
        return [ValueError("bad") if "bad" in inputs else [str(one) for one in inputs] for inputs in requests]


def started(model: Model, *, window: float = 0.0, most: int = 64, waiting: int = 1000) -> Batcher[Answers]:
    batcher: Batcher[Answers] = Batcher(model, window=window, most=most, waiting=waiting)
    batcher.start()
    return batcher


def test_a_lone_request_does_not_wait_for_the_window() -> None:
    batcher = started(Model(), window=1.0)
    for _ in range(3):
        began = time.monotonic()
        assert batcher.submit(["a"]).result(5) == ["a"]
        assert time.monotonic() - began < 0.5
    batcher.stop()


def test_requests_gather_while_the_model_is_busy() -> None:
    model = Model(seconds=0.05)
    batcher = started(model, most=8)
    futures = [batcher.submit([f"{n}"]) for n in range(33)]
    assert [future.result(10) for future in futures] == [[f"{n}"] for n in range(33)]
    batcher.stop()
    assert max(model.batches) == 8
    assert len(model.batches) <= 6


def test_just_after_a_batch_of_several_the_window_gathers_the_next() -> None:
    model = Model(seconds=0.02)
    batcher = started(model, window=1.0, most=3)
    for _ in range(2):
        futures = []
        for n in range(3):
            futures.append(batcher.submit([n]))
            time.sleep(0.005)
        wait(futures, timeout=5)
    batcher.stop()
    assert model.batches[-1] == 3  # without the window the first of the second round would go alone


def test_a_request_larger_than_a_batch_goes_alone_and_whole() -> None:
    model = Model(seconds=0.02)
    batcher = started(model, most=4)
    futures = [batcher.submit(["x"]), batcher.submit([str(n) for n in range(10)])]
    assert futures[1].result(5) == [str(n) for n in range(10)]
    batcher.stop()
    assert 10 in model.batches


def test_an_error_belongs_to_its_request() -> None:
    batcher = started(Model(seconds=0.02))
    futures = [batcher.submit(["a"]), batcher.submit(["bad"]), batcher.submit(["c"])]
    assert futures[2].result(5) == ["c"]
    with pytest.raises(ValueError, match="bad"):
        futures[1].result(5)
    batcher.stop()


def test_what_breaks_the_work_reaches_everybody_and_the_thread_lives() -> None:
    model = Model()
    fail = threading.Event()

    def work(requests: Sequence[Inputs]) -> list[Answers | Exception]:
        if fail.is_set():
            raise RuntimeError("disk full")
        return model(requests)

    batcher: Batcher[Answers] = Batcher(work, window=0.0, most=4, waiting=100)
    batcher.start()
    fail.set()
    with pytest.raises(RuntimeError, match="disk full"):
        batcher.submit(["a"]).result(5)
    fail.clear()
    assert batcher.submit(["a"]).result(5) == ["a"]
    batcher.stop()


def test_stopping_answers_what_is_queued_and_refuses_the_rest() -> None:
    batcher = started(Model(seconds=0.05), most=1)
    futures = [batcher.submit([n]) for n in range(5)]
    batcher.stop()
    assert all(future.done() for future in futures)
    with pytest.raises(RefusalError, match="stopping"):
        batcher.submit(["late"])


def test_a_request_given_up_while_it_waits_is_not_answered() -> None:
    model = Model(seconds=0.1)
    batcher = started(model, most=1)
    futures = [batcher.submit([n]) for n in range(3)]
    assert futures[2].cancel()
    batcher.stop()
    assert sum(model.batches) == 2
