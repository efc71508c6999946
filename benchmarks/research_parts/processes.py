"""Work in a fresh process, watched from here: its peak memory, with that of the processes that it starts. Linux only.

Not `ru_maxrss`: a process inherits that of the one that started it, however little it takes itself.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, TypeVar

from marketfit.measure.probe_process import peak_bytes

Answer = TypeVar("Answer")
PROC = Path("/proc")
EVERY = 0.02
"""Seconds between two looks: what a child takes in its last moment may be missed."""


@dataclass(frozen=True)
class Watched(Generic[Answer]):
    """What the work gave. own, children: peak MB of its process, and the sum of those of what that started."""

    answer: Answer
    own: float
    children: float


def can_watch() -> bool:
    """Whether this system tells the peaks of other processes."""
    return sys.platform == "linux" and _peak(PROC / "self") > 0


def watched(work: Callable[[], Answer]) -> Watched[Answer]:
    """Do the work, which must be picklable, in a fresh process. Raises RuntimeError when that ends with no answer."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(theirs, work))
    process.start()
    theirs.close()
    assert process.pid is not None, "it has been started"
    peaks: dict[int, float] = {}
    while not ours.poll(EVERY):
        # The last look counts, not the largest: until a child begins its own program, it shows what its parent has.
        peaks |= {child: peak for child in _descendants(process.pid) if (peak := _peak(PROC / str(child)))}
    try:
        own, answer = ours.recv()
    except EOFError:
        raise RuntimeError("the process ended without an answer: see above what it said") from None
    finally:
        process.join()
    return Watched(answer, own, sum(peaks.values()))


def _do(told: Connection, work: Callable[[], Answer]) -> None:
    answer = work()
    told.send((peak_bytes() / 1e6, answer))


def _descendants(process: int) -> Iterator[int]:
    """Processes that it started, that these started, and so on."""
    for thread in (PROC / str(process) / "task").glob("*"):
        try:
            children = [int(child) for child in (thread / "children").read_text("ascii").split()]
        except OSError:
            continue  # it has just ended
        for child in children:
            yield child
            yield from _descendants(child)


def _peak(process: Path) -> float:
    """MB; 0 where it has ended, or where the system does not tell."""
    try:
        lines = (process / "status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)
