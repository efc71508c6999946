"""Shares and means of what people answer, with intervals: one rule for everybody's weight.

Estimates are weighted. The interval of a share is Clopper & Pearson's (1934) at the effective sample size of Kish
(1965), (Σw)² / Σw²; where people give several answers each, at that of Korn & Graubard (1998), p (1 − p) / variance.
That of a mean comes from its linearised variance, clustered by respondent (Binder 1983), and the t distribution; it
never leaves the scale of the answers. With equal weights and one answer each these are the textbook intervals. `n`
always counts people.

Answers that are all the same have a variance of 0, which proves nothing: of n equal answers the chance u of another one
may still be as high as the upper Clopper–Pearson bound of 0 in n, 84 % for two people. The mean then lies, at the
worst, by that part of the way towards the ends of the scale. Without a known scale there is no interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import stdtrit

from marketfit.measure.intervals import clopper_pearson
from marketfit.research.given import Flags, Floats, Given, Ints

LEVEL = 0.95
"""Of two-sided intervals, unless another is asked for."""

_NOTHING = 1e-12
"""Variances below this part of the square of their scale are rounding."""


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


def share(yes: Flags, weights: Floats | None = None, *, level: float = LEVEL) -> Estimate:
    """The weighted share of those who say yes, (people,) each; all count 1 unless weighted. Nobody says nothing.

    >>> share(np.array([True] * 18 + [False] * 2), level=0.9)
    Estimate(value=0.9, low=0.71..., high=0.98..., n=20)

    Raises:
        DataError: weights that are not above 0, or not as many as there are people.
    """
    given = Given()
    flags, weights = given.numbers("yes", yes, low=0, high=1, whole=True), given.weights("weights", weights, len(yes))
    given.check()
    if not flags.size:
        return Estimate(math.nan, None, None, 0)
    rate = min(float((weights * flags).sum() / weights.sum()), 1.0)
    return _rate(rate, effective_size(weights), flags.size, level)


def share_of_answers(yes: Flags, person: Ints, weights: Floats, *, level: float = LEVEL) -> Estimate:
    """The weighted share of answers that are a yes, (answers,), of people with several each; weights (people,).

    The effective size is p (1 − p) / variance, with the variance clustered by person (Korn & Graubard 1998), at the
    most the answers; where all are alike, and for a single person, each person is one answer.

    >>> share_of_answers(np.zeros(40, bool), np.repeat(np.arange(10), 4), np.ones(10))  # 0 of 10 people
    Estimate(value=0.0, low=0.0, high=0.308..., n=10)
    """
    if not yes.size:
        return Estimate(math.nan, None, None, 0)
    found = means(yes.astype(np.float64), np.zeros_like(person), person, weights, items=1)
    rate, people = min(max(float(found.value[0]), 0.0), 1.0), int(found.people[0])
    variance, size = float(found.covariance[0, 0]), float(found.size[0])
    if people > 1 and variance > _NOTHING:
        size = min(rate * (1 - rate) / variance, effective_size(weights[person]))
    return _rate(rate, size, people, level)


def _rate(rate: float, size: float, people: int, level: float) -> Estimate:
    bounds = clopper_pearson(rate * size, size, confidence=(1 + level) / 2)
    return Estimate(rate, bounds.low, bounds.high, people)


@dataclass(frozen=True, eq=False)
class Means:
    """Weighted means of several items, some of whose answers come from the same people.

    value: (items,); NaN where nobody answered. covariance: (items, items). people: (items,) who answered each.
    size: (items,) how many people of equal weight would know as much. within: the ends of the scale of the answers.
    """

    value: Floats
    covariance: Floats
    people: Ints
    size: Floats
    within: tuple[float, float] | None = None

    def contrast(self, coefficients: Floats, *, level: float = LEVEL) -> Estimate:
        """A weighted sum of the means, `coefficients` (items,).

        No interval where an item has a single respondent, or where answers are all the same on a scale that is not
        known. The degrees of freedom are Welch's (1947), but never more than the people of one item less 1.
        """
        used = np.flatnonzero(coefficients)
        factors, people = coefficients[used], self.people[used]
        value, least = float(factors @ self.value[used]), int(people.min()) if used.size else 0
        if least < 2:
            return Estimate(value, None, None, least)
        covariance = self.covariance[np.ix_(used, used)]
        parts = factors**2 * np.diag(covariance)
        variance = max(float(factors @ covariance @ factors), 0.0)
        nothing = _NOTHING * max(1.0, float(factors**2 @ self.value[used] ** 2))
        still = parts <= nothing
        if self.within is None and (still.any() or variance <= nothing):
            return Estimate(value, None, None, least)
        freedom = float(least - 1)
        if not still.all():
            freedom = min(float(people.max() - 1), float(parts.sum() ** 2 / (parts**2 / (people - 1)).sum()))
        reach = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance)
        if self.within is None:
            return Estimate(value, value - reach, value + reach, least)
        down, up = self._ways(factors, used)
        # Where the whole does not vary, although its parts do, the people of the least item say how little that proves.
        doubt = np.full(used.size, _doubt(float(self.size[used].min()), level))
        if variance > nothing:
            doubt = np.where(still, [_doubt(size, level) for size in self.size[used].tolist()], 0.0)
        low, high = value - reach - float(doubt @ down), value + reach + float(doubt @ up)
        return Estimate(value, max(low, value - float(down.sum())), min(high, value + float(up.sum())), least)

    def _ways(self, factors: Floats, used: Ints) -> tuple[Floats, Floats]:
        """(used,) how far each part of a contrast lies above its lowest and below its highest possible value."""
        assert self.within is not None, "the scale is known"
        above, below = self.value[used] - self.within[0], self.within[1] - self.value[used]
        positive, size = factors > 0, np.abs(factors)
        return size * np.where(positive, above, below), size * np.where(positive, below, above)

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


def _doubt(size: float, level: float) -> float:
    """The share of people who may answer otherwise, where none of so many was seen to."""
    return clopper_pearson(0.0, size, confidence=(1 + level) / 2).high


def means(
    values: Floats,
    item: Ints,
    person: Ints,
    weights: Floats,
    *,
    items: int,
    within: tuple[float, float] | None = None,
) -> Means:
    """Mean of each item's answers: `values`, `item` and `person` (answers,), `weights` (people,).

    Several answers of a person to an item count one by one, and their likeness widens the interval.
    within: the lowest and the highest answer that there is.

    >>> got = means(np.array([1.0, 2.0, 6.0]), np.zeros(3, int), np.arange(3), np.ones(3), items=1)
    >>> got.item(0)  # 3 ± 4.303 · √(7/3)
    Estimate(value=3.0, low=-3.57..., high=9.57..., n=3)
    >>> means(np.array([4.0, 4.0]), np.zeros(2, int), np.arange(2), np.ones(2), items=1, within=(1, 5)).item(0)
    Estimate(value=4.0, low=1.47..., high=4.84..., n=2)
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
    answered.data[:] = 1.0  # each person once, however many answers they gave
    with np.errstate(invalid="ignore"):
        size = (answered.T @ weights) ** 2 / (answered.T @ weights**2)
    return Means(value, covariance, people, np.asarray(size), within)
