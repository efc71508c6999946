"""Jobs on Ray: core tasks for jobs, Ray Data for streams.

Ray is started here only where the address is `local`; it then has no dashboard and sends no usage statistics. The
cluster at any other address needs marketfit installed on its machines, and storage that all of them see.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import urlsplit

from marketfit.engine.jobs.contract import A, Jobs, Lost, Pool, R
from marketfit.errors import InputError, MissingExtraError, Problem, RunError
from marketfit.registry import is_installed
from marketfit.task import Progress

if TYPE_CHECKING:
    from ray import ObjectRef

_PATIENCE = 10.0  # seconds that a cluster may take to open a connection
_LOOK = 0.5  # seconds between two looks at what the tasks have told


class RayJobs(Jobs):
    """Jobs on the Ray cluster at an address; `local` starts one on this machine for as long as it is needed."""

    def __init__(self, address: str) -> None:
        """Note the address, and see whether anybody is there; Ray is started when it is needed.

        Raises:
            MissingExtraError: the extra `ray` is not installed.
            InputError: there is no cluster at the address.
        """
        if not is_installed("ray"):
            raise MissingExtraError("ray", "ray")
        if address not in ("local", "auto"):
            _knock(address)
        self.address = address

    @contextlib.contextmanager
    def pool(self, *, workers: int) -> Iterator[Pool]:
        """Hold a connection to the cluster; a task of each worker takes its share of the cores and accelerators."""
        with connected(self.address):
            yield _Tasks(workers)

    def stream(
        self, make: Callable[[], Callable[[A], R]], items: Callable[[], Iterable[A]], *, threads: int
    ) -> Iterator[R]:
        """Answer a stream with Ray Data: one task reads, actors answer, as many as the cores allow."""
        from marketfit.engine.jobs.ray_stream import answers

        with connected(self.address):
            yield from answers(make, items, threads=threads)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """A connection to Ray, that of the caller where there is one already.

    Raises:
        InputError: there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    if ray.is_initialized():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        if address == "local":
            ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        else:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _unreachable(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray puts a handler of its own in its place, and leaves it there


def _knock(address: str) -> None:
    """See whether anybody is there: Ray itself would go on trying for minutes."""
    try:
        place = urlsplit(f"//{address}")
        socket.create_connection((place.hostname or "", place.port or 0), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> InputError:
    found = f"Ray can't be reached at '{address}': {' '.join(str(error).split())}"
    do = "start the cluster, correct the address, or set RAY_AUTH_MODE=token where it asks for a token"
    return InputError([Problem("--ray", found, "local, auto or HOST:PORT", do)])


class _Tasks(Pool):
    """Ray core tasks, as many at a time as there are workers."""

    def __init__(self, workers: int) -> None:
        import ray

        self._workers = workers
        cores = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
        self._cores = max(1, int(min(max(cores), sum(cores) // workers)))
        # A task that asks for no accelerator does not see any.
        self._gpus = min(1.0, ray.cluster_resources().get("GPU", 0.0) / workers)

    def map(
        self,
        function: Callable[[A, Progress], R],
        items: Sequence[A],
        *,
        ended: Callable[[int, R | Lost], None],
        progress: Progress,
    ) -> list[R | Lost]:
        """A task for each item; its share of the cores is what limits how many run."""
        import ray

        board = ray.remote(_Board).options(num_cpus=0).remote()
        task = ray.remote(_told).options(num_cpus=self._cores, num_gpus=self._gpus, max_retries=0)
        waiting = list(enumerate(items))[::-1]
        running: dict[ObjectRef[R], int] = {}
        answers: dict[int, R | Lost] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    index, item = waiting.pop()
                    running[task.remote(function, item, board, index)] = index
                ready, _ = ray.wait(list(running), timeout=_LOOK)
                for reference in ready:
                    index = running.pop(reference)
                    answers[index] = _answer(reference)
                    ended(index, answers[index])
                told: dict[int, float] = ray.get(board.told.remote())
                told |= dict.fromkeys(answers, 1.0)
                progress(sum(told.values()) / len(items))
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            ray.kill(board)
        return [answers[index] for index in range(len(items))]


class _Board:
    """An actor on which tasks write how far they are."""

    def __init__(self) -> None:
        self._done: dict[int, float] = {}

    def tell(self, index: int, done: float) -> None:
        """Note the fraction of a task that is done."""
        self._done[index] = done

    def told(self) -> dict[int, float]:
        """What was noted last."""
        return self._done


class _Method(Protocol):
    def remote(self, index: int, done: float) -> object: ...


class _BoardHandle(Protocol):
    tell: _Method


def _told(function: Callable[[A, Progress], R], item: A, board: _BoardHandle, index: int) -> R:
    def tell(done: float) -> None:
        board.tell.remote(index, done)

    return function(item, tell)


def _answer(reference: ObjectRef[R]) -> R | Lost:
    """The answer of a task.

    Raises:
        RunError: the cluster lost it: that is no result of the task, and the same command runs it again.
    """
    import ray
    from ray import exceptions

    try:
        return cast("R", ray.get(reference))
    except exceptions.RayTaskError as error:
        raise cause_of(error) from None
    except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
        return Lost(" ".join(str(error).split()))
    except exceptions.RayError as error:
        raise RunError(f"Ray lost a task: {error}; the same command resumes") from error


def cause_of(error: Exception) -> Exception:
    """What was raised in the worker, out of Ray's wrappings."""
    found: BaseException = error
    while True:
        inner = cast("BaseException | None", getattr(found, "cause", None)) or found.__cause__
        if not isinstance(inner, Exception) or inner is found:
            return cast("Exception", found)
        found = inner
