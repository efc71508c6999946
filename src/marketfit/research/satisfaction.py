"""How content people are: Net Promoter Score, top-two-box satisfaction, and who would miss the product."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from marketfit.research.given import Floats, Given
from marketfit.research.weighted import LEVEL, Estimate, effective_size, means, share

MISSED = 0.40
"""Share of very disappointed people above which a product is said to fit its market (Ellis & Brown 2017)."""

Standing: TypeAlias = Literal["met", "unproven", "broken"]

_PSEUDO = np.array([0.75, 1.5, 0.75])  # detractors, passives, promoters


@dataclass(frozen=True)
class NetPromoter:
    """score: from −100 to 100, with its interval. Shares of promoters, passives and detractors have their own."""

    score: Estimate
    promoters: Estimate
    passives: Estimate
    detractors: Estimate


def net_promoter(ratings: ArrayLike, weights: ArrayLike | None = None, *, level: float = LEVEL) -> NetPromoter:
    """Net Promoter Score (Reichheld 2003) of ratings (people,) from 0 to 10: 9 and 10 promote, 0 to 6 detract.

    weights: (people,), all 1 unless given.

    The interval is the adjusted Wald of Rocks (2016): 3/4 of a promoter and of a detractor and 3/2 of a passive are
    added, which keeps its coverage in small and one-sided samples.

    >>> ratings = np.repeat([10.0, 8.0, 3.0], [50, 30, 20])
    >>> net_promoter(ratings).score
    Estimate(value=30.0, low=14.05..., high=44.20..., n=100)

    Raises:
        DataError: no ratings, one that is no whole number from 0 to 10, or weights that are not above 0.
    """
    ratings, weights = _answers(ratings, weights, low=0.0, high=10.0)
    promoter, detractor = ratings >= 9, ratings <= 6
    passive = ~(promoter | detractor)
    parts = tuple(share(group, weights, level=level) for group in (promoter, passive, detractor))
    size = effective_size(weights)
    counts = np.array([parts[2].value, parts[1].value, parts[0].value]) * size + _PSEUDO
    rates = counts / counts.sum()
    centre = float(rates[2] - rates[0])
    variance = (float(rates[2] + rates[0]) - centre**2) / float(counts.sum())
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(variance)
    score = Estimate(
        value=100 * (parts[0].value - parts[2].value),
        low=100 * max(centre - reach, -1.0),
        high=100 * min(centre + reach, 1.0),
        n=ratings.size,
    )
    return NetPromoter(score, *parts)


@dataclass(frozen=True)
class Satisfaction:
    """top: the share of people in the two highest boxes of the scale. mean: their mean rating."""

    top: Estimate
    mean: Estimate


def top_two(
    ratings: ArrayLike, weights: ArrayLike | None = None, *, scale: float, level: float = LEVEL
) -> Satisfaction:
    """Satisfaction from ratings (people,) from 1 to `scale`; Clopper–Pearson and t intervals (see `weighted`).

    weights: (people,), all 1 unless given.

    >>> top_two([5, 4, 4, 2], scale=5)
    Satisfaction(top=Estimate(value=0.75, low=0.19..., high=0.99..., n=4), mean=Estimate(value=3.75, ...))

    Raises:
        DataError: no ratings, one that is no whole number on the scale, or weights that are not above 0.
    """
    ratings, weights = _answers(ratings, weights, low=1.0, high=scale)
    people = np.arange(ratings.size)
    once = np.zeros_like(people)
    mean = means(ratings, once, people, weights, items=1, within=(1.0, scale)).item(0, level=level)
    return Satisfaction(share(ratings >= scale - 1, weights, level=level), mean)


@dataclass(frozen=True)
class Disappointment:
    """very: the share of people who would be very disappointed without the product. standing: against MISSED; `met`
    when the interval proves it, `unproven` when only the value meets it, else `broken`.
    """

    very: Estimate
    standing: Standing


def disappointment(answers: ArrayLike, weights: ArrayLike | None = None, *, level: float = LEVEL) -> Disappointment:
    """Who would be very (0), somewhat (1) or not (2) disappointed to lose the product (Ellis & Brown 2017), (people,).

    weights: (people,), all 1 unless given.

    >>> disappointment(np.repeat([0, 1, 2], [45, 35, 20]))
    Disappointment(very=Estimate(value=0.45, low=0.35..., high=0.55..., n=100), standing='unproven')

    Raises:
        DataError: no answers, one that is none of the three, or weights that are not above 0.
    """
    answers, weights = _answers(answers, weights, low=0.0, high=2.0)
    very = share(answers == 0, weights, level=level)
    standing: Standing = "met" if very.value >= MISSED else "broken"
    if standing == "met" and (very.low is None or very.low < MISSED):
        standing = "unproven"
    return Disappointment(very, standing)


def _answers(values: ArrayLike, weights: ArrayLike | None, *, low: float, high: float) -> tuple[Floats, Floats]:
    """Whole numbers and weights (people,)."""
    given = Given()
    answers = given.numbers("answers", values, low=low, high=high, whole=True)
    given.some("answers", answers.size)
    given.check()
    counts = given.weights("weights", weights, answers.size)
    given.check()
    return answers, counts
