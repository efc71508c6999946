"""Bounds of statistics of rows, by the Bayesian bootstrap with one more, least favourable row.

Each resample weights the rows by a flat Dirichlet draw (Rubin 1981), and its statistic is a function of weighted sums:
one matrix product for all resamples. A plain bootstrap of rows that are all right has no spread and would "prove"
perfection; so for a lower bound one row more is added, the worst that could have been seen, and the best for an upper
bound. For a rate this gives exactly the Clopper–Pearson (1934) bounds, for the mean of a bounded quantity those of
Gaffke (2005). Bounds are percentiles (Efron 1982), taken on the safe side of the Monte Carlo grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.measure.intervals import Bounds, check_confidence

FloatArray = NDArray[np.float64]

Statistic = Callable[[FloatArray], FloatArray]
"""From the weighted means of the columns (resamples, columns) to one value for each resample."""

MIN_RESAMPLES = 2000
_TAIL = 50  # resamples beyond a bound, so that its Monte Carlo error stays small at any level
_CHUNK = 4_000_000  # weights in memory at a time


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to resample: `columns` (rows, columns), each row standing for `counts` (rows,) equal ones.

    `worst` and `best` (choices, columns) are the rows that could be seen in addition, for the lower and the upper
    bound; where there are several the least favourable is taken. None: nothing is known of the range, and the bounds
    are those of a plain Bayesian bootstrap.
    """

    columns: FloatArray
    counts: FloatArray | None = None
    worst: FloatArray | None = None
    best: FloatArray | None = None


def bootstrap(statistic: Statistic, rows: Rows, *, confidence: float, seed: int) -> Bounds:
    """One-sided bounds of a statistic; `value` is the statistic of the rows as they are.

    The same arguments give the same bounds. At least 2,000 resamples, more at a high confidence.

    >>> right = Rows(np.ones((60, 1)), worst=np.zeros((1, 1)), best=np.ones((1, 1)))
    >>> bounds = bootstrap(lambda means: means[:, 0], right, confidence=0.95, seed=0)
    >>> bounds.value, round(bounds.low, 2), bounds.high  # Clopper–Pearson: 0.951
    (1.0, 0.95, 1.0)
    """
    check_confidence(confidence)
    if not len(rows.columns):
        raise ValueError("nothing to resample")
    counts = np.ones(len(rows.columns)) if rows.counts is None else rows.counts
    value = float(statistic((counts @ rows.columns / counts.sum())[None, :])[0])
    alpha = 1.0 - confidence
    resamples = max(MIN_RESAMPLES, math.ceil(_TAIL / alpha))
    sums, totals, extra = _resample(rows.columns, counts, resamples=resamples, seed=seed)
    lows = [
        np.quantile(statistic(means), alpha, method="lower") for means in _with_row(sums, totals, extra, rows.worst)
    ]
    highs = [
        np.quantile(statistic(means), confidence, method="higher")
        for means in _with_row(sums, totals, extra, rows.best)
    ]
    # A biased statistic (a minimum, an absolute value) can have a percentile on the wrong side of its own value.
    return Bounds(value=value, low=min(value, float(min(lows))), high=max(value, float(max(highs))))


def weights(rows: int, *, resamples: int, seed: int, counts: FloatArray | None = None) -> Iterator[FloatArray]:
    """Dirichlet weights (some resamples, rows) that sum to 1, in chunks, for statistics resampled jointly.

    counts: (rows,) of how many equal rows each stands; default: one.
    """
    generator = np.random.default_rng(seed)
    for size in _chunks(resamples, rows):
        shape = (size, rows)
        drawn = generator.standard_exponential(shape) if counts is None else generator.standard_gamma(counts, shape)
        yield drawn / drawn.sum(axis=1, keepdims=True)


def _resample(
    columns: FloatArray, counts: FloatArray, *, resamples: int, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted sums (resamples, columns), their total weights and the weight of one row more."""
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, columns.shape[1]))
    totals = np.empty(resamples)
    plain = bool((counts == 1).all())
    start = 0
    for size in _chunks(resamples, len(columns)):
        shape = (size, len(columns))
        drawn = generator.standard_exponential(shape) if plain else generator.standard_gamma(counts, shape)
        sums[start : start + size] = drawn @ columns
        totals[start : start + size] = drawn.sum(axis=1)
        start += size
    return sums, totals, generator.standard_exponential(resamples)


def _with_row(
    sums: FloatArray, totals: FloatArray, extra: FloatArray, choices: FloatArray | None
) -> Iterator[FloatArray]:
    if choices is None:
        yield sums / totals[:, None]
        return
    for row in choices:
        yield (sums + extra[:, None] * row) / (totals + extra)[:, None]


def _chunks(resamples: int, rows: int) -> Iterator[int]:
    size = max(1, _CHUNK // rows)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
