"""Rules of choice: shares sum to 1 and heed weights; twins share; randomised first choice in its limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Coding, Market, RandomisedFirstChoice, Rule, UtilityDraws, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.columns import Split
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.demand.market.rules import LOGIT_VARIANCE, level_matrix
from marketfit.demand.market.scene import scene_of
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}
RULES: list[Rule] = [
    "preference",
    "first-choice",
    "randomised",
    RandomisedFirstChoice(1.0, 0.0, points=64),
    RandomisedFirstChoice(0.2, 1.0, without=("price",), points=64),
]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), draws=st.integers(1, 9), people=st.integers(1, 7), met=st.floats(0, 1))
@pytest.mark.parametrize("rule", RULES)
def test_shares_sum_to_one(tastes: Tastes, rule: Rule, seed: int, draws: int, people: int, met: float) -> None:
    drawn = tastes(seed, draws=draws, people=people, weighted=True)
    for source in (drawn, Market(drawn, availability={"theirs": met, "other": 0.5})):
        shares = simulate(source, OFFERS, rule=rule)
        np.testing.assert_allclose(shares.share_draws.sum(axis=1), 1.0, atol=1e-5)
        assert (shares.share_draws >= 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("rule", ["preference", "first-choice", RandomisedFirstChoice(0.5, 0.5, points=1)])
def test_a_weight_is_worth_copies_of_a_person(tastes: Tastes, rule: Rule, seed: int) -> None:
    # One person counts twice and another not at all. Errors of people differ, so the randomised rule has none here.
    drawn = tastes(seed, draws=5, people=3)
    rule = RandomisedFirstChoice(0.0, 0.5) if isinstance(rule, RandomisedFirstChoice) else rule
    weighted = UtilityDraws(drawn.values, drawn.coding, 100, np.array([2.0, 1.0, 0.0]))
    copied = UtilityDraws(drawn.values[:, [0, 0, 1]], drawn.coding, 100)
    one, two = simulate(weighted, OFFERS, rule=rule), simulate(copied, OFFERS, rule=rule)
    np.testing.assert_allclose(one.share_draws, two.share_draws, atol=1e-6)


def test_randomised_heeds_weights(tastes: Tastes) -> None:
    # All the weight on one person: everybody else might as well be missing.
    drawn = tastes(3, draws=4, people=3)
    rule = RandomisedFirstChoice(0.5, 0.5, points=3000)
    heavy = UtilityDraws(drawn.values, drawn.coding, 100, np.array([0.0, 1.0, 0.0]))
    alone = UtilityDraws(drawn.values[:, 1:2], drawn.coding, 100)
    one, two = simulate(heavy, OFFERS, rule=rule), simulate(alone, OFFERS, rule=rule)
    np.testing.assert_allclose(one.share_draws, two.share_draws, atol=0.02)  # 1,000 points against 3,000
    assert np.abs(one.share_draws - simulate(drawn, OFFERS, rule=rule).share_draws).max() > 0.1


def slow_first_choice(designs: FloatArray, drawn: UtilityDraws) -> FloatArray:
    answer = np.zeros((drawn.values.shape[0], len(designs)))
    for draw, people in enumerate(drawn.values):
        for person in people:
            utility = designs @ person
            best = np.flatnonzero(utility >= utility.max() - 1e-9)
            answer[draw, best] += 1 / best.size / len(people)
    return answer


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_first_choice_against_one_at_a_time(tastes: Tastes, seed: int) -> None:
    drawn = tastes(seed, draws=7, people=5)
    offers = {**OFFERS, "twin": OFFERS["ours"]}
    designs = np.concatenate([drawn.coding.code(offer).matrix for offer in offers.values()])
    expected = slow_first_choice(np.concatenate([designs, drawn.coding.code_none()]), drawn)
    np.testing.assert_allclose(simulate(drawn, offers, rule="first-choice").share_draws, expected, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), copies=st.integers(2, 5))
@pytest.mark.parametrize("rule", ["first-choice", RandomisedFirstChoice(0.7, 0.0, points=100)])
def test_duplicates_share_what_one_would_have(tastes: Tastes, rule: Rule, seed: int, copies: int) -> None:
    drawn = tastes(seed, draws=8, people=4, weighted=True)
    alone = simulate(drawn, OFFERS, rule=rule)
    twins: Offers = {f"copy {k}": OFFERS["ours"] for k in range(copies)}
    split = simulate(drawn, {**twins, "theirs": OFFERS["theirs"], "other": OFFERS["other"]}, rule=rule)
    np.testing.assert_allclose(split.share_draws[:, :copies].sum(axis=1), alone.share_draws[:, 0], atol=1e-6)
    np.testing.assert_allclose(
        split.share_draws[:, :copies], alone.share_draws[:, :1] / copies + np.zeros(copies), atol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_preference_is_independent_of_irrelevant_alternatives(tastes: Tastes, seed: int) -> None:
    drawn = tastes(seed, draws=8, people=1)  # within a person
    few = simulate(drawn, {name: OFFERS[name] for name in ("ours", "theirs")}).share_draws
    many = simulate(drawn, {**OFFERS, "twin": OFFERS["ours"]}).share_draws
    np.testing.assert_allclose(many[:, 0] / many[:, 1], few[:, 0] / few[:, 1], rtol=1e-4)


def test_without_attribute_error_the_limits_are_logit_and_first_choice(tastes: Tastes) -> None:
    drawn = tastes(5, draws=6, people=9)
    logit = simulate(drawn, OFFERS, rule=RandomisedFirstChoice(0.0, LOGIT_VARIANCE))
    np.testing.assert_allclose(logit.share_draws, simulate(drawn, OFFERS).share_draws, atol=1e-6)
    sharp = simulate(drawn, OFFERS, rule=RandomisedFirstChoice(0.0, 0.0))
    np.testing.assert_array_equal(sharp.share_draws, simulate(drawn, OFFERS, rule="first-choice").share_draws)
    # A product variance of a quarter is a scale of two.
    quarter = simulate(drawn, OFFERS, rule=RandomisedFirstChoice(0.0, LOGIT_VARIANCE / 4))
    np.testing.assert_allclose(quarter.share_draws, simulate(drawn, OFFERS, scale=2).share_draws, atol=1e-6)


def test_randomised_against_errors_drawn_one_by_one() -> None:
    """Brute force with errors on part-worths (the base level's too) and Gumbel errors on products."""
    coding = Coding((LevelsTerm("brand", ("a", "b", "c"), "a"), LinearTerm("size", 0.0, 2.0)), (), None, "none", "alt")
    person = np.array([0.6, -0.3, 0.5, 0.2])
    offers: Offers = {
        "x": {"brand": "a", "size": 0.0},
        "y": {"brand": "a", "size": 0.5},
        "z": {"brand": "c", "size": 2},
    }
    rng = np.random.default_rng(0)
    count = 200_000
    brand, ends = rng.normal(0, math.sqrt(0.8), (count, 3)), rng.normal(0, math.sqrt(0.8), (count, 2))
    utility = np.stack(
        [
            brand[:, 0] + ends[:, 0],
            0.25 + brand[:, 0] + 0.75 * ends[:, 0] + 0.25 * ends[:, 1],
            -0.3 + 1.0 + brand[:, 2] + ends[:, 1],
            np.full(count, 0.2),
        ]
    )
    utility += rng.gumbel(scale=math.sqrt(0.5 / LOGIT_VARIANCE), size=utility.shape)
    expected = np.bincount(utility.argmax(axis=0), minlength=4) / count
    shares = simulate(
        UtilityDraws(person[None], coding, 1), offers, rule=RandomisedFirstChoice(0.8, 0.5, points=20_000)
    )
    np.testing.assert_allclose(shares.share, expected, atol=0.005)


def test_similar_offers_are_not_overstated(tastes: Tastes) -> None:
    drawn = tastes(6, draws=50, people=20)
    near = {**OFFERS["ours"], "quality": 0.85}
    rules: list[Rule] = ["preference", "randomised"]
    pair = {
        rule: sum(simulate(drawn, {**OFFERS, "near": near}, rule=rule).mean[name] for name in ("ours", "near"))
        / simulate(drawn, OFFERS, rule=rule).mean["ours"]
        for rule in rules
    }
    assert 1 <= pair["randomised"] < pair["preference"] - 0.05


def test_levels_between_knots() -> None:
    terms = (
        PiecewiseTerm("price", (1.0, 2.0, 4.0)),
        LinearTerm("size", 0.0, 2.0),
        LevelsTerm("brand", ("a", "b"), "b"),
    )
    coding = Coding(terms, ("s",), "t", "none", "alt")
    offer = {"price": 3.0, "size": 0.5, "brand": "b", "alt": "t"}
    scene = scene_of(UtilityDraws(np.zeros((1, len(coding.columns))), coding, 1), {"x": offer})
    matrix = level_matrix(coding, scene)
    np.testing.assert_allclose(matrix[0], [0, 0.5, 0.5, 0.75, 0.25, 0, 1, 0, 1])
    np.testing.assert_allclose(matrix[1], 0)
    assert level_matrix(coding, scene, without=("price", "brand")).shape == (2, 4)


@pytest.mark.parametrize("interactions", [(("quality", "brand"),), (("brand", "quality"), ("none", "quality"))])
@pytest.mark.parametrize("rule", RULES)
def test_an_interaction_of_no_effect_changes_nothing(
    tastes: Tastes, rule: Rule, interactions: tuple[tuple[str, str], ...]
) -> None:
    # The none option is none wherever its column stands.
    plain = tastes(8, draws=5, people=4)
    coding = replace(plain.coding, interactions=interactions)
    wider = np.zeros((5, 4, len(coding.columns)))
    wider[:, :, : plain.values.shape[2]] = plain.values
    offers: Offers = {**OFFERS, "best": {"price": 2, "quality": 1, "brand": "bolt"}}
    one, two = (simulate(source, offers, rule=rule) for source in (plain, UtilityDraws(wider, coding, 100)))
    np.testing.assert_allclose(one.share_draws, two.share_draws, atol=1e-6)


def test_levels_are_what_offers_are_however_they_are_valued() -> None:
    terms = (LinearTerm("price", 1.0, 5.0), LevelsTerm("asc_car", ("no", "yes"), "no"))
    coding = Coding(
        terms,
        ("bus",),
        "car",
        None,
        "alt",
        alternatives=("bus", "car"),
        splits=(Split("price", ("bus",)),),
        interactions=(("price", "asc_car"),),
    )
    offers: Offers = {name: {"price": 2.0, "asc_car": "yes", "alt": name} for name in ("bus", "car")}
    scene = scene_of(UtilityDraws(np.zeros((1, len(coding.columns))), coding, 1), offers)
    # Ends of the price, of which the car has none that counts; asc_car yes and no; bus and car.
    expected = [[0.75, 0.25, 1, 0, 1, 0], [0, 0, 1, 0, 0, 1]]
    np.testing.assert_allclose(level_matrix(coding, scene), expected)


def test_splitting_keeps_the_logits_variance(tastes: Tastes) -> None:
    coding = tastes(0).coding
    rule = RandomisedFirstChoice.splitting_logit(coding, attribute_part=0.4)
    # Two random products differ in price and in quality with chance 1/2 (two ends each), in brand with chance 2/3.
    between = 2 * rule.attribute_variance * (1 / 2 + 1 / 2 + 2 / 3) + 2 * rule.product_variance
    assert between == pytest.approx(2 * LOGIT_VARIANCE)
    assert RandomisedFirstChoice.splitting_logit(coding, without=("price", "quality", "brand")).attribute_variance == 0


def test_same_seed_same_randomised_shares(tastes: Tastes) -> None:
    drawn = tastes(0, draws=5)
    first, second, third = (simulate(drawn, OFFERS, rule="randomised", rng=seed).share_draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_bad_rules(tastes: Tastes) -> None:
    drawn = tastes(0)
    with pytest.raises(DataError, match="'preference', 'first-choice', 'randomised'"):
        simulate(drawn, OFFERS, rule="second-choice")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least 0"):
        RandomisedFirstChoice(-1.0, 0.0)
    with pytest.raises(DataError, match="no such attribute"):
        simulate(drawn, OFFERS, rule=RandomisedFirstChoice(1.0, 1.0, without=("prise",)))
    with pytest.raises(DataError, match="0 to 1"):
        RandomisedFirstChoice.splitting_logit(drawn.coding, attribute_part=1.5)


def test_a_tie_is_one_whatever_the_rounding() -> None:
    coding = Coding(tuple(LinearTerm(f"x{k}", 0.0, 1.0) for k in range(3)), (), None, None, "alt")
    person = UtilityDraws(np.array([[0.1, 0.2, 0.3]]), coding, 1)
    # 0.1 + 0.2 is not 0.3 in binary.
    offers: Offers = {"sum": {"x0": 1, "x1": 1, "x2": 0}, "one": {"x0": 0, "x1": 0, "x2": 1}}
    offers["worse"] = {"x0": 1, "x1": 0, "x2": 0}
    assert simulate(person, offers, rule="first-choice").share.tolist() == [0.5, 0.5, 0]
