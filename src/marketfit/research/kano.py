"""Kano's model of features (Kano, Seraku, Takahashi & Tsuji 1984), discrete and continuous.

Everybody says how they would feel with a feature (functional) and without it (dysfunctional), each as one of five
answers. *Discrete*: the table of Berger et al. (1993) turns the pair into a category, and the most frequent one is the
feature's, ties going to M > O > A > I > R > Q. Fong's test (1996) says whether the two most frequent ones can be told
apart. It is a normal approximation, so with fewer than five expected in each of the two (Cochran 1954) the exact sign
test takes its place, which tells nothing from fewer than five answers. Category strength is the difference of their
shares, total strength the share of A, O and M together (Lee & Newcomb 1997). Better = (A + O) / (A + O + M + I) and
Worse = −(O + M) / (A + O + M + I) are Timko's coefficients (Berger et al. 1993). *Continuous* (DuMouchel, in Berger et
al. 1993): both answers become numbers from −2 to 4, whose means place the feature in a grid cut at 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc

from marketfit.research.given import Floats, Given, Ints, everybody_counts_one
from marketfit.research.weighted import LEVEL, Estimate, effective_size, means, share

Category: TypeAlias = Literal["M", "O", "A", "I", "R", "Q"]
CATEGORIES: tuple[Category, ...] = ("M", "O", "A", "I", "R", "Q")
"""Must-be, one-dimensional, attractive, indifferent, reverse, questionable: in the order that settles ties."""

ANSWERS = ("like", "expect", "neutral", "tolerate", "dislike")
"""I like it, I expect it, I am neutral, I can tolerate it, I dislike it (the wording of Berger et al.)."""

ALSO = ("like", "must-be", "neutral", "live-with", "dislike")
"""The older words for the same answers."""

_TABLE = (  # rows: functional answer, columns: dysfunctional answer
    "QAAAO",
    "RIIIM",
    "RIIIM",
    "RIIIM",
    "RRRRQ",
)
_CATEGORY_OF = np.array([["MOAIRQ".index(cell) for cell in row] for row in _TABLE])
_WITH = np.array([4.0, 2.0, 0.0, -1.0, -2.0])
_WITHOUT = _WITH[::-1]
_SCALE = (float(_WITH.min()), float(_WITH.max()))
_EXPECTED = 5.0
"""Answers expected in each of two categories from which their difference is nearly normal (Cochran 1954)."""

CROSSHAIR = 2.0
Quadrant: TypeAlias = Literal["must-be", "performance", "attractive", "indifferent"]


@dataclass(frozen=True, eq=False)
class KanoAnswers:
    """Answers as codes, one row each: `functional` and `dysfunctional` (answers,) places in ANSWERS, `feature` and
    `person` (answers,); `weights` (people,), all 1 unless given. A person answers on a feature once. features: how many
    there are, as many as the codes need unless given.

    Raises:
        DataError: codes that are none, lengths that differ, weights that are not above 0, features nobody answers on.
    """

    functional: Ints
    dysfunctional: Ints
    feature: Ints
    person: Ints
    weights: Floats = field(default_factory=everybody_counts_one)
    features: int = 0

    def __post_init__(self) -> None:
        given = Given()
        rows = (np.size(self.feature),)
        coded = {
            "functional": given.codes("functional", self.functional, count=len(ANSWERS), shape=rows),
            "dysfunctional": given.codes("dysfunctional", self.dysfunctional, count=len(ANSWERS), shape=rows),
        }
        keys, weights = given.keys({"feature": (self.feature, self.features)}, self.person, self.weights, shape=rows)
        given.check()
        features = self.features or int(keys["feature"].max(initial=-1)) + 1
        given.used("feature", keys["feature"], features)
        given.once({"person": keys["person"], "feature": keys["feature"]})
        given.check()
        given.settle(self, **coded, **keys, weights=weights, features=features)


@dataclass(frozen=True)
class KanoFeature:
    """What the answers on one feature say.

    shares: category → weighted share of the answers. distinct: whether Fong's test tells the category from the next
    one. better, worse: from 0 to 1 and from −1 to 0; None where all answers are reverse or questionable.
    functional, dysfunctional: means from −2 to 4. placed: whether both means are proven to lie on their sides of the
    cross-hair, with 95 % confidence together (Bonferroni). n: people who answered.
    """

    shares: Mapping[Category, float]
    category: Category
    runner_up: Category
    distinct: bool
    category_strength: float
    total_strength: float
    better: Estimate | None
    worse: Estimate | None
    functional: Estimate
    dysfunctional: Estimate
    quadrant: Quadrant
    placed: bool
    n: int


def categories(functional: ArrayLike, dysfunctional: ArrayLike) -> Ints:
    """(answers,) places in CATEGORIES, by the evaluation table.

    >>> [CATEGORIES[code] for code in categories([0, 0, 1], [2, 4, 4])]
    ['A', 'O', 'M']

    Raises:
        DataError: codes that are no places in ANSWERS.
    """
    given = Given()
    functional = given.codes("functional", functional, count=len(ANSWERS))
    dysfunctional = given.codes("dysfunctional", dysfunctional, count=len(ANSWERS), shape=functional.shape)
    given.check()
    return np.asarray(_CATEGORY_OF[functional, dysfunctional], dtype=np.int64)


def fong_distinct(first: float, second: float, n: float) -> bool:
    """Whether two of the frequencies of n answers differ, at 90 % confidence (Fong 1996).

    With fewer than 10 in both together the exact sign test decides: were both as likely, the chance of a split at least
    as uneven, both ways.

    >>> fong_distinct(35, 22, 100), fong_distinct(40, 22, 100)
    (True, True)
    >>> fong_distinct(30, 22, 100)  # 8 < 1.65 √(52 · 148 / 200) = 10.2
    False
    >>> fong_distinct(2, 0, 2), fong_distinct(4, 0, 4), fong_distinct(5, 0, 5)  # 2 · 0.5⁴ = 0.125
    (False, False, True)

    Raises:
        DataError: frequencies below 0, or above n together.
    """
    together = first + second
    given = Given()
    given.numbers("frequencies", [first, second], low=0.0)
    given.numbers("n", [n], low=together * (1 - 1e-9))
    given.check()
    if together < 2 * _EXPECTED:
        most, least = max(first, second), min(first, second)
        return most > least and 2 * float(betainc(most, least + 1, 0.5)) <= 0.10
    return abs(first - second) >= 1.65 * math.sqrt(together * (2 * n - together) / (2 * n))


def kano(answers: KanoAnswers) -> tuple[KanoFeature, ...]:
    """Every feature, in the order of the codes."""
    category = categories(answers.functional, answers.dysfunctional)
    functional, without = (
        means(scores, answers.feature, answers.person, answers.weights, items=answers.features, within=_SCALE)
        for scores in (_WITH[answers.functional], _WITHOUT[answers.dysfunctional])
    )
    order = np.argsort(answers.feature, kind="stable")
    cuts = np.searchsorted(answers.feature[order], np.arange(answers.features + 1))
    found = []
    for feature in range(answers.features):
        rows = order[cuts[feature] : cuts[feature + 1]]
        joint = 1 - (1 - LEVEL) / 2
        placed = (functional.item(feature, level=joint), without.item(feature, level=joint))
        found.append(
            _feature(
                category[rows],
                answers.weights[answers.person[rows]],
                (functional.item(feature), without.item(feature)),
                all(_aside(estimate) for estimate in placed),
            )
        )
    return tuple(found)


def _feature(category: Ints, weights: Floats, position: tuple[Estimate, Estimate], placed: bool) -> KanoFeature:
    total = float(weights.sum())
    parts = np.bincount(category, weights=weights, minlength=len(CATEGORIES)) / total
    first, second = np.argsort(-parts, kind="stable")[:2].tolist()
    known = category <= CATEGORIES.index("I")
    better = worse = None
    if known.any():
        better = share(np.isin(category[known], (1, 2)), weights[known])
        against = share(np.isin(category[known], (0, 1)), weights[known])
        worse = _negative(against)
    size = effective_size(weights)
    functional, dysfunctional = position
    return KanoFeature(
        shares=dict(zip(CATEGORIES, parts.tolist(), strict=True)),
        category=CATEGORIES[first],
        runner_up=CATEGORIES[second],
        distinct=fong_distinct(float(parts[first]) * size, float(parts[second]) * size, size),
        category_strength=float(parts[first] - parts[second]),
        total_strength=float(parts[:3].sum()),
        better=better,
        worse=worse,
        functional=functional,
        dysfunctional=dysfunctional,
        quadrant=_quadrant(functional.value, dysfunctional.value),
        placed=placed,
        n=category.size,
    )


def _quadrant(functional: float, dysfunctional: float) -> Quadrant:
    if dysfunctional >= CROSSHAIR:
        return "performance" if functional >= CROSSHAIR else "must-be"
    return "attractive" if functional >= CROSSHAIR else "indifferent"


def _aside(estimate: Estimate) -> bool:
    """Whether an interval lies on one side of the cross-hair."""
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.low > CROSSHAIR or estimate.high < CROSSHAIR


def _negative(estimate: Estimate) -> Estimate:
    low, high = estimate.low, estimate.high
    return Estimate(-estimate.value, None if high is None else -high, None if low is None else -low, estimate.n)
