"""Importance–performance analysis (Martilla & James 1977): what matters, and whether it is done well.

Attributes lie in a grid of mean performance by mean importance, cut at the mean of the attributes' means. Whether an
attribute is proven to lie in its quadrant is judged on its distance from both cuts, whose intervals take into account
that the cuts come from the same people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from marketfit.research.given import Flags, Floats, Given, Ints, everybody_counts_one
from marketfit.research.weighted import LEVEL, Estimate, Means, means

Quadrant: TypeAlias = Literal["concentrate here", "keep up the good work", "low priority", "possible overkill"]


@dataclass(frozen=True, eq=False)
class RatedAnswers:
    """Ratings, one row each: importance, performance (answers,), NaN where not given; `attribute` and `person`
    (answers,) codes; weights (people,), all 1 unless given. attributes: how many there are, as many as the codes need
    unless given. scale: the highest rating, the lowest being 1; where it is not known, ratings that are all the same
    have no interval.

    Raises:
        DataError: ratings off the scale, codes that are none, lengths that differ, weights that are not above 0.
    """

    importance: Floats
    performance: Floats
    attribute: Ints
    person: Ints
    weights: Floats = field(default_factory=everybody_counts_one)
    attributes: int = 0
    scale: float | None = None

    def __post_init__(self) -> None:
        given = Given()
        rows = (np.size(self.attribute),)
        low, high = (-np.inf, np.inf) if self.scale is None else (1.0, self.scale)
        ratings = {
            name: given.numbers(name, values, low=low, high=high, missing=True, shape=rows)
            for name, values in (("importance", self.importance), ("performance", self.performance))
        }
        codes, weights = given.keys(
            {"attribute": (self.attribute, self.attributes)}, self.person, self.weights, shape=rows
        )
        given.check()
        given.once({"person": codes["person"], "attribute": codes["attribute"]})
        given.check()
        attributes = self.attributes or int(codes["attribute"].max(initial=-1)) + 1
        given.settle(self, **ratings, **codes, weights=weights, attributes=attributes)


@dataclass(frozen=True)
class AttributePosition:
    """Where an attribute lies. gap: mean performance less importance, of those who gave both; None if nobody did.

    placed: whether it is proven to lie on its sides of both cuts, with 95 % confidence together (Bonferroni).
    """

    importance: Estimate
    performance: Estimate
    gap: Estimate | None
    quadrant: Quadrant
    placed: bool


@dataclass(frozen=True)
class Grid:
    """Every attribute in the order of the codes, and the cuts.

    Attributes whose importance or performance fewer than two people rated are None and have no say in the cuts;
    without any others the cuts are None.
    """

    positions: tuple[AttributePosition | None, ...]
    importance_cut: float | None
    performance_cut: float | None


def importance_performance(answers: RatedAnswers) -> Grid:
    """Place the attributes.

    >>> answers = RatedAnswers(np.array([5.0, 5, 3, 3]), np.array([2.0, 1, 4, 5]), np.array([0, 0, 1, 1]),
    ...                        np.array([0, 1, 0, 1]), np.ones(2), 2)
    >>> grid = importance_performance(answers)
    >>> grid.positions[0].quadrant, grid.positions[0].gap.value, grid.importance_cut, grid.performance_cut
    ('concentrate here', -3.5, 4.0, 3.0)
    """
    scale = None if answers.scale is None else (1.0, answers.scale)
    widest = None if answers.scale is None else (1.0 - answers.scale, answers.scale - 1.0)
    importance = _means(answers, answers.importance, scale)
    performance = _means(answers, answers.performance, scale)
    gap = _means(answers, answers.performance - answers.importance, widest)
    rated = (importance.people > 1) & (performance.people > 1)
    positions = tuple(
        _position(index, rated, (importance, performance, gap)) if is_rated else None
        for index, is_rated in enumerate(rated.tolist())
    )
    if not rated.any():
        return Grid(positions, None, None)
    return Grid(positions, float(importance.value[rated].mean()), float(performance.value[rated].mean()))


def _means(answers: RatedAnswers, values: Floats, within: tuple[float, float] | None) -> Means:
    given = np.isfinite(values)
    attribute, person = answers.attribute[given], answers.person[given]
    return means(values[given], attribute, person, answers.weights, items=answers.attributes, within=within)


def _position(index: int, rated: Flags, sides: tuple[Means, Means, Means]) -> AttributePosition:
    importance, performance, gap = sides
    joint = 1 - (1 - LEVEL) / 2
    matters, done = (side.against_all(index, rated, level=joint) for side in (importance, performance))
    return AttributePosition(
        importance=importance.item(index),
        performance=performance.item(index),
        gap=gap.item(index) if gap.people[index] else None,
        quadrant=_quadrant(matters.value >= 0, done.value >= 0),
        placed=_aside(matters) and _aside(done),
    )


def _quadrant(matters: bool, done_well: bool) -> Quadrant:
    if matters:
        return "keep up the good work" if done_well else "concentrate here"
    return "possible overkill" if done_well else "low priority"


def _aside(distance: Estimate) -> bool:
    if distance.low is None or distance.high is None:
        return False
    return distance.low > 0 or distance.high < 0
