"""Macro-F1, of one model and of two on the same rows: the mean F1 of the classes that occur, by the bootstrap.

The classes that occur, as targets or as predictions, are those that scikit-learn takes. Rows of one target and one
prediction are alike, so they are counted and resampled as one cell. The row more (see `bootstrap.py`) is of all classes
in equal parts, or wholly of the rarest class, with the next rarest for a wrong answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.measure.bootstrap import FloatArray, Rows, bootstrap
from marketfit.measure.compare import Comparison, p_value
from marketfit.measure.intervals import Bounds
from marketfit.task import IntVector


def macro_f1_bounds(targets: IntVector, predicted: IntVector, *, classes: int, confidence: float, seed: int) -> Bounds:
    """Macro-F1 of a model, with one-sided bounds."""
    cells, counts = np.unique(targets * classes + predicted, return_counts=True)
    truth, guess = cells // classes, cells % classes
    one_hot, _ = _one_hot(classes, truth, guess)
    columns = np.hstack([one_hot[truth] * (truth == guess)[:, None], one_hot[truth], one_hot[guess]])
    further = _Further.of(counts @ one_hot[truth])

    def statistic(means: FloatArray) -> FloatArray:
        right, true, guessed = np.split(means, 3, axis=1)
        return np.asarray(_f1(right, true, guessed).mean(axis=1))

    table = Rows(
        columns,
        counts=counts.astype(np.float64),
        worst=_rows([further.none, further.even, further.even], [further.none, further.rare, further.next_rare]),
        best=_rows([further.even] * 3, [further.rare] * 3),
    )
    return bootstrap(statistic, table, confidence=confidence, seed=seed)


def compare_macro_f1(
    targets: IntVector, first: IntVector, second: IntVector, *, classes: int, confidence: float, seed: int
) -> Comparison:
    """Macro-F1 of the first model's predictions minus that of the second's; rows are resampled jointly.

    Raises:
        ValueError: the predictions are not of the same rows.

    >>> truth = np.repeat([0, 1], [180, 20])
    >>> guess_of_most = np.zeros(200, dtype=np.int64)
    >>> found = compare_macro_f1(truth, truth, guess_of_most, classes=2, confidence=0.95, seed=0)
    >>> round(found.difference, 2), found.low > 0.3, found.p < 0.01
    (0.53, True, True)
    """
    if not targets.shape == first.shape == second.shape or targets.ndim != 1 or not len(targets):
        raise ValueError(f"targets and predictions are of the same rows, not {targets.shape}, {first.shape} and so on")
    cells, counts = np.unique((targets * classes + first) * classes + second, return_counts=True)
    truth, one, other = cells // classes**2, cells // classes % classes, cells % classes
    one_hot, kept = _one_hot(classes, truth, one, other)
    of_one, of_other = (np.isin(kept, np.union1d(truth, guess)) for guess in (one, other))
    right = [one_hot[truth] * (truth == guess)[:, None] for guess in (one, other)]
    columns = np.hstack([one_hot[truth], right[0], one_hot[one], right[1], one_hot[other]])
    further = _Further.of(counts @ one_hot[truth])
    none, even, rare, next_rare = further.none, further.even, further.rare, further.next_rare

    def statistic(means: FloatArray) -> FloatArray:
        true, right_one, guessed_one, right_other, guessed_other = np.split(means, 5, axis=1)
        mean_of_one = _f1(right_one, true, guessed_one)[:, of_one].mean(axis=1)
        return np.asarray(mean_of_one - _f1(right_other, true, guessed_other)[:, of_other].mean(axis=1))

    table = Rows(
        columns,
        counts=counts.astype(np.float64),
        worst=_rows([even, none, even, even, even], [rare, none, next_rare, rare, rare]),
        best=_rows([even, even, even, none, even], [rare, rare, rare, none, next_rare]),
    )
    bounds = bootstrap(statistic, table, confidence=confidence, seed=seed)
    return Comparison(bounds.value, bounds.low, bounds.high, p_value(statistic, table, seed=seed), len(targets))


@dataclass(frozen=True, eq=False)
class _Further:
    """Of a row that could be seen in addition: its class, as columns (classes that occur,)."""

    none: FloatArray
    even: FloatArray
    rare: FloatArray
    next_rare: FloatArray

    @classmethod
    def of(cls, rows: FloatArray) -> _Further:
        """rows: (classes that occur,) rows of each."""
        count = len(rows)
        rarest = np.argsort(rows, kind="stable")
        only = np.eye(count)
        return cls(np.zeros(count), np.full(count, 1.0 / count), only[rarest[0]], only[rarest[min(1, count - 1)]])


def _rows(*rows: list[FloatArray]) -> FloatArray:
    return np.array([np.concatenate(row) for row in rows])


def _one_hot(classes: int, *seen: IntVector) -> tuple[FloatArray, IntVector]:
    """(classes, classes that occur) 1 where they are the same, and the classes that occur."""
    kept = np.unique(np.concatenate(seen))
    return np.eye(classes)[:, kept], kept


def _f1(right: FloatArray, true: FloatArray, guessed: FloatArray) -> NDArray[np.float64]:
    """(resamples, classes) F1, from the shares of rows that are right, of the class, and taken for it."""
    return np.asarray(2 * right / np.maximum(true + guessed, 1e-300))
