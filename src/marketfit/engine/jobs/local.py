"""Jobs on this machine: in this process, or in several that share its cores."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import cast

from marketfit.engine.jobs.contract import A, Jobs, Lost, Pool, R
from marketfit.engine.jobs.process import Worker
from marketfit.engine.jobs.worker import Answer, Job, Raised, Told
from marketfit.task import Progress


class LocalJobs(Jobs):
    """One worker is this process itself; several are processes, each with its share of the cores."""

    @contextlib.contextmanager
    def pool(self, *, workers: int) -> Iterator[Pool]:
        """Hold so many workers until the block ends."""
        if workers == 1:
            yield _Here()
            return
        processes = _Processes(workers, threads=threads_each(workers))
        try:
            yield processes
        finally:
            processes.end()

    def stream(
        self,
        make: Callable[[], Callable[[A], R]],
        items: Callable[[], Iterable[A]],
        *,
        threads: int,  # noqa: ARG002 - the one worker has them already
    ) -> Iterator[R]:
        """Answer one item after the other, here."""
        answer = make()
        return (answer(item) for item in items())


def threads_each(workers: int) -> int:
    """The share of one of several workers: equal parts of the cores that this process may use, one at least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores // workers, int(asked) if asked.isdecimal() and int(asked) else cores))


class _Here(Pool):
    """No process at all."""

    def map(
        self,
        function: Callable[[A, Progress], R],
        items: Sequence[A],
        *,
        ended: Callable[[int, R | Lost], None],
        progress: Progress,
    ) -> list[R | Lost]:
        """One job after the other."""
        answers: list[R | Lost] = []
        for index, item in enumerate(items):
            answer = function(item, _share(progress, index, len(items)))
            ended(index, answer)
            answers.append(answer)
        return answers


def _share(progress: Progress, index: int, count: int) -> Progress:
    return lambda done: progress((index + done) / count)


class _Processes(Pool):
    """Processes that are started when they are first needed, and again where one has died."""

    def __init__(self, workers: int, *, threads: int) -> None:
        self._workers = workers
        self._threads = threads
        self._idle: list[Worker] = []

    def end(self) -> None:
        """Stop all of them."""
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    def map(
        self,
        function: Callable[[A, Progress], R],
        items: Sequence[A],
        *,
        ended: Callable[[int, R | Lost], None],
        progress: Progress,
    ) -> list[R | Lost]:
        """As many jobs at a time as there are workers."""
        waiting = deque(range(len(items)))
        busy: dict[Worker, int] = {}
        done = dict.fromkeys(range(len(items)), 0.0)
        answers: dict[int, R | Lost] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self._workers:
                    worker = self._idle.pop() if self._idle else Worker(threads=self._threads)
                    busy[worker] = waiting.popleft()
                    worker.give(Job(cast("Callable[[object, Progress], object]", function), items[busy[worker]]))
                for worker in _speaking(busy):
                    index = busy[worker]
                    said = worker.receive()
                    if isinstance(said, Raised):
                        raise said.error
                    if isinstance(said, Told):
                        done[index] = said.done
                    else:
                        del busy[worker]
                        answers[index], done[index] = self._answer(worker, said), 1.0
                        ended(index, answers[index])
                    progress(sum(done.values()) / len(items))
        finally:
            for worker in busy:
                worker.end()
        return [answers[index] for index in range(len(items))]

    def _answer(self, worker: Worker, said: Answer | None) -> R | Lost:
        if said is None:
            lost = Lost(worker.last_words())
            worker.end()
            return lost
        self._idle.append(worker)
        return cast("R", said.value)


def _speaking(busy: Iterable[Worker]) -> list[Worker]:
    workers = {worker.connection: worker for worker in busy}
    return [workers[connection] for connection in wait(list(workers)) if connection in workers]
