"""Elasticities: derivatives of simulated shares, the logit's formula, and prices that have no slope."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Adjustments, Market, MarketSource, UtilityDraws, elasticities
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.terms import LevelsTerm, PiecewiseTerm
from marketfit.demand.market.scene import draw_demand, scene_of
from marketfit.demand.market.shares import weights_of
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}


def exact_shares(source: MarketSource, offers: Offers) -> FloatArray:
    """(draws, offers) in double precision, set by set."""
    scene, drawn = scene_of(source, offers), draw_demand(source)
    utilities = np.exp(drawn.values @ scene.designs.T + scene.constants)
    sets = [(1.0, np.ones(len(scene.names)))]
    if scene.sets is not None:
        sets = [(c, m.astype(float)) for c, m in zip(scene.sets.chance, scene.sets.members, strict=True)]
    shares = sum(c * utilities * m / (utilities * m).sum(axis=2, keepdims=True) for c, m in sets)
    return np.asarray((shares * weights_of(drawn)[..., None]).sum(axis=1))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    people=st.integers(1, 5),
    price=st.floats(1.01, 4.99),
    bent=st.booleans(),
    met=st.sampled_from([None, 0.6]),
)
def test_against_differences_of_shares(
    tastes: Tastes, seed: int, people: int, price: float, bent: bool, met: float | None
) -> None:
    if bent and abs(price - 2.5) < 0.001:
        return
    term = PiecewiseTerm("price", (1.0, 2.5, 5.0)) if bent else None
    drawn = tastes(seed, draws=4, people=people, weighted=True, price=term)
    source = Market(drawn, {} if met is None else {"ours": met, "theirs": 0.8}, Adjustments({"other": 0.4}, scale=0.8))
    found = elasticities(source, OFFERS, offer="ours", at=price)
    step = 1e-5
    up, down = (exact_shares(source, {**OFFERS, "ours": {**OFFERS["ours"], "price": price + d}}) for d in (step, -step))
    expected = price * (up - down) / (2 * step) / ((up + down) / 2)
    np.testing.assert_allclose(found.elasticity_draws, expected, rtol=1e-4, atol=1e-6)
    # Shares sum to 1, so that what one loses the others win.
    shares = exact_shares(source, {**OFFERS, "ours": {**OFFERS["ours"], "price": price}})
    np.testing.assert_allclose((shares * found.elasticity_draws).sum(axis=1), 0, atol=1e-9)


def test_the_formula_of_the_logit(tastes: Tastes) -> None:
    drawn = tastes(1, draws=300, people=1)
    found = elasticities(drawn, OFFERS, offer="theirs")
    shares, slope = exact_shares(drawn, OFFERS), drawn.values[:, 0, 0]
    np.testing.assert_allclose(found.elasticity_draws[:, 1], 2 * slope * (1 - shares[:, 1]), rtol=1e-9)
    for cross in (0, 2, 3):  # the same for all others
        np.testing.assert_allclose(found.elasticity_draws[:, cross], -2 * slope * shares[:, 1], rtol=1e-9)
    assert found.price == 2
    assert (found.low < found.elasticity).all()
    assert found.mean["theirs"] < 0 < found.mean["ours"]
    assert found.sample_size == 100


def test_a_knot_has_the_mean_of_both_slopes(tastes: Tastes) -> None:
    drawn = tastes(2, draws=3, price=PiecewiseTerm("price", (1.0, 3.0, 5.0)))
    at, below, above = (
        elasticities(drawn, OFFERS, offer="ours", at=p).elasticity_draws for p in (3.0, 3 - 1e-9, 3 + 1e-9)
    )
    np.testing.assert_allclose(at, (below + above) / 2, rtol=1e-6)
    for end in (1.0, 5.0):
        assert (elasticities(drawn, OFFERS, offer="ours", at=end).elasticity_draws[:, 0] < 0).all()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"offer": "our"}, "did you mean 'ours'?"),
        ({"offer": "ours", "price": "prise"}, "did you mean 'price'?"),
        ({"offer": "ours", "at": 9.0}, "9 was not tested"),
    ],
)
def test_bad_input(tastes: Tastes, options: dict[str, str | float], part: str) -> None:
    with pytest.raises(DataError) as caught:
        elasticities(tastes(0), OFFERS, **options)  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_price_by_levels_has_no_slope(tastes: Tastes) -> None:
    drawn = tastes(0, price=LevelsTerm("price", ("2", "3", "4"), "2"))
    with pytest.raises(DataError, match="'piecewise': the same fit"):
        elasticities(drawn, OFFERS, offer="ours")


@pytest.mark.parametrize("kind", [np.int64, np.float32, Decimal])
def test_prices_of_any_kind_of_number(tastes: Tastes, kind: Callable[[int], float]) -> None:
    """As tables of pandas, polars and Arrow give them."""
    drawn = tastes(0, draws=4, people=3)
    given: Offers = {name: {**offer, "price": kind(int(offer["price"]))} for name, offer in OFFERS.items()}
    plain, other = (elasticities(drawn, offers, offer="ours").elasticity_draws for offers in (OFFERS, given))
    np.testing.assert_allclose(plain, other)
    assert np.isfinite(plain).all()
