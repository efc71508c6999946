"""Agreement of two partitions of the same people."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray


def adjusted_rand(first: IntArray, second: IntArray) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985): 1 for equal partitions, 0 on average for unrelated ones.

    first, second: (people,) group of each person under any names.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]))
    0.571428
    """
    table = crosstab(first, second)
    both = _pairs(table).sum()
    rows, columns = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    expected = rows * columns / max(float(_pairs(np.array([table.sum()])).sum()), 1.0)
    highest = (rows + columns) / 2
    return 1.0 if highest == expected else float((both - expected) / (highest - expected))


def crosstab(first: IntArray, second: IntArray) -> FloatArray:
    """(groups of first, groups of second) how many people are in both."""
    a, b = (np.unique(groups, return_inverse=True)[1] for groups in (first, second))
    counts = np.bincount(a * (b.max(initial=0) + 1) + b, minlength=(a.max(initial=0) + 1) * (b.max(initial=0) + 1))
    return counts.reshape(a.max(initial=0) + 1, b.max(initial=0) + 1).astype(np.float64)


def _pairs(counts: FloatArray) -> FloatArray:
    pairs: FloatArray = counts * (counts - 1) / 2
    return pairs
