"""Prices that are crossed with other things or split by alternatives: what is said of them agrees with `simulate`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import (
    ChoiceData,
    Coding,
    Market,
    PriceGame,
    RandomisedFirstChoice,
    UtilityDraws,
    competitive_value,
    elasticities,
    equilibrium,
    fit_randomised,
    for_people,
    importance,
    price_after_reaction,
    price_curve,
    simulate,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.columns import Split
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.errors import DataError

Offers = dict[str, dict[str, float | str]]

NAMES = ("train", "bus", "car")
LINEAR = LinearTerm("price", 1.0, 5.0)
BENT = PiecewiseTerm("price", (1.0, 2.0, 3.5, 5.0))
REST = (LinearTerm("quality", 0.0, 1.0), LevelsTerm("brand", ("ajax", "bolt", "crow"), "ajax"))
ALL = Coding((LINEAR, *REST), (), None, "none", "alternative")
MODES = replace(ALL, constants=("train", "bus"), base="car", alternatives=NAMES)

CODINGS = {
    "linear": ALL,
    "piecewise": replace(ALL, terms=(BENT, *REST)),
    "price × brand": replace(ALL, interactions=(("price", "brand"),)),
    "pieces × brand": replace(ALL, terms=(BENT, *REST), interactions=(("price", "brand"), ("brand", "quality"))),
    "price × one brand × quality": replace(ALL, interactions=(("price", "brand_bolt", "quality"),)),
    "price × income": replace(ALL, covariates=(LinearTerm("income", 0.0, 2.0),), interactions=(("price", "income"),)),
    "by alternative": replace(MODES, splits=(Split("price", NAMES),)),
    "pieces by alternative": replace(MODES, terms=(BENT, *REST), splits=(Split("price", NAMES),)),
    "by two of three": replace(MODES, splits=(Split("price", ("bus", "car")), Split("quality", ("train",)))),
    "by alternative × quality": replace(MODES, splits=(Split("price", NAMES),), interactions=(("price", "quality"),)),
    "price × constants": replace(MODES, interactions=(("price", "asc"),)),
    "price squared": replace(ALL, interactions=(("price", "price"),)),
    "pieces squared": replace(ALL, terms=(BENT, *REST), interactions=(("price", "price"),)),
}
GAME = PriceGame({"train": "rail", "bus": "coach", "car": "cab"}, {"train": 1.2, "bus": 0.6, "car": 0.9})


def offers_of(coding: Coding) -> Offers:
    """Three offers; where the model asks for it, each is an alternative of its own."""
    offers: Offers = {
        "train": {"price": 3.0, "quality": 0.9, "brand": "bolt"},
        "bus": {"price": 2.2, "quality": 0.2, "brand": "ajax"},
        "car": {"price": 4.0, "quality": 0.5, "brand": "crow"},
    }
    asked = bool(coding.alternatives)
    return {name: {**offer, **({"alternative": name} if asked else {})} for name, offer in offers.items()}


def tastes_of(coding: Coding, seed: int, *, draws: int = 6, people: int = 4) -> UtilityDraws:
    """Tastes for which price is a disadvantage, differently so by whatever it is crossed with."""
    rng = np.random.default_rng(seed)
    own = coding.columns_of("price")
    means = {**dict.fromkeys(own, -0.9), "quality": 1.5, "brand_bolt": 0.7, "brand_crow": -0.4, "none": -2.5}
    values = np.array([means.get(name, 0.0) for name in coding.columns]) + np.zeros((draws, people, 1))
    crossed = np.array(["price" in name and name not in own for name in coding.columns])
    values += np.where(crossed, 0.12, 0.3) * rng.normal(size=(1, 1, crossed.size))
    values += np.where(crossed, 0.02, 0.1) * rng.normal(size=values.shape)
    drawn = UtilityDraws(values, coding, 100, rng.uniform(0.1, 3.0, (draws, people)))
    return for_people(drawn, {"income": 1.3}) if coding.covariates else drawn


def at_price(offers: Offers, name: str, price: float) -> Offers:
    return {**offers, name: {**offers[name], "price": price}}


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    price=st.floats(1.05, 4.95),
    name=st.sampled_from(NAMES),
    met=st.sampled_from([None, 0.6]),
)
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_elasticities_are_derivatives_of_simulated_shares(
    coding: Coding, seed: int, price: float, name: str, met: float | None
) -> None:
    step = 0.01
    if any(abs(price - knot) <= step for knot in BENT.knots):
        price += 3 * step
    source = Market(tastes_of(coding, seed), {} if met is None else {"bus": met})
    offers = offers_of(source.coding)
    found = elasticities(source, offers, offer=name, at=price).elasticity_draws
    up, down = (simulate(source, at_price(offers, name, price + d)).share_draws.astype(float) for d in (step, -step))
    expected = price * (up - down) / (2 * step) / ((up + down) / 2)
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-3)


def profits(source: UtilityDraws, offers: Offers) -> FloatArray:
    """(offers,) an independent account of what each earns: simulated shares times margins."""
    shares = simulate(source, offers).mean
    costs = GAME.unit_costs
    return np.array([shares[name] * (float(offers[name]["price"]) - costs[name]) for name in NAMES])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_nobody_gains_by_moving_alone_from_the_equilibrium(coding: Coding, seed: int) -> None:
    source = tastes_of(coding, seed)
    offers = offers_of(source.coding)
    found = equilibrium(source, offers, game=GAME, worlds=2)
    assert found.converged
    settled = {name: {**offer, "price": found.prices[name].value} for name, offer in offers.items()}
    assert {name: share.value for name, share in found.shares.items()} == pytest.approx(
        simulate(source, settled).mean, abs=1e-5
    )
    now = profits(source, settled)
    assert [found.profits[firm].value for firm in ("rail", "coach", "cab")] == pytest.approx(now.tolist(), abs=1e-5)
    for place, name in enumerate(NAMES):
        moved = [profits(source, at_price(settled, name, point))[place] for point in np.linspace(1, 5, 33)]
        assert max(moved) <= now[place] + 1e-5


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_profits_before_an_answer_are_simulated_ones(coding: Coding) -> None:
    source = tastes_of(coding, 3)
    offers = offers_of(source.coding)
    found = price_after_reaction(source, offers, offer="train", prices=[1.5, 3.0, 4.2], game=GAME, worlds=2)
    expected = [profits(source, at_price(offers, "train", point))[0] for point in (1.5, 3.0, 4.2)]
    np.testing.assert_allclose(found.before, expected, atol=1e-5)
    for place, point in enumerate((1.5, 3.0, 4.2)):
        answered = at_price(offers, "train", point)
        for name, prices in found.rival_prices.items():
            answered = at_price(answered, name, float(prices[place]))
        assert found.after[place] == pytest.approx(profits(source, answered)[0], abs=1e-5)


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_the_competitive_value_brings_the_share_back(coding: Coding) -> None:
    source = tastes_of(coding, 5)
    offers = offers_of(source.coding)
    value = competitive_value(source, offers, offer="bus", change={"quality": 0.6}).value.value
    changed = {**offers, "bus": {**offers["bus"], "quality": 0.6, "price": 2.2 + value}}
    assert simulate(source, changed).mean["bus"] == pytest.approx(simulate(source, offers).mean["bus"], abs=1e-4)


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_rows_along_prices_are_those_of_each_price(coding: Coding) -> None:
    coding = tastes_of(coding, 0).coding
    offer, points = offers_of(coding)["bus"], np.array([0.5, 1.0, 2.7, 5.0, 8.0])
    rows = coding.along(offer, {"price": points, "quality": points / 9})
    each = [coding.code({**offer, "price": point, "quality": point / 9}).matrix for point in points.tolist()]
    np.testing.assert_array_equal(rows.matrix, np.concatenate(each))
    assert rows.extrapolated == ("price",)


def test_levels_are_no_numbers() -> None:
    with pytest.raises(DataError, match="'linear' or 'piecewise'"):
        ALL.along(offers_of(ALL)["bus"], {"brand": np.array([1.0])})


def test_an_alternative_whose_price_plays_no_part_has_no_elasticity() -> None:
    source = tastes_of(CODINGS["by two of three"], 0)
    offers = offers_of(source.coding)
    np.testing.assert_array_equal(elasticities(source, offers, offer="train").elasticity, 0.0)
    # It would take the highest price that was tested, and says that this is no more than a bound.
    assert equilibrium(source, offers, game=GAME, worlds=1).at_bound["train"] == "high"


@pytest.fixture
def twins() -> tuple[UtilityDraws, UtilityDraws]:
    """The same tastes without splits, and with splits by alternative whose coefficients are all equal."""
    plain = tastes_of(MODES, 7, draws=5, people=3)
    coding = replace(MODES, splits=(Split("price", NAMES), Split("brand", NAMES)))
    places = [MODES.columns.index(name.split(":")[0]) for name in coding.columns]
    return plain, replace(plain, values=plain.values[:, :, places], coding=coding)


def test_a_split_of_equal_coefficients_is_none(twins: tuple[UtilityDraws, UtilityDraws]) -> None:
    one, two = twins
    offers = offers_of(MODES)
    rule = RandomisedFirstChoice(0.7, 0.3, points=64)
    told: list[list[FloatArray]] = []
    for source in (one, two):
        settled = equilibrium(source, offers, game=GAME, worlds=1)
        told.append(
            [
                elasticities(source, offers, offer="bus").elasticity,
                np.array([price.value for price in settled.prices.values()]),
                price_after_reaction(source, offers, offer="bus", prices=[2.0, 3.0], game=GAME, worlds=1).after,
                price_curve(source, offers, offer="bus", prices=[2.0, 3.0], unit_cost=0.6).share,
                simulate(source, offers, rule=rule).share,
                simulate(source, offers, rule="randomised").share,
                importance(source).percent,
            ]
        )
    for plain, split in zip(*told, strict=True):
        np.testing.assert_allclose(split, plain, rtol=1e-5)


def test_a_fit_does_not_see_a_split_of_equal_coefficients(
    twins: tuple[UtilityDraws, UtilityDraws], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketfit.demand.market.randomised_fit.PEOPLE", 32)
    monkeypatch.setattr("marketfit.demand.market.randomised_fit.MOST_TRIALS", 5)
    rng = np.random.default_rng(0)
    columns: dict[str, list[float | str | int]] = {
        "task": [task for task in range(60) for _ in NAMES],
        "alternative": list(NAMES) * 60,
        "won": [int(won == place) for won in rng.integers(0, 3, 60) for place in range(3)],
        "price": rng.uniform(1, 5, 180).tolist(),
        "quality": rng.uniform(0, 1, 180).tolist(),
        "brand": rng.choice(["ajax", "bolt", "crow"], 180).tolist(),
    }
    data = ChoiceData.from_table(
        columns, task="task", alternative="alternative", chosen="won", attributes=["price", "quality", "brand"]
    )
    plain, split = (fit_randomised(source, data) for source in twins)
    assert split.rule.attribute_variance == pytest.approx(plain.rule.attribute_variance)
    assert split.rule.product_variance == pytest.approx(plain.rule.product_variance)
    assert split.gain.value == pytest.approx(plain.gain.value)
