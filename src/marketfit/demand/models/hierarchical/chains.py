"""Several chains: one after the other here, or each in a process of its own where that saves time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior, run_chain
from marketfit.demand.models.hierarchical.processes import ChainProcesses

REPORT_SECONDS = 0.2
WORTH_SECONDS = 4.0
"""Chains that together take less than this are run here: a process needs a second to begin."""
ITERATION_SECONDS, CELL_SECONDS = 9.3e-4, 6e-9
"""Of an iteration, and of each number of the design in it; measured on one slow core (78,000 numbers: 1.4 ms)."""

Progress = Callable[[float], None]


def run_chains(
    posterior: Posterior,
    length: Length,
    seeds: Sequence[int],
    progress: Progress | None = None,
    processes: int | None = None,
) -> list[ChainDraws]:
    """Run a chain for each seed; what they draw does not depend on where they run.

    progress: called from this thread with the fraction done. processes: how many at once; 1 is here, one after the
    other (default: as many as there are processors, where it is worth it).
    Raises RunError when a process fails.
    """
    if processes is None:
        cells = sum(block.leads.size for block in posterior.likelihood.blocks)
        seconds = len(seeds) * length.iterations * (ITERATION_SECONDS + CELL_SECONDS * cells)
        processes = _processors() if seconds > WORTH_SECONDS and sys.executable else 1
    tell = progress or _silent
    if min(processes, len(seeds)) == 1:
        return _here(posterior, length, seeds, tell)
    return _apart(posterior, length, seeds, tell, processes)


def _here(posterior: Posterior, length: Length, seeds: Sequence[int], tell: Progress) -> list[ChainDraws]:
    """All chains in this thread."""
    done, told = 0, time.monotonic()

    def tick() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told > REPORT_SECONDS:
            tell(done / (len(seeds) * length.iterations))
            told = time.monotonic()

    drawn = [run_chain(posterior, length, seed, tick) for seed in seeds]
    tell(1.0)
    return drawn


def _apart(
    posterior: Posterior, length: Length, seeds: Sequence[int], tell: Progress, processes: int
) -> list[ChainDraws]:
    """Each chain in a process, of which a thread here takes care."""
    at_work = ChainProcesses(len(seeds))
    with ThreadPoolExecutor(min(len(seeds), processes)) as pool:
        try:
            running = [pool.submit(at_work.run, posterior, length, seed, index) for index, seed in enumerate(seeds)]
            left = wait(running, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION).not_done
            while left and not any(future.done() and future.exception() for future in running):
                tell(at_work.done)
                left = wait(running, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION).not_done
            drawn = [future.result() for future in running if future.done()]
        finally:
            at_work.stop()  # before the pool waits for its threads: what nobody wants any more must not run on
    tell(1.0)
    return drawn


def _silent(done: float) -> None:
    """Nobody wants to know."""


def _processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
