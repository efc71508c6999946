"""Answer concurrent requests together.

One thread runs the model. While it is busy, requests gather and are answered in one go; a request that comes to an
idle server is answered at once, it never waits for company. The window is for the moment in between: clients that
were just answered together are likely to be back together.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import JsonValue

from marketfit.serve.refusal import busy, not_ready

T = TypeVar("T")
Inputs = Sequence[JsonValue]


@dataclass
class _Job(Generic[T]):
    inputs: Inputs
    future: Future[T] = field(default_factory=Future)


class Batcher(Generic[T]):
    """A queue in front of `work`, which answers several requests at once: one result or exception for each."""

    def __init__(
        self, work: Callable[[Sequence[Inputs]], Sequence[T | Exception]], *, window: float, most: int, waiting: int
    ) -> None:
        """`window` in seconds; `most` inputs in a batch, a larger request goes alone; `waiting` inputs in the queue."""
        self._work = work
        self._window = window
        self._most = most
        self._limit = waiting
        self._queue: deque[_Job[T]] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="marketfit-model", daemon=True)

    @property
    def waiting(self) -> int:
        """Inputs in the queue."""
        return self._waiting

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is queued, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, inputs: Inputs) -> Future[T]:
        """Queue a request.

        Raises:
            RefusalError: the queue is full, or the server is stopping.
        """
        job: _Job[T] = _Job(inputs)
        with self._changed:
            if self._stopping:
                raise not_ready("the server is stopping")
            if self._queue and self._waiting + len(inputs) > self._limit:
                raise busy()
            self._queue.append(job)
            self._waiting += len(inputs)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        together = False  # whether the last batch held several requests
        ended = 0.0
        while jobs := self._next(wait=together, since=ended):
            live = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if live:
                self._answer(live)
            together, ended = len(jobs) > 1, time.monotonic()

    def _answer(self, jobs: Sequence[_Job[T]]) -> None:
        try:
            results: Sequence[T | Exception] = self._work([job.inputs for job in jobs])
        except Exception as error:  # it belongs to those who wait for an answer
            results = [error] * len(jobs)
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _next(self, *, wait: bool, since: float) -> list[_Job[T]]:
        """The next batch; empty when the queue is drained and the server stops."""
        with self._changed:
            while not self._queue:
                if self._stopping:
                    return []
                self._changed.wait()
            # Only just after a batch of several: an idle server answers at once.
            deadline = time.monotonic() + self._window
            if wait and time.monotonic() - since <= self._window:
                while self._waiting < self._most and not self._stopping:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
            return self._take()

    def _take(self) -> list[_Job[T]]:
        jobs = [self._queue.popleft()]
        count = len(jobs[0].inputs)
        while self._queue and count + len(self._queue[0].inputs) <= self._most:
            jobs.append(self._queue.popleft())
            count += len(jobs[-1].inputs)
        self._waiting -= count
        return jobs
