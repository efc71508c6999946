"""Price after reaction: rivals' answers are Nash among them with ours fixed, and profits are those of simulations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from marketfit.demand import Coding, PriceGame, UtilityDraws, equilibrium, price_after_reaction, price_curve, simulate
from marketfit.demand.coding.terms import LinearTerm
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "ours too": {"price": 2, "quality": 0.4, "brand": "bolt"},
    "theirs": {"price": 4.5, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}
COSTS = {"ours": 1.2, "ours too": 0.8, "theirs": 0.5, "other": 1.0}
GAME = PriceGame({"ours": "we", "ours too": "we", "theirs": "they", "other": "others"}, COSTS, audience=1000)
PRICES = [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]


def profit(drawn: UtilityDraws, prices: dict[str, float]) -> float:
    shares = simulate(drawn, {name: {**OFFERS[name], "price": prices[name]} for name in OFFERS}).mean
    return 1000 * sum(shares[name] * (prices[name] - COSTS[name]) for name in ("ours", "ours too"))


def test_before_and_after_are_simulations(tastes: Tastes) -> None:
    drawn = tastes(1, draws=60, people=5, weighted=True)
    found = price_after_reaction(drawn, OFFERS, offer="ours", prices=PRICES, game=GAME, worlds=60)
    given = {name: float(offer["price"]) for name, offer in OFFERS.items()}
    assert set(found.rival_prices) == {"theirs", "other"}
    for point, price in enumerate(PRICES):
        assert found.before[point] == pytest.approx(profit(drawn, {**given, "ours": price}), abs=1e-2)
        answer = {name: float(prices[point]) for name, prices in found.rival_prices.items()}
        assert found.after[point] == pytest.approx(profit(drawn, {**given, **answer, "ours": price}), abs=1e-2)
    assert found.converged.all()
    assert found.worlds == 60
    assert (found.before_low < found.before).all()
    assert (found.after < found.after_high).all()
    assert found.chance_best.sum() == pytest.approx(1)
    assert found.regret.value == pytest.approx(found.after.max() - found.after[found.before.argmax()])
    assert found.survives == (found.best_before == found.best_after)


def test_rivals_answer_best_with_ours_fixed(tastes: Tastes) -> None:
    drawn = tastes(2, draws=30, people=5)
    found = price_after_reaction(drawn, OFFERS, offer="ours", prices=[2.0, 4.0], game=GAME, worlds=1)
    for point, price in enumerate((2.0, 4.0)):
        answer = {name: float(prices[point]) for name, prices in found.rival_prices.items()}
        offers: Offers = {name: {**item, "price": answer.get(name, item["price"])} for name, item in OFFERS.items()}
        offers["ours"]["price"] = price
        for rival, chosen in answer.items():
            grid = np.linspace(1, 5, 201).tolist()
            curve = price_curve(drawn, offers, offer=rival, prices=grid, unit_cost=COSTS[rival], audience=1)
            now = simulate(drawn, offers).mean[rival] * (chosen - COSTS[rival])
            assert curve.profit is not None
            assert curve.profit.mean.max() <= now + 1e-5


def test_at_equilibrium_rivals_have_no_answer(tastes: Tastes) -> None:
    drawn = tastes(3, draws=30, people=5)
    nash = equilibrium(drawn, OFFERS, game=GAME, worlds=1)
    settled: Offers = {name: {**offer, "price": nash.prices[name].value} for name, offer in OFFERS.items()}
    price = nash.prices["ours"].value
    found = price_after_reaction(drawn, settled, offer="ours", prices=[price], game=GAME, worlds=1)
    assert found.after[0] == pytest.approx(found.before[0], rel=1e-6)
    for name, answers in found.rival_prices.items():
        assert answers[0] == pytest.approx(nash.prices[name].value, abs=1e-4)


def test_a_price_that_looks_best_need_not_survive() -> None:
    """Logit duopoly: against a dear rival a high price looks best; the rival then undercuts."""
    coding = Coding((LinearTerm("price", 0, 10), LinearTerm("quality", 0, 5)), (), None, "none", "alternative")
    drawn = UtilityDraws(np.array([[-1.0, 1.0, -4.0]]), coding, 9)
    offers: Offers = {"ours": {"price": 5, "quality": 2}, "theirs": {"price": 8, "quality": 2}}
    game = PriceGame({"ours": "we", "theirs": "they"}, {"ours": 0, "theirs": 0})
    prices = [2.0, 3.0, 4.0, 5.0, 6.0]
    found = price_after_reaction(drawn, offers, offer="ours", prices=prices, game=game, worlds=1)

    def answer(ours: float) -> float:
        """Their first-order condition p = 1 / (1 − s)."""

        def gap(p: float) -> float:
            odds = np.exp(2 - np.array([ours, p]))
            return float(p - 1 / (1 - odds[1] / (odds.sum() + np.exp(-4))))

        return float(optimize.brentq(gap, 0.5, 10))

    np.testing.assert_allclose(found.rival_prices["theirs"], [answer(price) for price in prices], atol=1e-5)
    assert found.best_before > found.best_after
    assert not found.survives
    assert found.regret.value > 0
    assert np.isnan(found.regret.low)  # one draw has no interval


def test_bounds_and_unsettled_reactions_are_told(tastes: Tastes) -> None:
    drawn = tastes(4, draws=5)
    game = replace(GAME, bounds=(4.4, 5.0))
    found = price_after_reaction(drawn, OFFERS, offer="ours", prices=[3.0], game=game, worlds=1)
    assert found.at_bound == ({"theirs": "low", "other": "low"},)


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    with pytest.raises(DataError) as caught:
        price_after_reaction(tastes(0), OFFERS, offer="our", prices=[2, 9], game=GAME, worlds=0)
    for part in ("did you mean 'ours'?", "9 was not tested", "at least 1"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="ascending numbers"):
        price_after_reaction(tastes(0), OFFERS, offer="ours", prices=[3, 2], game=GAME)
    alone = PriceGame({"ours": "we"}, COSTS)
    with pytest.raises(DataError, match="name no rival"):
        price_after_reaction(tastes(0), OFFERS, offer="ours", prices=[3], game=alone)
    with pytest.raises(DataError, match="has no owner"):
        price_after_reaction(tastes(0), OFFERS, offer="theirs", prices=[3], game=alone)
