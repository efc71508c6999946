"""Percentile intervals of many columns of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, SingleArray
from marketfit.errors import DataError, Problem


def check_level(level: float) -> None:
    """Raise DataError unless the level of an interval lies between 0 and 1."""
    if not 0 < level < 1:
        raise DataError([Problem("level", f"is {level:g}", "between 0 and 1", "give a level such as 0.95")])


def interval(draws: SingleArray | FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Ends, (columns,) each, of the central interval of draws (draws, columns); NaN with too few draws for ends."""
    tail = (1 - level) / 2
    if draws.shape[0] * tail < 1:
        nothing = np.full(draws.shape[1], np.nan)
        return nothing, nothing
    # Rows must be contiguous: a pass over strided columns costs more than the quantile itself.
    rows = np.ascontiguousarray(draws.T)
    ends = np.array([(low_quantile(row, tail), -low_quantile(-row, tail)) for row in rows])
    return ends[:, 0], ends[:, 1]


def low_quantile(values: SingleArray | FloatArray, tail: float) -> float:
    """The quantile at `tail` ≤ 1/2 with linear interpolation, exactly np.quantile's, at less than half of its time.

    A sample brackets the tail, so that only a few percent of the values are sorted. Infinite values are allowed.
    """
    position = tail * (values.size - 1)
    below = int(position)
    sample = np.sort(values[:: max(1, values.size // 1000)])
    bracket = sample[min(sample.size - 1, int(2 * tail * sample.size) + 8)]
    candidates = values[values <= bracket]
    if candidates.size < below + 2:  # the sample was unlucky, or values tie
        candidates = values
    above = min(below + 1, candidates.size - 1)
    candidates = np.partition(candidates, (below, above))
    first, second = float(candidates[below]), float(candidates[above])
    return first if first == second else first + (second - first) * (position - below)


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its interval; these are NaN where it has none."""

    value: float
    low: float
    high: float


def estimate(draws: SingleArray | FloatArray, level: float) -> Estimate:
    """Mean of (draws,) and the ends of their central interval.

    >>> estimate(np.arange(5.0), 0.5)
    Estimate(value=2.0, low=1.0, high=3.0)
    """
    low, high = interval(draws[:, None], level)
    return Estimate(float(draws.mean(dtype=np.float64)), float(low[0]), float(high[0]))
