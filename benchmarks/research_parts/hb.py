"""Hierarchical Bayes on stated choices of electricity suppliers: the time of a fit, warm start and summary included.

Neither xlogit nor statsmodels has it. A time says little of chains that have not met: their diagnostics stand below it.
"""

from __future__ import annotations

import time

import numpy as np

from marketfit.demand import fit_hb
from marketfit.measure.machine import cores

from .race import shown
from .row import Found, Row, judged, on_two_cores, skipped
from .settings import Settings
from .surveys import ELECTRICITY, electricity, missing

PART = "hb"
SECONDS = 8.0
BAR = f"≤ {SECONDS:g} s on 2 cores"


def measure(settings: Settings) -> Found:
    """Its time, and how well its chains agree."""
    what = f"electricity, {settings.iterations:,} iterations of 2 chains"
    why = missing(settings.data, ELECTRICITY)
    if why:
        return Found((skipped(PART, what, why, BAR),))
    data = electricity(settings.data)
    seconds, fits = [], []
    for seed in range(settings.repeats):
        began = time.perf_counter()
        fits.append(fit_hb(data, iterations=settings.iterations, rng=seed))
        seconds.append(time.perf_counter() - began)
    kept = judged(float(np.median(seconds)) <= SECONDS, departures=settings.departures(["iterations"]))
    n = f"{data.respondents} people, {data.tasks:,} choices; {len(fits)} seeds"
    worst = [max(fit.r_hat.values()) for fit in fits]
    fewest = [min(fit.effective_sizes.values()) for fit in fits]
    agreement = f"R-hat {min(worst):.3f} to {max(worst):.3f}, effective draws {min(fewest):.0f} to {max(fewest):.0f}"
    return Found(
        (
            Row(PART, what, n, shown(seconds), bar=BAR, verdict=on_two_cores(kept, len(cores()))),
            Row(PART, "the same, worst parameter of each seed", n, agreement),
        )
    )
