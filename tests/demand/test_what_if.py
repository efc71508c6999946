"""What-if: each side is a simulation of its own, differences are paired, and volume is accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Change, Market, Rule, UtilityDraws, simulate, what_if
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]
Offers = dict[str, dict[str, float | str]]

OFFERS: Offers = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}
CHEAPER = Change("ours", "price", 2.0)
RULES: list[Rule] = ["preference", "first-choice", "randomised"]


@pytest.mark.parametrize("rule", RULES)
def test_both_sides_are_simulations(tastes: Tastes, rule: Rule) -> None:
    market = Market(tastes(1, draws=80, weighted=True), availability={"theirs": 0.7})
    found = what_if(market, OFFERS, changes=[CHEAPER, Change("other", "brand", "ajax")], rule=rule, rng=4)
    after: Offers = {**OFFERS, "ours": {**OFFERS["ours"], "price": 2.0}, "other": {**OFFERS["other"], "brand": "ajax"}}
    for side, offers in ((found.before, OFFERS), (found.after, after)):
        expected = simulate(market, offers, rule=rule, rng=4)
        np.testing.assert_array_equal(side.share_draws, expected.share_draws)
        np.testing.assert_array_equal(side.low, expected.low)
    np.testing.assert_allclose(found.difference, found.after.share - found.before.share, atol=1e-6)
    np.testing.assert_allclose(found.difference.sum(), 0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), price=st.floats(1, 5), quality=st.floats(0, 1))
@pytest.mark.parametrize("rule", RULES)
def test_the_way_back_is_the_opposite(tastes: Tastes, rule: Rule, seed: int, price: float, quality: float) -> None:
    drawn = tastes(seed, draws=60, people=3)
    there = [Change("ours", "price", price), Change("ours", "quality", quality)]
    back = [Change("ours", "price", 3), Change("ours", "quality", 0.9)]
    altered: Offers = {**OFFERS, "ours": {**OFFERS["ours"], "price": price, "quality": quality}}
    one, two = what_if(drawn, OFFERS, changes=there, rule=rule), what_if(drawn, altered, changes=back, rule=rule)
    np.testing.assert_array_equal(one.difference_draws, -two.difference_draws)
    np.testing.assert_allclose(one.difference_low, -two.difference_high, atol=1e-7)
    for name, volume in one.sources.items():
        # Of the same volume, the same part comes from each, whichever way it flows.
        assert volume.part.value == pytest.approx(two.sources[name].part.value, abs=1e-4, nan_ok=True)


def test_no_change_is_no_difference(tastes: Tastes) -> None:
    found = what_if(tastes(2, draws=50), OFFERS, changes=[Change("ours", "price", 3)])
    assert (found.difference_draws == 0).all()
    assert math.isnan(found.sources["none"].part.value)
    assert math.isnan(found.sources["none"].part.low)


def test_the_difference_is_narrower_than_its_sides(tastes: Tastes) -> None:
    found = what_if(tastes(3, draws=500, people=1), OFFERS, changes=[Change("ours", "price", 2.8)])
    paired = found.difference_high[0] - found.difference_low[0]
    assert paired < 0.3 * (found.after.high[0] - found.before.low[0])
    inside = (found.difference_draws[:, 0] >= found.difference_low[0]) & (
        found.difference_draws[:, 0] <= found.difference_high[0]
    )
    assert inside.mean() == pytest.approx(0.95, abs=0.005)


def test_volume_adds_up(tastes: Tastes) -> None:
    found = what_if(tastes(4, draws=80), OFFERS, changes=[CHEAPER], ours=["ours", "other"])
    assert set(found.sources) == {"theirs", "other", "none"}
    gain = float(found.difference[0])
    assert gain > 0
    assert sum(volume.lost.value for volume in found.sources.values()) == pytest.approx(gain, abs=1e-6)
    assert sum(volume.part.value for volume in found.sources.values()) == pytest.approx(1, abs=1e-5)
    assert sum(volume.fair_part for volume in found.sources.values()) == pytest.approx(1, abs=1e-9)
    assert found.cannibalised == found.sources["other"].part
    assert found.own is not None
    assert found.own.value == pytest.approx(gain - found.sources["other"].lost.value, abs=1e-6)
    assert found.own.low < found.own.value < found.own.high


def test_in_a_plain_logit_everybody_loses_in_proportion(tastes: Tastes) -> None:
    found = what_if(tastes(5, draws=1, people=1), OFFERS, changes=[CHEAPER])
    for volume in found.sources.values():
        assert volume.part.value == pytest.approx(volume.fair_part, abs=1e-4)
        assert math.isnan(volume.lost.low)  # one draw has no interval, and says so


def test_a_close_substitute_gives_more_than_its_part(tastes: Tastes) -> None:
    near: Offers = {**OFFERS, "near": {**OFFERS["ours"], "quality": 0.8}}
    found = what_if(tastes(6, draws=200, people=10, spread=2.0), near, changes=[CHEAPER])
    assert found.sources["near"].part.value > found.sources["near"].fair_part


def test_without_own_offers_there_is_no_cannibalisation(tastes: Tastes) -> None:
    found = what_if(tastes(7), OFFERS, changes=[CHEAPER])
    assert found.cannibalised is None
    assert found.own is None


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    changes = [
        Change("our", "price", 1),
        Change("ours", "prise", 1),
        Change("theirs", "brand", "ayax"),
        CHEAPER,
        CHEAPER,
    ]
    with pytest.raises(DataError) as caught:
        what_if(tastes(0), {**OFFERS, "bad": {"price": 1}}, changes=changes, ours=["othr"])
    text = str(caught.value)
    for part in ("did you mean 'ours'?", "did you mean 'price'?", "did you mean 'ajax'?", "given twice", "'other'?"):
        assert part in text
    assert text.count("offer 'bad': 'quality'") == 1
    with pytest.raises(DataError, match="at least one"):
        what_if(tastes(0), OFFERS, changes=[])
