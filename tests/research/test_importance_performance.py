from __future__ import annotations

import numpy as np
import pytest

from marketfit.research.importance_performance import RatedAnswers, importance_performance

# Martilla & James (1977), table 1: service of a car dealer, mean importance and performance on scales from 1 to 4, and
# the quadrant of figure 1 (A concentrate here, B keep up the good work, C low priority, D possible overkill).
DEALER = {
    "job done right the first time": (3.83, 2.63, "A"),
    "fast action on complaints": (3.63, 2.73, "A"),
    "prompt warranty work": (3.60, 3.15, "B"),
    "able to do any job needed": (3.56, 3.00, "B"),
    "service available when needed": (3.41, 3.05, "B"),
    "courteous and friendly service": (3.41, 3.29, "B"),
    "car ready when promised": (3.38, 3.03, "B"),
    "perform only necessary work": (3.37, 3.11, "B"),
    "low prices on service": (3.29, 2.00, "A"),
    "clean up after service work": (3.27, 3.02, "B"),
    "convenient to home": (2.52, 2.25, "C"),
    "convenient to work": (2.43, 2.49, "C"),
    "courtesy buses and rental cars": (2.37, 2.35, "C"),
    "send out maintenance notices": (2.05, 3.33, "D"),
}
NAMES = {
    "A": "concentrate here",
    "B": "keep up the good work",
    "C": "low priority",
    "D": "possible overkill",
}


def rated(importance: np.ndarray, performance: np.ndarray) -> RatedAnswers:
    """Ratings (people, attributes)."""
    people, attributes = importance.shape
    return RatedAnswers(
        importance.ravel(), performance.ravel(), np.tile(np.arange(attributes), people),
        np.repeat(np.arange(people), attributes), np.ones(people), attributes,
    )  # fmt: skip


def test_the_car_dealer() -> None:
    """Two people around each mean: the grid is cut at 3.151 and 2.816, which gives the published quadrants."""
    given = np.array([row[:2] for row in DEALER.values()])
    around = np.array([-0.1, 0.1])[:, None]
    grid = importance_performance(rated(given[:, 0] + around, given[:, 1] + around))
    assert (grid.importance_cut, grid.performance_cut) == pytest.approx((3.151, 2.816), abs=1e-3)
    for position, (important, done, quadrant) in zip(grid.positions, DEALER.values(), strict=True):
        assert position is not None
        assert position.gap is not None
        assert position.quadrant == NAMES[quadrant]
        assert (position.importance.value, position.gap.value) == pytest.approx((important, done - important))


def simulated(seed: int, people: int) -> RatedAnswers:
    """Moods shift all ratings of a person; the means of three attributes are 4, 3, 2 and 2, 3, 3.2."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(0, 1, (people, 1))
    shape = (people, 3)
    return rated(
        np.array([4.0, 3.0, 2.0]) + mood + rng.normal(0, 1, shape),
        np.array([2.0, 3.0, 3.2]) + mood + rng.normal(0, 1, shape),
    )


def test_what_is_far_from_the_cuts_is_proven() -> None:
    grid = importance_performance(simulated(0, 200))
    first, middle, last = grid.positions
    assert first is not None
    assert middle is not None
    assert last is not None
    assert (first.quadrant, first.placed) == ("concentrate here", True)
    assert not middle.placed  # it lies on the cut of importance
    assert (last.quadrant, last.placed) == ("possible overkill", True)


def test_intervals_of_gaps_cover_and_few_wrong_quadrants_are_proven() -> None:
    hits, proven = [], 0
    for seed in range(400):
        first, middle, _ = importance_performance(simulated(seed, 30)).positions
        assert first is not None
        assert first.gap is not None
        assert first.gap.low is not None
        assert first.gap.high is not None
        assert middle is not None
        hits.append(first.gap.low <= -2.0 <= first.gap.high)
        proven += middle.placed
    assert 0.93 <= np.mean(hits) <= 0.97
    assert proven / 400 <= 0.05  # nothing is to be proven of an attribute on the cut


def test_missing_performance_counts_for_importance_only() -> None:
    importance = np.array([[5.0, 3.0], [4.0, 3.0], [3.0, 3.0]])
    performance = np.array([[2.0, np.nan], [3.0, 1.0], [np.nan, np.nan]])
    grid = importance_performance(rated(importance, performance))
    first, second = grid.positions
    assert second is None  # one rating of performance is too few
    assert first is not None
    assert first.gap is not None
    assert (first.importance.n, first.performance.n, first.gap.value) == (3, 2, -2.0)
    assert (grid.importance_cut, grid.performance_cut, first.placed) == (4.0, 2.5, False)


def test_nobody_rated_performance() -> None:
    grid = importance_performance(rated(np.ones((2, 2)), np.full((2, 2), np.nan)))
    assert (grid.positions, grid.performance_cut) == ((None, None), None)


def test_equal_ratings_of_two_people_place_nothing() -> None:
    answers = RatedAnswers(
        np.array([5.0, 5, 3, 3]), np.array([2.0, 2, 4, 4]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), scale=5
    )
    first = importance_performance(answers).positions[0]
    assert first is not None
    assert (first.quadrant, first.placed) == ("concentrate here", False)
    assert first.importance.low is not None
    assert first.importance.low < 3
    unknown = importance_performance(RatedAnswers(**{**vars(answers), "scale": None})).positions[0]
    assert unknown is not None
    assert (unknown.importance.low, unknown.placed) == (None, False)
