from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.measure.intervals import clopper_pearson
from marketfit.research.satisfaction import disappointment, net_promoter, top_two


def ratings(promoters: int, passives: int, detractors: int) -> np.ndarray:
    return np.repeat([9.0, 7.0, 6.0], [promoters, passives, detractors])


def test_the_adjusted_wald_interval_by_hand() -> None:
    """Rocks (2016): 50.75, 31.5 and 20.75 of 103; their difference is 0.29126 with a standard error of 0.07692."""
    found = net_promoter(ratings(50, 30, 20), np.ones(100))
    assert found.score.value == pytest.approx(30.0)
    reach = 1.959964 * np.sqrt((0.492718 + 0.201456 - 0.291262**2) / 103)
    assert (found.score.low, found.score.high) == pytest.approx(
        (100 * (0.291262 - reach), 100 * (0.291262 + reach)), abs=1e-3
    )


def test_the_edges_of_the_groups_are_those_of_reichheld() -> None:
    found = net_promoter(np.arange(11.0), np.ones(11))
    assert (found.promoters.value, found.passives.value, found.detractors.value) == pytest.approx(
        (2 / 11, 2 / 11, 7 / 11)
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(parts=st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)).filter(any))
def test_the_score_lies_between_its_ends_and_they_in_the_scale(parts: tuple[int, int, int]) -> None:
    score = net_promoter(ratings(*parts), np.ones(sum(parts))).score
    assert score.low is not None
    assert score.high is not None
    assert -100 <= score.low <= score.value <= score.high <= 100
    assert score.n == sum(parts)


@pytest.mark.parametrize(("n", "parts"), [(15, (0.6, 0.3, 0.1)), (40, (0.3, 0.4, 0.3)), (100, (0.9, 0.08, 0.02))])
def test_it_covers(n: int, parts: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    truth, hits = 100 * (parts[0] - parts[2]), []
    for counts in rng.multinomial(n, parts, 2000).tolist():
        score = net_promoter(ratings(*counts), np.ones(n)).score
        assert score.low is not None
        assert score.high is not None
        hits.append(score.low <= truth <= score.high)
    assert 0.93 <= np.mean(hits) <= 0.985


def test_with_many_people_it_is_the_bootstrap() -> None:
    rng = np.random.default_rng(2)
    given = rng.choice([10.0, 8.0, 2.0], 1000, p=[0.5, 0.3, 0.2])
    side = np.where(given >= 9, 1, np.where(given <= 6, -1, 0))
    drawn = 100 * side[rng.integers(0, 1000, (4000, 1000))].mean(axis=1)
    score = net_promoter(given, np.ones(1000)).score
    assert (score.low, score.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.6)


def test_weights_shift_the_score() -> None:
    weights = np.where(ratings(5, 0, 5) == 9, 3.0, 1.0)
    score = net_promoter(ratings(5, 0, 5), weights).score
    assert score.value == pytest.approx(50.0)
    assert score.n == 10


def test_top_two_boxes_of_any_scale() -> None:
    given = np.array([7.0, 6, 6, 5, 1])
    found = top_two(given, np.ones(5), scale=7)
    exact = clopper_pearson(3, 5, confidence=0.975)
    assert (found.top.value, found.top.low, found.top.high) == pytest.approx((0.6, exact.low, exact.high))
    assert found.mean.value == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("very", "people", "standing"),
    [(60, 100, "met"), (45, 100, "unproven"), (39, 100, "broken"), (40, 100, "unproven")],
)
def test_forty_percent_must_be_proven(very: int, people: int, standing: str) -> None:
    found = disappointment(np.repeat([0, 1, 2], [very, people - very - 5, 5]), np.ones(people))
    assert found.standing == standing
    assert found.very.value == pytest.approx(very / people)
