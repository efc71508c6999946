"""Competitive willingness to pay: the ratio of coefficients where all are alike, back to base where not, and bounds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Adjustments, Market, UtilityDraws, competitive_value, simulate
from marketfit.demand.coding.terms import LevelsTerm, PiecewiseTerm
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.4, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), quality=st.floats(0, 1))
def test_where_all_are_alike_it_is_the_ratio(tastes: Tastes, seed: int, quality: float) -> None:
    drawn = tastes(seed, draws=100, people=1, spread=0.3)
    found = competitive_value(drawn, OFFERS, offer="ours", change={"quality": quality})
    expected = -(quality - 0.4) * drawn.values[:, 0, 1] / drawn.values[:, 0, 0]
    above, below = expected > 2, expected < -2  # prices were tested from 1 to 5
    expected = np.where(above, np.inf, np.where(below, -np.inf, expected))
    np.testing.assert_allclose(found.value_draws, expected, atol=2e-5)
    assert (found.chance_above, found.chance_below) == (above.mean(), below.mean())
    assert (found.lowest, found.highest) == (-2, 2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), quality=st.floats(0, 1), bent=st.booleans())
def test_the_share_is_back_at_base(tastes: Tastes, seed: int, quality: float, bent: bool) -> None:
    term = PiecewiseTerm("price", (1.0, 2.2, 5.0)) if bent else None
    drawn = tastes(seed, draws=60, people=20, weighted=True, price=term)
    market = Market(drawn, {"theirs": 0.7, "ours": 0.9}, Adjustments({"other": 0.5}, scale=0.9))
    found = competitive_value(market, OFFERS, offer="ours", change={"quality": quality, "brand": "bolt"})
    base = simulate(market, OFFERS)
    changed = {**OFFERS["ours"], "quality": quality}
    assert found.base_share.value == pytest.approx(base.mean["ours"], abs=1e-6)
    now = simulate(market, {**OFFERS, "ours": changed}).mean["ours"]
    assert found.changed_share.value == pytest.approx(now, abs=1e-6)
    assert math.copysign(1, found.value.value) == math.copysign(1, quality - 0.4) or abs(found.value.value) < 1e-4
    if math.isfinite(found.value.value):
        back = simulate(market, {**OFFERS, "ours": {**changed, "price": 3 + found.value.value}})
        assert back.mean["ours"] == pytest.approx(base.mean["ours"], abs=1e-4)
    for draw in np.flatnonzero(np.isfinite(found.value_draws))[:3].tolist():
        back = simulate(market, {**OFFERS, "ours": {**changed, "price": 3 + found.value_draws[draw]}})
        assert back.share_draws[draw, 0] == pytest.approx(base.share_draws[draw, 0], abs=1e-4)


def test_who_competes_matters(tastes: Tastes) -> None:
    # Fans of bolt take one of its two offers anyway: a better one of them can ask less when a good twin stands by.
    drawn = tastes(1, draws=50, people=50, spread=2.0)
    with_twin: Offers = {**OFFERS, "twin": {"price": 3, "quality": 0.9, "brand": "bolt"}}
    alone, crowded = (
        competitive_value(drawn, offers, offer="ours", change={"quality": 0.9}).value.value
        for offers in (OFFERS, with_twin)
    )
    assert abs(crowded - alone) > 0.02


def test_unbounded_values_are_flagged(tastes: Tastes) -> None:
    drawn = tastes(2, draws=200, people=1, spread=0.3)
    values = drawn.values.copy()
    values[..., 1] = 20.0  # quality is worth far more than any tested price
    found = competitive_value(UtilityDraws(values, drawn.coding, 9), OFFERS, offer="ours", change={"quality": 1})
    assert found.value.value == math.inf
    assert (found.value.low, found.value.high) == (math.inf, math.inf)
    assert not found.bounded
    assert found.chance_above == 1
    worse = competitive_value(UtilityDraws(values, drawn.coding, 9), OFFERS, offer="ours", change={"quality": 0})
    assert worse.value.value == -math.inf
    # A tenth of the draws: one end of the interval only.
    values[:180, :, 1] = 0.5
    mixed = competitive_value(UtilityDraws(values, drawn.coding, 9), OFFERS, offer="ours", change={"quality": 1})
    assert mixed.value.high == math.inf
    assert math.isfinite(mixed.value.low)
    assert mixed.chance_above == pytest.approx(0.1)


def test_the_nearest_of_several_prices(tastes: Tastes) -> None:
    # Utility falls by 1 a unit to the price of 3, then rises: 4 and half a util more are met again at 2.5 and at 3.5.
    drawn = tastes(5, draws=1, people=1, price=PiecewiseTerm("price", (1.0, 3.0, 5.0)))
    person = UtilityDraws(np.array([[-1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]), drawn.coding, 1)
    offers: Offers = {**OFFERS, "ours": {"price": 4, "quality": 0.4, "brand": "bolt"}}
    found = competitive_value(person, offers, offer="ours", change={"quality": 0.9})
    assert found.value.value == pytest.approx(-0.5, abs=1e-5)


def test_nothing_gained_is_worth_nothing(tastes: Tastes) -> None:
    found = competitive_value(tastes(3, draws=100), OFFERS, offer="ours", change={"quality": 0.4})
    assert found.value.value == pytest.approx(0, abs=1e-6)
    assert found.bounded
    np.testing.assert_allclose(found.value_draws, 0, atol=1e-5)


def test_a_clamped_change_is_flagged(tastes: Tastes) -> None:
    found = competitive_value(tastes(4, draws=39), OFFERS, offer="ours", change={"quality": 7})
    assert found.extrapolated == {"ours, changed": ("quality",)}
    assert math.isnan(found.value.low)  # 39 draws have no 95 % interval


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    offers: Offers = {**OFFERS, "ours": {**OFFERS["ours"], "price": 9}}
    with pytest.raises(DataError) as caught:
        competitive_value(tastes(0), offers, offer="ours", change={"price": 2, "qualty": 1, "brand": "blot"})
    for part in ("9 was not tested", "leave it out", "did you mean 'quality'?", "did you mean 'bolt'?"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="at least one attribute"):
        competitive_value(tastes(0), OFFERS, offer="ours", change={})
    with pytest.raises(DataError, match="no such offer"):
        competitive_value(tastes(0), OFFERS, offer="our", change={"quality": 1})
    with pytest.raises(DataError, match="stands alone"):
        competitive_value(tastes(0, none=False), {"ours": OFFERS["ours"]}, offer="ours", change={"quality": 1})
    levels = tastes(0, price=LevelsTerm("price", ("2", "3", "4"), "2"))
    with pytest.raises(DataError, match="the same fit"):
        competitive_value(levels, OFFERS, offer="ours", change={"quality": 1})
