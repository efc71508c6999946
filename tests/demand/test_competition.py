"""Price competition: known solutions of the logit, no gain by deviation in an independent account, bounds, worlds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from marketfit.demand import (
    Adjustments,
    Coding,
    Market,
    MarketSource,
    PriceGame,
    UtilityDraws,
    equilibrium,
    price_curve,
    simulate,
)
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "ours too": {"price": 2, "quality": 0.4, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}
OWNERS = {"ours": "we", "ours too": "we", "theirs": "they", "other": "others"}
COSTS = {"ours": 1.2, "ours too": 0.8, "theirs": 0.5, "other": 1.0}
GAME = PriceGame(OWNERS, COSTS)
LOGIT = Coding((LinearTerm("price", 0, 20), LinearTerm("quality", 0, 5)), (), None, "none", "alternative")


def logit(*, price: float = -1.0, quality: float = 1.0, none: float = 0.0) -> UtilityDraws:
    """One draw of one person: everybody alike."""
    return UtilityDraws(np.array([[price, quality, none]]), LOGIT, 50)


@pytest.mark.parametrize(("price", "quality", "cost", "none"), [(-1, 1, 1, 0), (-0.5, 3, 2, 1), (-2, 5, 0.3, -3)])
def test_symmetric_duopoly_solves_its_implicit_equation(price: float, quality: float, cost: float, none: float) -> None:
    """p − c = 1 / (|b| (1 − s)), s = e^(q + bp) / (2 e^(q + bp) + e^none) (Anderson, de Palma & Thisse 1992, ch. 7)."""

    def condition(p: float) -> float:
        odds = np.exp(quality + price * p)
        return float(p - cost + 1 / (price * (1 - odds / (2 * odds + np.exp(none)))))

    offers: Offers = {name: {"price": 5, "quality": quality} for name in ("a", "b")}
    game = PriceGame({"a": "A", "b": "B"}, {"a": cost, "b": cost})
    found = equilibrium(logit(price=price, none=none), offers, game=game)
    expected = optimize.brentq(condition, cost, 20)
    assert [found.prices[name].value for name in "ab"] == pytest.approx([expected, expected], abs=1e-6)
    assert found.converged
    assert found.others == ()
    assert found.at_bound == {}
    # One draw has no interval, and says so.
    assert np.isnan(found.prices["a"].low)
    assert (found.worlds, found.sample_size) == (1, 50)


def test_monopoly_has_a_closed_form() -> None:
    """p = c + (1 + W(e^(q − bc − 1 − none))) / b with Lambert's W."""
    offers: Offers = {"a": {"price": 5, "quality": 2.5}}
    found = equilibrium(logit(price=-0.8, none=0.4), offers, game=PriceGame({"a": "A"}, {"a": 1.5}, audience=1000))
    product = special.lambertw(np.exp(2.5 - 0.8 * 1.5 - 1 - 0.4)).real
    assert found.prices["a"].value == pytest.approx(1.5 + (1 + product) / 0.8, abs=1e-6)
    assert found.profits["A"].value == pytest.approx(1000 * product / 0.8, rel=1e-9)


def test_a_firm_has_one_markup_in_a_logit() -> None:
    """Markup 1 / (|b| (1 − the firm's share)) on all its offers."""
    offers: Offers = {name: {"price": 5, "quality": q} for name, q in zip("abcd", (1, 2, 3, 4), strict=True)}
    costs = {"a": 0.2, "b": 0.5, "c": 1.0, "d": 1.5}
    found = equilibrium(logit(), offers, game=PriceGame({"a": "A", "b": "A", "c": "B"}, costs))
    assert found.converged
    shares = {name: share.value for name, share in found.shares.items()}
    for firm in (("a", "b"), ("c",)):
        markup = 1 / (1 - sum(shares[name] for name in firm))
        assert [found.prices[name].value - costs[name] for name in firm] == pytest.approx(
            [markup] * len(firm), abs=1e-5
        )
    assert found.prices["d"].value == 5  # nobody sets it
    assert np.isnan(found.prices["d"].low)


def profit(source: MarketSource, offers: Offers, firm: str) -> float:
    """An independent account: simulated shares times margins."""
    shares = simulate(source, offers).mean
    return sum(shares[name] * (float(offers[name]["price"]) - COSTS[name]) for name in OWNERS if OWNERS[name] == firm)


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.floats(0.0, 2.0),
    bent=st.booleans(),
    met=st.sampled_from([None, 0.5]),
)
def test_nobody_gains_by_another_price(tastes: Tastes, seed: int, spread: float, bent: bool, met: float | None) -> None:
    term = PiecewiseTerm("price", (1.0, 2.0, 3.5, 5.0)) if bent else None
    drawn = tastes(seed, draws=10, people=5, spread=spread, weighted=True, price=term)
    source = Market(drawn, {} if met is None else {"theirs": met, "ours": 0.8}, Adjustments({"other": 0.5}, scale=1.2))
    found = equilibrium(source, OFFERS, game=GAME, worlds=2)
    assert found.converged
    settled: Offers = {name: {**offer, "price": found.prices[name].value} for name, offer in OFFERS.items()}
    shares = simulate(source, settled).mean
    for name, share in found.shares.items():
        assert share.value == pytest.approx(shares[name], abs=1e-5)
    rng = np.random.default_rng(0)
    for firm in ("we", "they", "others"):
        now = profit(source, settled, firm)
        assert found.profits[firm].value == pytest.approx(now, abs=1e-5)
        own = [name for name in OWNERS if OWNERS[name] == firm]
        tried = [dict.fromkeys(own, price) for price in np.linspace(1, 5, 41).tolist()]
        tried += [dict(zip(own, rng.uniform(1, 5, len(own)).tolist(), strict=True)) for _ in range(20)]
        for prices in tried:
            moved = {**settled, **{name: {**OFFERS[name], "price": prices[name]} for name in own}}
            assert profit(source, moved, firm) <= now + 1e-5


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_first_order_conditions(tastes: Tastes, seed: int) -> None:
    drawn = tastes(seed, draws=8, people=6, weighted=True)
    found = equilibrium(drawn, OFFERS, game=GAME, worlds=1)
    prices = {name: price.value for name, price in found.prices.items()}
    designs = np.concatenate([*(drawn.coding.code(OFFERS[name]).matrix for name in OFFERS), drawn.coding.code_none()])
    weights = drawn.weights

    def earned(name: str, price: float) -> float:
        assert weights is not None
        matrix = designs.copy()
        matrix[:4, 0] = [price if other == name else prices[other] for other in OFFERS]
        shares = (special.softmax(drawn.values @ matrix.T, axis=2) * weights[..., None]).sum(axis=1).mean(axis=0)
        margins = {other: (price if other == name else prices[other]) - COSTS[other] for other in OFFERS}
        return sum(float(shares[k]) * margins[other] for k, other in enumerate(OFFERS) if OWNERS[other] == OWNERS[name])

    for name, price in prices.items():
        slope = (earned(name, price + 1e-4) - earned(name, price - 1e-4)) / 2e-4
        if name in found.at_bound:
            assert slope > -1e-5 if found.at_bound[name] == "high" else slope < 1e-5
        else:
            assert abs(slope) < 1e-5


def test_prices_stop_where_people_were_not_asked() -> None:
    offers: Offers = {"a": {"price": 5, "quality": 5}, "b": {"price": 5, "quality": 0}}
    owners, costs = {"a": "A", "b": "B"}, {"a": 0.0, "b": 0.0}
    found = equilibrium(logit(price=-0.1), offers, game=PriceGame(owners, costs))
    assert found.at_bound["a"] == "high"
    assert found.prices["a"].value == 20
    bounded = equilibrium(logit(), offers, game=PriceGame(owners, costs, bounds=(2.5, 99)))
    assert bounded.at_bound == {"b": "low"}
    assert bounded.prices["b"].value == 2.5


def test_intervals_are_over_possible_markets() -> None:
    rng = np.random.default_rng(0)
    slopes = -np.exp(rng.normal(0, 0.2, 400))
    drawn = UtilityDraws(np.stack([slopes, np.ones(400), np.zeros(400)], axis=1), LOGIT, 50)
    offers: Offers = {"a": {"price": 5, "quality": 2.0}}
    found = equilibrium(drawn, offers, game=PriceGame({"a": "A"}, {"a": 1.0}), worlds=400, level=0.9)
    each = 1 + (1 + special.lambertw(np.exp(2 + slopes - 1)).real) / -slopes
    low, high = np.quantile(each, (0.05, 0.95))
    assert (found.prices["a"].low, found.prices["a"].high) == pytest.approx((low, high), rel=1e-5)
    assert found.prices["a"].low < found.prices["a"].value < found.prices["a"].high
    assert found.worlds == 400
    assert found.unsettled == 0
    few = equilibrium(drawn, offers, game=PriceGame({"a": "A"}, {"a": 1.0}), worlds=20)
    assert few.worlds == 20
    assert np.isnan(few.prices["a"].low)


FANS = Coding(
    (LinearTerm("price", 0.5, 8.0), LevelsTerm("brand", ("a", "b", "c"), "c")), (), None, "none", "alternative"
)
TWO: Offers = {"a": {"price": 3, "brand": "a"}, "b": {"price": 3, "brand": "b"}}


def people_of(rows: list[list[float]], weights: list[float] | None = None) -> UtilityDraws:
    return UtilityDraws(np.array(rows)[None], FANS, 3, None if weights is None else np.array(weights))


def test_two_equilibria_are_both_told() -> None:
    """Both sell dear to the rich, or both sell cheap to the rest: neither leaves either state alone."""
    kinds = [(-5.52, 2.96, 2.67), (-2.41, 4.51, -0.35), (-0.34, 1.3, 0.11)]
    drawn = people_of([[price, *pair, 0.0] for price, x, y in kinds for pair in ((x, y), (y, x))])
    found = equilibrium(drawn, TWO, game=PriceGame({"a": "A", "b": "B"}, {"a": 0.5, "b": 0.5}), worlds=1)
    assert found.converged
    assert len(found.others) == 1
    states = [{name: price.value for name, price in found.prices.items()}, dict(found.others[0])]
    assert min(state["a"] for state in states) < 2.1
    assert max(state["a"] for state in states) > 4.5
    for state in states:
        offers: Offers = {name: {**TWO[name], "price": state[name]} for name in TWO}
        grid = np.linspace(0.5, 8, 301)
        curve = price_curve(drawn, offers, offer="a", prices=grid.tolist(), unit_cost=0.5, audience=1)
        assert curve.profit is not None
        assert curve.profit.mean.max() <= simulate(drawn, offers).mean["a"] * (state["a"] - 0.5) + 1e-6


def test_where_there_is_no_equilibrium_it_says_so() -> None:
    """Firms undercut each other for those who compare prices until milking their own fans is worth more, and so on."""
    drawn = people_of([[-0.5, 8, 0, 2], [-0.5, 0, 8, 2], [-9, 0, 0, -40]], [0.32, 0.32, 0.36])
    game = PriceGame({"a": "A", "b": "B"}, {"a": 0.4, "b": 0.4}, bounds=(0.5, 6.0))
    found = equilibrium(drawn, TWO, game=game, worlds=1)
    assert not found.converged
    assert found.largest_gain > 0.05
    assert (found.worlds, found.unsettled) == (0, 1)


def test_a_firm_moves_its_prices_together() -> None:
    """Twins at a low price: a dearer one would lose its buyers to its sister, both dearer earn more from the rich."""
    drawn = people_of([[-4, 6, 6, 0], [-1.2, 6, 6, 0]], [0.65, 0.35])
    offers: Offers = {name: {**TWO[name], "price": 1.5} for name in TWO}
    found = equilibrium(drawn, offers, game=PriceGame({"a": "A", "b": "A"}, {"a": 0.4, "b": 0.4}), worlds=1)
    grid = np.stack(np.meshgrid(*[np.linspace(0.5, 8, 121)] * 2), axis=-1).reshape(-1, 2)
    best = np.zeros(len(grid))
    for price, worth, weight in ((-4, 6, 0.65), (-1.2, 6, 0.35)):
        powers = np.exp(worth + price * grid)
        best += weight * ((grid - 0.4) * powers).sum(axis=1) / (1 + powers.sum(axis=1))
    assert found.converged
    assert found.profits["A"].value >= np.max(best) - 1e-9


def test_many_people_are_sampled(tastes: Tastes, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tastes(1, draws=30, people=20, weighted=True)
    market = Market(drawn, availability={"theirs": 0.5, "ours": 0.7})
    exact = equilibrium(market, OFFERS, game=GAME, worlds=1)
    monkeypatch.setattr("marketfit.demand.market.competition.MOST_PEOPLE", 400)
    sampled = equilibrium(market, OFFERS, game=GAME, worlds=1)
    for name in OFFERS:
        assert sampled.prices[name].value == pytest.approx(exact.prices[name].value, abs=0.1)
        assert sampled.prices[name].value != exact.prices[name].value


def test_same_seed_same_prices(tastes: Tastes) -> None:
    told: list[float] = []
    one = equilibrium(tastes(2), OFFERS, game=GAME, worlds=3, rng=5, progress=told.append)
    two = equilibrium(tastes(2), OFFERS, game=GAME, worlds=3, rng=5)
    assert repr(one.prices) == repr(two.prices)
    assert told == sorted(told)
    assert told[-1] == 1


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    game = PriceGame({"our": "we", "theirs": "they"}, {"othr": 1, "theirs": float("nan")}, bounds=(9, 12), audience=0)
    with pytest.raises(DataError) as caught:
        equilibrium(tastes(0), OFFERS, game=game, worlds=0)
    text = str(caught.value)
    parts = ("did you mean 'ours'?", "did you mean 'other'?", "unit_costs: 'our': is missing", "is nan", "at least 1")
    for part in (*parts, "9 to 12 were not tested", "audience: is 0"):
        assert part in text
    with pytest.raises(DataError, match="the same fit"):
        equilibrium(tastes(0, price=LevelsTerm("price", ("2", "3", "4"), "2")), OFFERS, game=GAME)
    with pytest.raises(DataError, match="lowest, then highest"):
        equilibrium(tastes(0), OFFERS, game=replace(GAME, bounds=(3, 2)))
    with pytest.raises(DataError, match="say who sets prices"):
        equilibrium(tastes(0), OFFERS, game=PriceGame({}, {}))
