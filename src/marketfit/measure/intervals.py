"""Bounds that prove something about a rate or about a quantile of times.

All bounds are one-sided, each at the confidence given. A two-sided interval at 90 % is a pair of bounds at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainc, betaincinv

_MAX_ROWS = 10**9


@dataclass(frozen=True)
class Bounds:
    """A value with its lower and upper one-sided bounds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class QuantileBounds:
    """A sample quantile with its bounds; None where there are too few samples to have one."""

    value: float
    low: float | None
    high: float | None


def opening_level(opening: int, *, alpha: float = 0.05) -> float:
    """The level at which opening number k = 1, 2, … of one test split is judged: α/(k(k+1)).

    The levels of all openings, however many, add up to no more than α, so the chance of any false proof does too.

    >>> [round(opening_level(k), 4) for k in (1, 2, 3)]
    [0.025, 0.0083, 0.0042]
    """
    if opening < 1:
        raise ValueError(f"openings count from 1, not {opening}")
    return alpha / (opening * (opening + 1))


def clopper_pearson(successes: float, n: float, *, confidence: float) -> Bounds:
    """Exact bounds of a rate (Clopper & Pearson 1934), one-sided at `confidence` each; no rows say nothing.

    Numbers that are not whole are those of an effective sample size (Korn & Graubard 1998).

    >>> bounds = clopper_pearson(18, 20, confidence=0.95)
    >>> round(bounds.low, 4), round(bounds.high, 4)
    (0.7174, 0.9819)
    >>> clopper_pearson(0, 0, confidence=0.95)
    Bounds(value=nan, low=0.0, high=1.0)
    """
    check_confidence(confidence)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    low = float(betaincinv(successes, n - successes + 1, 1.0 - confidence)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, confidence)) if successes < n else 1.0
    return Bounds(value=successes / n if n else math.nan, low=low, high=high)


def rows_needed(*, limit: float, expected: float, confidence: float) -> tuple[int, int] | None:
    """The fewest rows that prove `rate >= limit` when the rate seen is `expected`, and the successes among them.

    Rounding to whole rows makes the proof flicker around that number; from the number given on, every larger one
    proves it too. If `expected` is the true rate, half of all samples show less and prove nothing: plan for more.
    None where no number of rows is enough, because `expected` does not exceed `limit`. For `rate <= limit` give both
    complements.

    >>> rows_needed(limit=0.95, expected=1.0, confidence=0.95)
    (59, 59)
    >>> rows_needed(limit=0.90, expected=0.90, confidence=0.95) is None
    True
    """
    check_confidence(confidence)
    if not (0 <= limit <= 1 and 0 <= expected <= 1):
        raise ValueError("limit and expected are rates, from 0 to 1")
    if limit == 0.0:
        return 1, 0
    if expected <= limit:
        return None
    # Whole successes lie between n·expected − 1 and n·expected: nothing proves it before `near`, all do after `far`.
    near = _first(lambda n: _proves_real(n, n * expected, limit, confidence))
    far = _first(lambda n: _proves_real(n, n * expected - 1, limit, confidence))
    if near is None or far is None:
        return None
    rows = np.arange(near, far + 1)
    successes = np.floor(rows * expected + 1e-9)
    proves = (successes > 0) & (bdtr(np.maximum(successes - 1, 0), rows, limit) >= confidence)
    failures = rows[~proves]
    needed = int(failures[-1]) + 1 if len(failures) else near
    return needed, math.floor(needed * expected + 1e-9)


def quantile_bounds(samples: NDArray[np.float64], *, quantile: float, confidence: float) -> QuantileBounds:
    """Distribution-free bounds of a quantile from order statistics (David & Nagaraja 2003, section 7.1).

    The upper bound is the smallest sample that exceeds the true quantile with probability `confidence` or more. It
    needs `quantile**n <= 1 - confidence`: 59 samples for the 95th percentile at 95 %. Samples are independent.

    >>> quantile_bounds(np.arange(1.0, 60.0), quantile=0.95, confidence=0.95)
    QuantileBounds(value=57.0, low=53.0, high=59.0)
    >>> quantile_bounds(np.arange(1.0, 59.0), quantile=0.95, confidence=0.95).high is None
    True
    """
    check_confidence(confidence)
    n = len(samples)
    if not n:
        raise ValueError("a quantile needs at least one sample")
    ordered = np.sort(samples)
    # The r-th smallest of n lies above the quantile when fewer than r samples lie below it.
    above = np.asarray(bdtr(np.arange(n, dtype=np.float64), n, quantile))
    enough = np.flatnonzero(above >= confidence)
    below = np.flatnonzero(above <= 1.0 - confidence)
    middle = min(max(math.ceil(n * quantile - 1e-9), 1), n) - 1
    return QuantileBounds(
        value=float(ordered[middle]),
        low=float(ordered[below[-1]]) if len(below) else None,
        high=float(ordered[enough[0]]) if len(enough) else None,
    )


def samples_needed(*, quantile: float, confidence: float) -> int:
    """The fewest samples that have an upper bound of a quantile.

    >>> samples_needed(quantile=0.95, confidence=0.95)
    59
    """
    check_confidence(confidence)
    return math.ceil(math.log(1.0 - confidence) / math.log(quantile) - 1e-9)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is none."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")


def _proves_real(n: float, successes: float, limit: float, confidence: float) -> bool:
    """Whether the Clopper–Pearson lower bound reaches `limit`, for a number of successes that need not be whole."""
    if successes <= 0:
        return False
    return float(betainc(min(successes, n), n - min(successes, n) + 1.0, limit)) <= 1.0 - confidence


def _first(holds: Callable[[int], bool]) -> int | None:
    """The smallest n ≥ 1 for which a condition, which stays true once it is, holds."""
    high = 1
    while not holds(high):
        high *= 2
        if high > _MAX_ROWS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
