"""Shares and means of what people answer, with intervals: one rule for everybody's weight.

Estimates are weighted. The interval of a share is Clopper & Pearson's (1934) at the effective sample size of Kish
(1965), (Σw)² / Σw²; that of a mean comes from its linearised variance, clustered by respondent (Binder 1983), and the t
distribution. With equal weights and one answer each these are the textbook intervals. `n` always counts people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import stdtrit

from marketfit.measure.intervals import clopper_pearson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEVEL = 0.95
"""Of two-sided intervals, unless another is asked for."""


@dataclass(frozen=True)
class Estimate:
    """A value with its two-sided interval, and the people behind it; `low` and `high` are None where it has none."""

    value: float
    low: float | None
    high: float | None
    n: int


def effective_size(weights: Floats) -> float:
    """How many people of equal weight would know as much (Kish 1965): (Σw)² / Σw².

    >>> effective_size(np.array([1.0, 1.0, 2.0]))
    2.66...
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def share(yes: Flags, weights: Floats, *, level: float = LEVEL) -> Estimate:
    """The weighted share of those who say yes, (people,) each; nobody says nothing.

    >>> share(np.array([True] * 18 + [False] * 2), np.ones(20), level=0.9)
    Estimate(value=0.9, low=0.71..., high=0.98..., n=20)
    """
    if not yes.size:
        return Estimate(math.nan, None, None, 0)
    rate, size = float((weights * yes).sum() / weights.sum()), effective_size(weights)
    bounds = clopper_pearson(min(rate, 1.0) * size, size, confidence=(1 + level) / 2)
    return Estimate(rate, bounds.low, bounds.high, yes.size)


@dataclass(frozen=True, eq=False)
class Means:
    """Weighted means of several items, some of whose answers come from the same people.

    value: (items,); NaN where nobody answered. covariance: (items, items). people: (items,) who answered each.
    """

    value: Floats
    covariance: Floats
    people: Ints

    def contrast(self, coefficients: Floats, *, level: float = LEVEL) -> Estimate:
        """A weighted sum of the means, `coefficients` (items,); no interval where an item has a single respondent.

        The degrees of freedom are Welch's (1947), but never more than the people of one item less 1.
        """
        used = np.flatnonzero(coefficients)
        factors, people = coefficients[used], self.people[used]
        value, least = float(factors @ self.value[used]), int(people.min()) if used.size else 0
        if least < 2:
            return Estimate(value, None, None, least)
        covariance = self.covariance[np.ix_(used, used)]
        parts = factors**2 * np.diag(covariance)
        freedom = float(least - 1)
        if parts.any():
            freedom = min(float(people.max() - 1), float(parts.sum() ** 2 / (parts**2 / (people - 1)).sum()))
        variance = max(float(factors @ covariance @ factors), 0.0)
        reach = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance)
        return Estimate(value, value - reach, value + reach, least)

    def item(self, index: int, *, level: float = LEVEL) -> Estimate:
        """The mean of one item."""
        only = np.zeros(self.value.size)
        only[index] = 1.0
        return self.contrast(only, level=level)

    def against_all(self, index: int, among: Flags, *, level: float = LEVEL) -> Estimate:
        """One item's mean less the mean of all `among` (items,) which are some."""
        coefficients = np.where(among, -1.0 / among.sum(), 0.0)
        coefficients[index] += 1.0
        return self.contrast(coefficients, level=level)


def means(values: Floats, item: Ints, person: Ints, weights: Floats, *, items: int) -> Means:
    """Mean of each item's answers: `values`, `item` and `person` (answers,), `weights` (people,).

    Several answers of a person to an item count one by one, and their likeness widens the interval.

    >>> got = means(np.array([1.0, 2.0, 6.0]), np.zeros(3, int), np.arange(3), np.ones(3), items=1)
    >>> got.item(0)  # 3 ± 4.303 · √(7/3)
    Estimate(value=3.0, low=-3.57..., high=9.57..., n=3)
    """
    weight = weights[person]
    total = np.bincount(item, weights=weight, minlength=items)
    with np.errstate(invalid="ignore"):
        value = np.bincount(item, weights=weight * values, minlength=items) / total
    influence = weight * (values - value[item]) / total[item]
    shape = (weights.size, items)
    of_person = sparse.coo_matrix((influence, (person, item)), shape=shape).tocsr()  # answers of a pair add up
    answered = sparse.coo_matrix((np.ones(item.size), (person, item)), shape=shape).tocsr()
    people = np.asarray(answered.getnnz(axis=0), dtype=np.int64)
    factor = np.sqrt(people / np.maximum(people - 1, 1))
    covariance = np.asarray((of_person.T @ of_person).toarray()) * np.outer(factor, factor)
    return Means(value, covariance, people)
