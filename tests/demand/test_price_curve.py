"""Price curves: each point is a simulation of its own, profit follows, and the ends do not run away."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.demand import Adjustments, ChoiceData, Market, MNLResult, draw_utilities, fit_mnl, price_curve, simulate
from marketfit.errors import DataError

OFFERS: dict[str, dict[str, float | str]] = {
    "ours": {"price": 2, "size": 0.5, "brand": "bolt"},
    "theirs": {"price": 2, "size": 0.0, "brand": "ajax"},
}
PRICES = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 60.0]


@pytest.fixture(scope="module")
def model(data_with_none: ChoiceData) -> MNLResult:
    return fit_mnl(data_with_none)


def test_each_point_is_its_own_simulation(model: MNLResult) -> None:
    curve = price_curve(model, OFFERS, offer="ours", prices=PRICES, unit_cost=0.5, audience=1000)
    for index, price in enumerate(PRICES):
        shares = simulate(model, {**OFFERS, "ours": {**OFFERS["ours"], "price": price}})
        np.testing.assert_allclose(curve.share_draws[:, index], shares.share_draws[:, 0], atol=1e-6)
        assert curve.share[index] == pytest.approx(shares.share[0], abs=1e-6)
        assert curve.share_low[index] == pytest.approx(shares.low[0], abs=1e-6)
        assert curve.share_high[index] == pytest.approx(shares.high[0], abs=1e-6)
    margin = np.array(PRICES) - 0.5
    assert curve.profit is not None
    np.testing.assert_allclose(curve.profit.mean, 1000 * curve.share * margin, rtol=1e-6)
    np.testing.assert_allclose(curve.profit.low, 1000 * curve.share_low * margin, rtol=1e-5)
    np.testing.assert_allclose(curve.profit.draws, 1000 * curve.share_draws * margin, rtol=1e-6)
    assert curve.sample_size == model.respondents


def test_prices_beyond_the_tested_range_do_not_win(model: MNLResult) -> None:
    curve = price_curve(model, OFFERS, offer="ours", prices=PRICES, unit_cost=0.5, audience=1000)
    assert curve.extrapolated.tolist() == [False] * 5 + [True] * 2
    assert curve.profit is not None
    assert curve.profit.mean.argmax() == 6  # clamped demand, sixty a piece
    assert curve.best_price == PRICES[int(curve.profit.mean[:5].argmax())]
    assert curve.profit.chance_best[5:].tolist() == [0, 0]
    assert curve.profit.chance_best.sum() == pytest.approx(1)
    assert curve.others_extrapolated == {}


def test_shares_need_no_cost(model: MNLResult) -> None:
    curve = price_curve(model, OFFERS, offer="ours", prices=PRICES)
    paid = price_curve(model, OFFERS, offer="ours", prices=PRICES, unit_cost=0.5)
    np.testing.assert_array_equal(curve.share_draws, paid.share_draws)
    assert curve.profit is None
    with pytest.raises(DataError, match="give price_curve the unit_cost"):
        _ = curve.best_price
    assert paid.profit is not None
    np.testing.assert_allclose(paid.profit.mean, paid.share * (np.array(PRICES) - 0.5), rtol=1e-6)
    assert "profit" not in str(curve)
    line = repr(paid).splitlines()[2].split()
    told = [PRICES[0], 100 * paid.share[0], 100 * paid.share_low[0], 100 * paid.share_high[0], paid.profit.mean[0]]
    assert [float(cell) for cell in line[:5]] == pytest.approx(told, rel=2e-3)


def test_an_audience_without_a_cost_is_not_ignored(model: MNLResult) -> None:
    with pytest.raises(DataError, match="says nothing without unit_cost"):
        price_curve(model, OFFERS, offer="ours", prices=PRICES, audience=1000)


def test_demand_falls_with_price(model: MNLResult) -> None:
    curve = price_curve(model, OFFERS, offer="ours", prices=PRICES[:5], unit_cost=0, audience=1)
    assert (np.diff(curve.share) < 0).all()


def test_clamped_rivals_and_own_attributes_are_flagged(model: MNLResult) -> None:
    offers = {"ours": {**OFFERS["ours"], "size": 99}, "theirs": {**OFFERS["theirs"], "price": 99}}
    curve = price_curve(model, offers, offer="ours", prices=[1, 2], unit_cost=0, audience=1)
    assert curve.others_extrapolated == {"ours": ("size",), "theirs": ("price",)}
    assert not curve.extrapolated.any()


def test_draws_can_be_given(model: MNLResult) -> None:
    draws = draw_utilities(model, draws=60, rng=9)
    curve = price_curve(draws, OFFERS, offer="ours", prices=[1, 2], unit_cost=0, audience=1, level=0.9)
    assert curve.share_draws.shape == (60, 2)
    assert curve.level == 0.9


def test_price_by_levels(data: ChoiceData) -> None:
    result = fit_mnl(data, coding={"price": "levels"})
    curve = price_curve(result, OFFERS, offer="ours", prices=[1, 2, 3], unit_cost=0, audience=1)
    assert not curve.extrapolated.any()
    with pytest.raises(DataError, match=r"unknown level '2\.5'"):
        price_curve(result, OFFERS, offer="ours", prices=[1, 2.5], unit_cost=0, audience=1)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"offer": "our"}, "did you mean 'ours'?"),
        ({"price": "prise"}, "did you mean 'price'?"),
        ({"prices": []}, "ascending"),
        ({"prices": [2, 1]}, "ascending"),
        ({"prices": [1, float("nan")]}, "not finite"),
        ({"prices": [50, 60]}, "beyond the tested range"),
        ({"audience": 0}, "an audience above 0"),
        ({"unit_cost": float("inf")}, "finite numbers"),
        ({"offers": {"ours": {"brand": "bolt"}}}, "'size'"),
    ],
)
def test_bad_input(model: MNLResult, changes: dict[str, object], part: str) -> None:
    options = {"offers": OFFERS, "offer": "ours", "prices": [1, 2], "unit_cost": 1, "audience": 10, **changes}
    with pytest.raises(DataError) as caught:
        price_curve(model, options.pop("offers"), **options)  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_an_offer_alone_has_no_curve(data: ChoiceData) -> None:
    with pytest.raises(DataError, match="stands alone"):
        price_curve(fit_mnl(data), {"ours": OFFERS["ours"]}, offer="ours", prices=[1, 2], unit_cost=1, audience=10)


def test_the_circumstances_of_the_market_enter(model: MNLResult) -> None:
    market = Market(model, availability={"theirs": 0.4, "ours": 0.7}, adjustments=Adjustments({"ours": 0.5}, scale=1.2))
    curve = price_curve(market, OFFERS, offer="ours", prices=PRICES, unit_cost=0, audience=1)
    for index, price in enumerate(PRICES):
        shares = simulate(market, {**OFFERS, "ours": {**OFFERS["ours"], "price": price}})
        np.testing.assert_allclose(curve.share_draws[:, index], shares.share_draws[:, 0], atol=1e-6)


def test_who_meets_no_rival_takes_the_offer(data: ChoiceData) -> None:
    market = Market(fit_mnl(data), availability={"theirs": 0.0})
    curve = price_curve(market, OFFERS, offer="ours", prices=[1, 2], unit_cost=0, audience=1)
    assert curve.share.tolist() == [1, 1]
