"""The exam of every Jobs: answers in order, each told once, whatever becomes of a job.

    check_jobs(RayJobs("local"), workers=2)

raises `AssertionError` with what is wrong. Its functions live here, where another process finds them by name.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

from marketfit.engine import Jobs, Lost, Pool
from marketfit.errors import DataError, MissingExtraError, Problem
from marketfit.task import Progress

_ITEMS = (0.6, 0.0, 0.3, 0.0, 0.1)
"""Seconds: the first to begin is not the first to end."""


def check_jobs(jobs: Jobs, *, workers: int) -> None:
    """Run the whole exam; with several workers a job that dies is a part of it."""
    with jobs.pool(workers=workers) as pool:
        _in_order(pool)
        _nothing(pool)
        _raises(pool)
        if workers > 1:
            _dies(pool)
            _apart(pool)
        _in_order(pool)  # after all that
    _streams(jobs)


def _in_order(pool: Pool) -> None:
    told: list[int] = []
    progress: list[float] = []
    answers = pool.map(sleeps, _ITEMS, ended=lambda index, _answer: told.append(index), progress=progress.append)
    _demand(answers == [f"slept {seconds}" for seconds in _ITEMS], f"the answers are {answers}")
    _demand(sorted(told) == list(range(len(_ITEMS))), f"the jobs that were told to have ended are {told}")
    inside = all(-1e-9 <= done <= 1 + 1e-9 for done in progress)
    _demand(progress[-1:] == [1.0] and inside, f"the progress was {progress}")


def _nothing(pool: Pool) -> None:
    _demand(pool.map(sleeps, [], ended=_ignore, progress=_quiet) == [], "no items gave answers")


def _raises(pool: Pool) -> None:
    for wanted in (DataError, MissingExtraError, ZeroDivisionError):
        try:
            pool.map(refuses, [DataError, wanted], ended=_ignore, progress=_quiet)
        except (DataError, ZeroDivisionError, MissingExtraError) as error:
            raised = error
        else:
            raise AssertionError("what a job raised was not raised here")
        _demand(isinstance(raised, DataError | wanted), f"{wanted.__name__} became {raised!r}")
        if isinstance(raised, DataError):
            _demand([p.where for p in raised.problems] == ["a", "b"], f"the problems became {raised.problems}")


def _dies(pool: Pool) -> None:
    first, second, third = pool.map(dies, [False, True, False], ended=_ignore, progress=_quiet)
    _demand((first, third) == ("alive", "alive"), f"a job that died took others along: {first}, {third}")
    _demand(isinstance(second, Lost) and bool(second.reason), f"the answer of a job that died is {second}")


def _apart(pool: Pool) -> None:
    processes = pool.map(process, [0, 1], ended=_ignore, progress=_quiet)
    _demand(os.getpid() not in processes, "one of several jobs ran in the process that gave them")


def _streams(jobs: Jobs) -> None:
    answers = list(jobs.stream(doubler, several, threads=1))
    _demand(answers == [2 * item for item in range(40)], f"the stream gave {answers}")
    for make, items in ((doubler, broken), (refusing, several)):
        try:
            list(jobs.stream(make, items, threads=1))
        except DataError as error:
            _demand(len(error.problems) == 2, f"the problems became {error.problems}")
        else:
            raise AssertionError("what a stream raised was not raised here")


def sleeps(seconds: float, progress: Progress) -> str:
    """Take some time."""
    progress(0.0)
    time.sleep(seconds)
    progress(1.0)
    return f"slept {seconds}"


def refuses(kind: type[Exception], _progress: Progress) -> str:
    """Raise an error of a kind."""
    if kind is DataError:
        raise _data_error()
    raise MissingExtraError("ray", "ray") if kind is MissingExtraError else ZeroDivisionError("by zero")


def dies(now: bool, _progress: Progress) -> str:
    """End the process, as the kernel does when memory runs out."""
    if now:
        os.write(2, b"help\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def process(_number: int, _progress: Progress) -> int:
    """Where it runs."""
    return os.getpid()


def several() -> Iterator[int]:
    """A stream."""
    yield from range(40)


def broken() -> Iterator[int]:
    """A stream that breaks off."""
    yield from range(3)
    raise _data_error()


def doubler() -> Callable[[int], int]:
    """What answers a stream; its first item takes so long that others could overtake it."""
    return _double


def _double(item: int) -> int:
    time.sleep(0.0 if item else 1.5)
    return 2 * item


def refusing() -> Callable[[int], int]:
    """What refuses an item."""
    return _refuse_seven


def deadly() -> Callable[[int], int]:
    """What an item kills."""
    return _die_of_seven


def _die_of_seven(item: int) -> int:
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def _refuse_seven(item: int) -> int:
    if item == 7:
        raise _data_error()
    return item


def _data_error() -> DataError:
    return DataError([Problem("a", "found", "allowed", "do"), Problem("b", "found", "allowed", "do")])


def _ignore(_index: int, _answer: object) -> None:
    pass


def _quiet(_done: float) -> None:
    pass


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
