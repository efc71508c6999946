"""Availability: exact against a slow sum over sets and against simulated people; no limits change nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Market, Rule, UtilityDraws, simulate
from marketfit.demand.arrays import FloatArray
from marketfit.demand.market.availability import DRAWN_SETS, consideration_sets
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]

OFFERS: dict[str, dict[str, float | str]] = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}


@pytest.mark.parametrize("rule", ["preference", "first-choice", "randomised"])
@pytest.mark.parametrize("none", [True, False])
def test_everything_available_is_plain(tastes: Tastes, rule: Rule, none: bool) -> None:
    drawn = tastes(1, none=none, weighted=True)
    plain = simulate(drawn, OFFERS, rule=rule)
    market = Market(drawn, availability=dict.fromkeys(OFFERS, 1.0))
    np.testing.assert_array_equal(simulate(market, OFFERS, rule=rule).share_draws, plain.share_draws)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), met=st.lists(st.floats(0, 1), min_size=3, max_size=3))
@pytest.mark.parametrize("rule", ["preference", "first-choice"])
def test_against_a_slow_sum_over_sets(tastes: Tastes, rule: Rule, seed: int, met: list[float]) -> None:
    drawn = tastes(seed, draws=3, people=2)
    names = list(OFFERS)
    expected = np.zeros(4)
    for inside in itertools.product([False, True], repeat=3):
        chance = np.prod([m if i else 1 - m for m, i in zip(met, inside, strict=True)])
        offers = {name: OFFERS[name] for name, i in zip(names, inside, strict=True) if i}
        shares = simulate(drawn, offers, rule=rule).mean if offers else {"none": 1.0}
        expected += chance * np.array([shares.get(name, 0.0) for name in (*names, "none")])
    market = Market(drawn, availability=dict(zip(names, met, strict=True)))
    np.testing.assert_allclose(simulate(market, OFFERS, rule=rule).share, expected, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(met=st.lists(st.floats(0, 1), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_sets_keep_the_availabilities(met: list[float], seed: int) -> None:
    availability = np.array([1.0, *met])
    sets = consideration_sets(availability, seed)
    if sets is None:
        assert min(met) == 1
        return
    assert sets.chance.sum() == pytest.approx(1)
    np.testing.assert_allclose(sets.chance @ sets.members, availability, atol=1.01 / DRAWN_SETS)


def test_who_meets_nothing_is_left_out() -> None:
    # Without none: of those who meet an offer at all, this share meets each one.
    few, many = np.array([0.5, 0.2]), np.full(12, 0.05)
    for availability in (few, many):
        sets = consideration_sets(availability, 0)
        assert sets is not None
        assert sets.members.any(axis=1).all()
        expected = availability / (1 - np.prod(1 - availability))
        np.testing.assert_allclose(sets.chance @ sets.members, expected, atol=0.04)


def test_rare_offers_are_met_all_the_same() -> None:
    # Almost nobody meets anything; of those who do, each twelfth meets this one.
    sets = consideration_sets(np.full(12, 1e-6), 0)
    assert sets is not None
    assert len(sets.chance) == DRAWN_SETS
    np.testing.assert_allclose(sets.chance @ sets.members, 1 / 12, atol=2 / DRAWN_SETS)


def test_drawn_sets_are_close_to_all_sets(tastes: Tastes, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tastes(2)
    offers = {f"{name} {k}": offer for name, offer in OFFERS.items() for k in range(3)}
    market = Market(drawn, availability={name: 0.3 + 0.07 * k for k, name in enumerate(offers)})
    sampled = simulate(market, offers)  # nine limited offers
    np.testing.assert_array_equal(sampled.share, simulate(market, offers).share)
    assert (sampled.share != simulate(Market(drawn, market.availability, seed=1), offers).share).any()
    monkeypatch.setattr("marketfit.demand.market.availability.MOST_EXACT", 9)
    np.testing.assert_allclose(sampled.share, simulate(market, offers).share, atol=0.01)


def test_an_offer_that_nobody_meets_has_no_share(tastes: Tastes) -> None:
    market = Market(tastes(3), availability={"ours": 0.0})
    rest = {name: offer for name, offer in OFFERS.items() if name != "ours"}
    assert simulate(market, OFFERS).mean["ours"] == 0
    np.testing.assert_allclose(simulate(market, OFFERS).share[1:], simulate(market.source, rest).share, atol=1e-6)


def test_utilities_far_apart_do_not_vanish(tastes: Tastes) -> None:
    drawn = tastes(0)
    values = np.zeros((1, 1, 5))
    values[..., 0] = -150.0  # three prices are 0, 150 and 300 below the best
    market = Market(UtilityDraws(values, drawn.coding, 1), availability={"theirs": 0.5})
    offers = {"ours": OFFERS["ours"], "theirs": OFFERS["theirs"], "other": OFFERS["other"]}
    shares = simulate(market, offers, none=False)
    np.testing.assert_allclose(shares.share, [0.5, 0.5, 0], atol=1e-6)


def test_bad_availability(tastes: Tastes) -> None:
    drawn = tastes(0)
    with pytest.raises(DataError) as caught:
        simulate(Market(drawn, availability={"our": 0.5, "none": 0.2, "theirs": 1.5}), {**OFFERS, "bad": {}})
    text = str(caught.value)
    for part in ("did you mean 'ours'?", "none is always there", "0 to 1", "offer 'bad': 'price'"):
        assert part in text
    with pytest.raises(DataError, match="0 for every offer"):
        simulate(Market(drawn, availability=dict.fromkeys(OFFERS, 0.0)), OFFERS, none=False)


def slow_people(drawn: UtilityDraws, designs: FloatArray, met: FloatArray, count: int) -> FloatArray:
    """Shares of many simulated people who meet offers by chance and choose with Gumbel errors."""
    rng = np.random.default_rng(0)
    person = drawn.values.reshape(-1, designs.shape[1])[
        rng.integers(drawn.values.shape[0] * drawn.values.shape[1], size=count)
    ]
    utility = person @ designs.T + rng.gumbel(size=(count, len(designs)))
    utility[rng.random(utility.shape) >= met] = -np.inf
    return np.bincount(utility.argmax(axis=1), minlength=len(designs)) / count


def test_against_simulated_people(tastes: Tastes) -> None:
    drawn = tastes(7, draws=30, people=10)
    designs = np.concatenate(
        [*(drawn.coding.code(offer).matrix for offer in OFFERS.values()), drawn.coding.code_none()]
    )
    met = np.array([0.9, 0.4, 0.6, 1.0])
    market = Market(drawn, availability=dict(zip(OFFERS, met[:3].tolist(), strict=True)))
    expected = slow_people(drawn, designs, met, 200_000)
    np.testing.assert_allclose(simulate(market, OFFERS).share, expected, atol=0.005)
