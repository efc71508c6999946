"""Whether the segments differ in something about people: tests, and how large the difference is."""

from __future__ import annotations

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.models.utilities import DRAWS

TABLES = 9999


def cramers_v(table: FloatArray) -> float:
    """Cramér's V of a table of counts (segments, levels), from 0, unrelated, to 1 (Cramér 1946). NaN without a choice.

    >>> cramers_v(np.array([[10.0, 0.0], [0.0, 10.0]])), cramers_v(np.array([[5.0, 5.0], [5.0, 5.0]]))
    (1.0, 0.0)
    """
    table = _occupied(table)
    freedom = min(table.shape) - 1
    return float(np.sqrt(_chi_square(table[None])[0] / (table.sum() * freedom))) if freedom > 0 else float("nan")


def independence_p(table: FloatArray, rng: np.random.Generator) -> float:
    """p-value of a table if segments and levels were unrelated: the chance of a chi-square as large or larger.

    It is counted over tables drawn with the same margins (Patefield 1981), so it holds for small counts too. It is at
    least 1 / (TABLES + 1).
    """
    table = _occupied(table)
    if min(table.shape) < 2:
        return float("nan")
    drawn = _chi_square(_tables_like(table, rng))
    seen = _chi_square(table[None])[0]
    return float((1 + (drawn >= seen * (1 - 1e-9)).sum()) / (TABLES + 1))


def kruskal_wallis(values: FloatArray, groups: IntArray, weights: FloatArray | None = None) -> tuple[float, float]:
    """ε², from 0 to 1, and p-value of Kruskal & Wallis (1952), corrected for ties; NaN without two groups.

    values, groups, weights: (people,). Ranks and their means are weighted, and each group is as many people as its
    weights are worth (Kish 1965), in the manner of Lumley & Scott (2013). The p-value is that of the chi-square
    approximation.

    >>> effect, p = kruskal_wallis(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), np.array([0, 0, 0, 1, 1, 1]))
    >>> round(effect, 4), round(p, 4)
    (0.7714, 0.0495)
    """
    counted = np.ones(values.size) if weights is None else weights
    distinct, code = np.unique(values, return_inverse=True)
    names, group = np.unique(groups, return_inverse=True)
    if names.size < 2 or distinct.size < 2:
        return float("nan"), float("nan")
    at = np.bincount(code, counted)
    ranks = (np.cumsum(at) - at / 2)[code]
    total = np.bincount(group, counted)
    sizes = total**2 / np.bincount(group, counted**2)
    means = np.bincount(group, counted * ranks) / total
    n = float(sizes.sum())
    centre = float(counted @ ranks) / float(counted.sum())
    variance = float(counted @ (ranks - centre) ** 2) / float(counted.sum()) * n / (n - 1)
    statistic = float(sizes @ (means - float(sizes @ means) / n) ** 2) / variance
    return statistic / (n - 1), float(special.chdtrc(names.size - 1, statistic))


def holm(p_values: FloatArray) -> FloatArray:
    """p-values corrected for there being several (Holm 1979); NaN stays and does not count.

    >>> holm(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.06, 0.06,  nan])
    """
    corrected = np.full(p_values.size, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = np.arange(order.size, 0, -1) * p_values[order]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def lift_ends(
    inside: FloatArray, outside: FloatArray, part: FloatArray, level: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval of the lift of each level in each segment: its share there over its share among all.

    inside, outside: (segments, levels) people with the level in the segment and in all others, counts or what they are
    worth when weighted. part: (segments,) the segment's part of all people. The interval takes the sizes of the
    segments as given: percentiles of draws of the rates inside and outside with Jeffreys' prior (Brown, Cai & DasGupta
    2001), so that 0 of n has a width.
    """
    n, rest = inside.sum(axis=1, keepdims=True), outside.sum(axis=1, keepdims=True)
    inner = rng.beta(inside + 0.5, n - inside + 0.5, size=(DRAWS, *inside.shape))
    outer = rng.beta(outside + 0.5, rest - outside + 0.5, size=(DRAWS, *outside.shape))
    drawn = inner / (part[:, None] * inner + (1 - part[:, None]) * outer)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def _occupied(table: FloatArray) -> FloatArray:
    occupied: FloatArray = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    return occupied


def _chi_square(tables: FloatArray) -> FloatArray:
    """(tables,) from (tables, segments, levels) of the same margins, none of them 0."""
    expected = tables[0].sum(axis=1)[:, None] * tables[0].sum(axis=0) / tables[0].sum()
    statistics: FloatArray = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    return statistics


def _tables_like(table: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(TABLES, segments, levels) tables with the same margins: people are dealt out to segments level by level."""
    rows, columns = table.sum(axis=1).astype(np.int64), table.sum(axis=0).astype(np.int64)
    left = np.tile(columns, (TABLES, 1))
    drawn = np.zeros((TABLES, *table.shape))
    for row, size in enumerate(rows[:-1].tolist()):
        wanted = np.full(TABLES, size)
        for column in range(columns.size - 1):
            others = left[:, column + 1 :].sum(axis=1)
            drawn[:, row, column] = rng.hypergeometric(left[:, column], others, wanted)
            wanted = wanted - drawn[:, row, column].astype(np.int64)
        drawn[:, row, -1] = wanted
        left = left - drawn[:, row].astype(np.int64)
    drawn[:, -1] = left
    return drawn
