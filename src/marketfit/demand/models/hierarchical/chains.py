"""Several chains at once, on as many threads as there are processors: numpy's loops let each other run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event

from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior, run_chain

REPORT_SECONDS = 0.2


class _CancelledError(Exception):
    """Ends a chain that nobody waits for any more."""


def run_chains(
    posterior: Posterior,
    length: Length,
    seeds: Sequence[int],
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
) -> list[ChainDraws]:
    """Run a chain for each seed; what they draw does not depend on the number of threads (default: processors).

    progress: called from this thread with the fraction done.
    """
    stop = Event()
    done = [0] * len(seeds)

    def run(index: int) -> ChainDraws:
        def tick() -> None:
            done[index] += 1
            if stop.is_set():
                raise _CancelledError

        return run_chain(posterior, length, seeds[index], tick)

    with ThreadPoolExecutor(min(len(seeds), threads or _processors())) as pool:
        try:
            running = [pool.submit(run, index) for index in range(len(seeds))]
            left = wait(running, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION).not_done
            while left and not any(future.done() and future.exception() for future in running):
                if progress is not None:
                    progress(sum(done) / (len(seeds) * length.iterations))
                left = wait(running, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION).not_done
            drawn = [future.result() for future in running if future.done()]
        finally:
            stop.set()  # whatever went wrong, here or in a chain, the others must not run on
    if progress is not None:
        progress(1.0)
    return drawn


def _processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
