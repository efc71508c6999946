"""Is one model better than another on the same rows? Paired, because the rows are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from marketfit.measure.bootstrap import MIN_RESAMPLES, Rows, Statistic, bootstrap, weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What `first` has more than `second` on the rows, its one-sided bounds, and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p: float
    rows: int


@dataclass(frozen=True)
class Disagreement:
    """Rows that only one of two models has right, and the exact two-sided p-value of McNemar's test."""

    only_first: int
    only_second: int
    p: float


def compare_scores(
    first: Sequence[float] | NDArray[np.generic],
    second: Sequence[float] | NDArray[np.generic],
    *,
    confidence: float,
    seed: int,
    largest: float | None = None,
) -> Comparison:
    """Paired bootstrap of two models' scores of the same rows (rows are resampled jointly; Rubin 1981).

    `largest` is the largest difference that one row could show; with it, rows that happen to show none do not prove
    that there is none. Scores that are booleans (right or wrong) have 1.

    Raises:
        ValueError: the scores are not of the same rows, or not finite.

    >>> better = compare_scores([1, 1, 1, 0] * 50, [1, 0, 1, 0] * 50, confidence=0.95, seed=0)
    >>> round(better.difference, 2), better.low > 0.15, better.p < 0.01
    (0.25, True, True)
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"paired scores are two vectors of the same rows, not {a.shape} and {b.shape}")
    span = 1.0 if largest is None and a.dtype == b.dtype == np.bool_ else largest
    difference = a.astype(np.float64) - b.astype(np.float64)
    if not np.isfinite(difference).all():
        raise ValueError("a score is not finite")
    end = None if span is None else np.array([[span]])
    rows = Rows(difference[:, None], worst=None if end is None else -end, best=end)
    bounds = bootstrap(_only_column, rows, confidence=confidence, seed=seed)
    p = p_value(_only_column, rows, seed=seed)
    return Comparison(bounds.value, bounds.low, bounds.high, p, len(difference))


def _only_column(means: FloatArray) -> FloatArray:
    return means[:, 0]


def mcnemar(first: Sequence[bool] | NDArray[np.bool_], second: Sequence[bool] | NDArray[np.bool_]) -> Disagreement:
    """Exact McNemar test (1947) of two models' rows right and wrong: a sign test on the rows where they disagree.

    Raises:
        ValueError: the answers are not of the same rows.
    """
    a, b = np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)
    if a.shape != b.shape:
        raise ValueError(f"paired answers are of the same rows, not {a.shape} and {b.shape}")
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    return Disagreement(only_first, only_second, mcnemar_p(only_first, only_second))


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of a number of disagreements on each side.

    >>> round(mcnemar_p(5, 15), 4)
    0.0414
    """
    smaller, total = min(only_first, only_second), only_first + only_second
    return min(1.0, 2.0 * float(bdtr(float(smaller), total, 0.5)))


def p_value(statistic: Statistic, rows: Rows, *, seed: int) -> float:
    """Twice the smaller share of resamples on one side of zero; never 0, since resamples are finite."""
    drawn = weights(len(rows.columns), resamples=_P_RESAMPLES, seed=seed, counts=rows.counts)
    values = np.concatenate([statistic(weight @ rows.columns) for weight in drawn])
    below, above = int((values <= 0).sum()), int((values >= 0).sum())
    return min(1.0, 2.0 * (min(below, above) + 1) / (_P_RESAMPLES + 1))


_P_RESAMPLES = 5 * MIN_RESAMPLES
