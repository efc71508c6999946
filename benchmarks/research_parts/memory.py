"""Is the memory of hierarchical Bayes flat in the number of iterations? And what a logit of a large table takes.

Each fit runs in a fresh process, its chains in processes of their own where marketfit does so. Counted is the peak
resident size of every one of them. Were everybody's coefficients kept, four times 6,000 iterations of two chains would
take 620 MB more; were the population's, 12 MB more.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.demand import ChoiceData, fit_hb, fit_mnl
from marketfit.measure.probe_process import peak_bytes

from .processes import can_watch, watched
from .row import Found, Row, judged, skipped
from .settings import Settings
from .surveys import ELECTRICITY, electricity, missing

PART = "memory"
TIMES = 4
"""As many iterations in the second fit."""
FLAT = 0.01
"""Growth that counts as none: two runs of the same fit differ by some parts in a thousand."""
BAR = f"grows by {FLAT:.0%} or less"


def measure(settings: Settings) -> Found:
    """The rows of hierarchical Bayes, and that of the large table, if it is asked for."""
    few, many = settings.iterations, TIMES * settings.iterations
    what = f"hb, electricity, {many:,} beside {few:,} iterations"
    why = missing(settings.data, ELECTRICITY) if can_watch() else "peaks are read from /proc: Linux only"
    if why:
        return Found((skipped(PART, what, why, BAR),))
    large = () if settings.large == 0 else (large_row(settings.large),)
    return Found((*hb_rows(settings, what), *large))


def hb_rows(settings: Settings, what: str) -> tuple[Row, Row]:
    """Peak of the processes, and what the result holds."""
    before, after = (watched(partial(stored_bytes, settings.data, times * settings.iterations)) for times in (1, TIMES))
    first, second = (seen.own + seen.children for seen in (before, after))
    departures = settings.departures(["iterations"])
    peaks = judged(second / first - 1 <= FLAT, departures=departures)
    shown = f"{second:.1f} MB ({after.own:.1f}, chains {after.children:.1f})"
    beside = f"fewer iterations {first:.1f} MB ({before.own:.1f}, chains {before.children:.1f})"
    ratio = f"{first / second:.3f}"
    result = judged(before.answer == after.answer, departures=departures)
    return (
        Row(PART, f"{what}: peak", "one fit each: no interval", shown, beside, ratio, BAR, peaks),
        Row(
            PART,
            f"{what}: arrays of the result",
            "one fit each: no interval",
            f"{after.answer / 1e6:.2f} MB",
            f"fewer iterations {before.answer / 1e6:.2f} MB",
            f"{before.answer / after.answer:.3f}",
            "same",
            result,
        ),
    )


def stored_bytes(folder: Path, iterations: int) -> int:
    """Fit, and give the size of the arrays of the result."""
    result = fit_hb(electricity(folder), iterations=iterations)
    return sum(value.nbytes for value in vars(result).values() if isinstance(value, np.ndarray))


def large_row(rows: int) -> Row:
    """Write a large table, and have a fresh process read and fit it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        write_large(path, rows)
        seen = watched(partial(fit_large, path))
    what = f"mnl, {rows:,} rows of 4 attributes: peak"
    return Row(PART, what, f"{rows // 4:,} choices; one fit: no interval", f"{seen.own:.0f} MB ({seen.answer})")


def write_large(path: Path, rows: int) -> None:
    """Choices among 4 alternatives by known utilities, 10 tasks a person."""
    tasks = rows // 4
    rng = np.random.default_rng(0)
    attributes = rng.normal(size=(tasks * 4, 4))
    utility = attributes @ np.array([-0.5, 0.3, 0.2, -0.1]) + rng.gumbel(size=tasks * 4)
    won = np.zeros(tasks * 4, dtype=np.int8)
    won[np.arange(tasks) * 4 + utility.reshape(tasks, 4).argmax(axis=1)] = 1
    task = np.repeat(np.arange(tasks, dtype=np.int32), 4)
    columns = {"person": task // 10, "task": task % 10, "alt": np.tile(np.arange(4, dtype=np.int8), tasks), "won": won}
    pq.write_table(pa.table({**columns, **{f"x{k}": attributes[:, k] for k in range(4)}}), path)


def fit_large(path: Path) -> str:
    """Read and fit, and say what it took and what came of it."""
    table = pq.read_table(path)
    alone = peak_bytes() / 1e6
    began = time.perf_counter()
    data = ChoiceData.from_table(
        table, respondent="person", task="task", alternative="alt", chosen="won", attributes=["x0", "x1", "x2", "x3"]
    )
    read = time.perf_counter() - began
    result = fit_mnl(data)
    fit = time.perf_counter() - began - read
    found = ", ".join(f"{name} {value:.3f}" for name, value in result.coefficients.items())
    return f"the table alone {alone:.0f} MB; read in {read:.1f} s, fitted in {fit:.1f} s; {found}"
