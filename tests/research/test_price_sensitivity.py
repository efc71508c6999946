from __future__ import annotations

import numpy as np
import pytest

from marketfit.errors import DataError
from marketfit.research.price_sensitivity import (
    PriceAnswers,
    best_price,
    price_curves,
    price_points,
    price_ranges,
    rises,
    trial_curve,
)

# Three people, by hand. Too cheap: 1, 2, 3; cheap 3, 4, 5; expensive 5, 6, 7; too expensive 7, 8, 9.
THREE = np.array([[1.0, 3, 5, 7], [2, 4, 6, 8], [3, 5, 7, 9]])

PARTS = np.array([0.5, 0.8, 1.2, 1.8])  # of what a person finds right
CENTRE, SPREAD = 2.0, 0.4  # of its logarithm


def people(seed: int, count: int) -> PriceAnswers:
    right = np.random.default_rng(seed).lognormal(CENTRE, SPREAD, count)
    return PriceAnswers(right[:, None] * PARTS, np.ones(count))


# 1 − Φ(a) = Φ(b) where a + b = 0: curves of which one falls and one rises cross at the geometric mean of their centres.
TRUTH = {
    "marginal_cheapness": np.exp(CENTRE) * np.sqrt(0.5 * 0.8),
    "optimal": np.exp(CENTRE) * np.sqrt(0.5 * 1.8),
    "indifference": np.exp(CENTRE) * np.sqrt(0.8 * 1.2),
    "marginal_expensiveness": np.exp(CENTRE) * np.sqrt(1.2 * 1.8),
}


def test_curves_by_hand() -> None:
    curves = price_curves(PriceAnswers(THREE, np.ones(3)))
    third = np.array([3, 2, 1, 0, 0, 0, 0, 0, 0]) / 3
    assert curves.price.tolist() == list(range(1, 10))
    np.testing.assert_allclose(curves.too_cheap, third)
    np.testing.assert_allclose(curves.cheap, np.array([3, 3, 3, 2, 1, 0, 0, 0, 0]) / 3)
    np.testing.assert_allclose(curves.expensive, np.array([0, 0, 0, 0, 1, 2, 3, 3, 3]) / 3)
    np.testing.assert_allclose(curves.too_expensive, third[::-1])


def test_crossings_by_hand() -> None:
    """Too cheap and not cheap: 1/3 and 0 at 3, 0 and 1/3 at 4. Too cheap and too expensive: both 0 from 4 to 6.
    Cheap and expensive: both 1/3 at 5. Too expensive and not expensive: as at the other end.
    """
    points = price_points(PriceAnswers(THREE, np.ones(3)))
    assert (
        points.marginal_cheapness.value,
        points.optimal.value,
        points.indifference.value,
        points.marginal_expensiveness.value,
    ) == pytest.approx((3.5, 5.0, 5.0, 6.5))


def test_weights_count_as_people() -> None:
    weighted = PriceAnswers(THREE, np.array([2.0, 1.0, 1.0]))
    repeated = PriceAnswers(THREE[[0, 0, 1, 2]], np.ones(4))
    for name in TRUTH:
        one, other = (getattr(price_points(answers), name).value for answers in (weighted, repeated))
        assert one == pytest.approx(other)


def test_crossings_of_many_people_are_those_of_the_market() -> None:
    points = price_points(people(0, 10_000))
    for name, truth in TRUTH.items():
        assert getattr(points, name).value == pytest.approx(truth, rel=0.02)


def test_intervals_cover_the_market() -> None:
    hits = []
    for seed in range(100):
        points = price_points(people(seed, 100), seed=seed)
        for name, truth in TRUTH.items():
            point = getattr(points, name)
            hits.append(point.low <= truth <= point.high)
    assert 0.90 <= np.mean(hits) <= 0.99  # 100 samples: two standard errors are 0.04


def test_the_bootstrap_of_groups_agrees_with_that_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = people(1, 1500)
    exact = price_points(answers).optimal
    monkeypatch.setattr("marketfit.research.price_sensitivity.MOST", 400)
    grouped = price_points(answers).optimal
    assert grouped.value == exact.value
    assert None not in (exact.low, exact.high, grouped.low, grouped.high)
    widths = [point.high - point.low for point in (exact, grouped) if point.low is not None and point.high is not None]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_few_people_have_no_interval() -> None:
    assert price_points(people(0, 9)).optimal.low is None
    assert price_points(people(0, 10)).indifference.low is not None
    # Nobody refuses around the optimum, whoever is drawn again: resamples can't tell how sure it is.
    assert price_points(people(0, 10)).optimal.low is None


def test_weights_leave_no_rounding_in_shares() -> None:
    for seed in range(5):
        check_rounding(np.random.default_rng(seed))


def check_rounding(rng: np.random.Generator) -> None:
    prices = np.sort(rng.uniform(1, 10, (200, 4)), axis=1)
    answers = PriceAnswers(prices, rng.uniform(0.3, 2, 200), rng.uniform(0, 1, (200, 2)))
    curves = price_curves(answers)
    for curve in (curves.too_cheap, curves.cheap, curves.expensive, curves.too_expensive):
        for shown in (curve, 1 - curve):
            assert shown.min() >= 0.0
            assert (shown[shown > 0] > 1e-6).all()
    assert (curves.cheap[0], curves.too_cheap[-1], curves.too_expensive[-1]) == (1.0, 0.0, 1.0)
    trial = trial_curve(answers)[1]
    assert (trial[0], trial[-1], trial.min()) == (0.0, 0.0, 0.0)
    assert (trial[trial > 0] > 1e-6).all()


def test_a_point_over_a_range_has_its_ends() -> None:
    assert price_ranges(PriceAnswers(THREE)) == (
        (pytest.approx(3.5), pytest.approx(3.5)), (4.0, 6.0), (5.0, 5.0), (pytest.approx(6.5), pytest.approx(6.5))
    )  # fmt: skip


def test_demand_by_hand() -> None:
    """Buys at 4 with 0.7 and at 6 with 0.3, from 2 to 8: revenue (1.5 − 0.2 p) p falls from 4 on, and rises to it."""
    one = PriceAnswers(np.array([[2.0, 4, 6, 8]]), np.ones(1), np.array([[0.7, 0.3]]))
    price, trial = trial_curve(one)
    np.testing.assert_allclose(price, [2, 4, 6, 8])
    np.testing.assert_allclose(trial, [0, 0.7, 0.3, 0], atol=1e-12)
    best = best_price(one)
    assert (best.price.value, best.trial.value, best.revenue.value, best.most_buyers.value) == pytest.approx(
        (4.0, 0.7, 2.8, 4.0)
    )
    # With 0.5 at both: 0.5 p up to 6, then (0.5 − 0.25 (p − 6)) p, which falls: the best price is 6.
    flat = PriceAnswers(np.array([[2.0, 4, 6, 8]]), np.ones(1), np.array([[0.5, 0.5]]))
    assert best_price(flat).price.value == pytest.approx(6.0)
    # With 0.7 and 0.5: 0.7 − 0.1 (p − 4), whose revenue has its top at 5.5; 3.025.
    inside = PriceAnswers(np.array([[2.0, 4, 6, 20]]), np.ones(1), np.array([[0.7, 0.5]]))
    slope_after = -0.5 / 14
    after = (0.5 - 6 * slope_after) / (-2 * slope_after)  # the top beyond 6
    found = best_price(inside)
    assert found.price.value == pytest.approx(after)
    assert found.revenue.value == pytest.approx(after * (0.5 + slope_after * (after - 6)))


def test_the_best_price_is_that_of_a_fine_search() -> None:
    rng = np.random.default_rng(3)
    prices = np.round(np.cumsum(rng.uniform(0.5, 5, (60, 4)), axis=1), 2)
    answers = PriceAnswers(prices, rng.uniform(0.5, 2, 60), rng.uniform(0, 1, (60, 2)))
    best = best_price(answers)
    fine = np.linspace(0, 25, 50_001)
    heights = np.concatenate([np.zeros((60, 1)), answers.chances, np.zeros((60, 1))], axis=1)  # type: ignore[list-item]
    trial = np.average(
        [np.interp(fine, row, height) for row, height in zip(prices, heights, strict=True)],
        axis=0, weights=answers.weights,
    )  # fmt: skip
    assert best.revenue.value == pytest.approx((fine * trial).max(), rel=1e-6)
    assert best.price.value == pytest.approx(fine[(fine * trial).argmax()], abs=1e-3)
    assert best.price.low is not None
    assert best.price.high is not None
    assert best.price.low <= best.price.value <= best.price.high


def test_prices_must_rise() -> None:
    assert rises(np.array([[1.0, 2, 3, 4], [2, 1, 3, 4], [1, 2, 2, 4], [1, 2, 5, 4]])).tolist() == [
        True, False, False, False,
    ]  # fmt: skip


def test_without_chances_there_is_no_demand() -> None:
    with pytest.raises(DataError, match="no chances"):
        best_price(people(0, 3))


def test_people_who_all_answer_alike_have_no_interval() -> None:
    found = price_points(PriceAnswers(np.array([[1.0, 2.0, 3.0, 4.0]] * 12)))
    assert (found.optimal.value, found.optimal.low, found.optimal.high) == (2.5, None, None)
