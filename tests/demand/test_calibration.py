"""Calibration: known shares are hit, whatever is known; the constants are the right ones; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import Adjustments, Market, RandomisedFirstChoice, Rule, UtilityDraws, calibrate, simulate
from marketfit.errors import DataError

Tastes = Callable[..., UtilityDraws]

OFFERS: dict[str, dict[str, float | str]] = {
    "ours": {"price": 3, "quality": 0.9, "brand": "bolt"},
    "theirs": {"price": 2, "quality": 0.2, "brand": "ajax"},
    "other": {"price": 4, "quality": 0.5, "brand": "crow"},
}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.floats(0.01, 10), min_size=4, max_size=4),
    which=st.sets(st.sampled_from([*OFFERS, "none"]), min_size=1),
    people=st.sampled_from([1, 8]),
)
def test_known_shares_are_hit(tastes: Tastes, seed: int, sizes: list[float], which: set[str], people: int) -> None:
    drawn = tastes(seed, people=people, weighted=True)
    shares = dict(zip([*OFFERS, "none"], (np.array(sizes) / sum(sizes)).tolist(), strict=True))
    known = {name: share for name, share in shares.items() if name in which}
    adjustments = calibrate(drawn, OFFERS, known=known)
    reached = simulate(Market(drawn, adjustments=adjustments), OFFERS).mean
    for name, share in known.items():
        assert reached[name] == pytest.approx(share, rel=1e-5)
    assert set(adjustments.constants) == which
    assert adjustments.sample_size == drawn.sample_size


def test_constants_that_made_the_shares_are_found(tastes: Tastes) -> None:
    drawn = tastes(1, draws=200)
    truth = {"ours": 1.2, "theirs": -0.7, "other": 0.3}
    shares = simulate(Market(drawn, adjustments=Adjustments(truth, scale=1.5)), OFFERS).mean
    for known in (shares, {name: shares[name] for name in OFFERS}):
        found = calibrate(drawn, OFFERS, known=known, scale=1.5)
        assert {name: found.constants[name] for name in OFFERS} == pytest.approx(truth, abs=1e-4)
        assert found.constants.get("none", 0.0) == 0
        assert found.scale == 1.5


def test_without_none_constants_average_zero(tastes: Tastes) -> None:
    drawn = tastes(2, none=False)
    known = {"ours": 0.5, "theirs": 0.3, "other": 0.2}
    found = calibrate(drawn, OFFERS, known=known)
    assert sum(found.constants.values()) == pytest.approx(0, abs=1e-9)
    assert simulate(Market(drawn, adjustments=found), OFFERS).mean == pytest.approx(known, rel=1e-5)


@pytest.mark.parametrize("rule", ["randomised", *(RandomisedFirstChoice(0.2, v, points=32) for v in (0.004, 0.1, 3.0))])
def test_under_randomised_first_choice_and_availability(tastes: Tastes, rule: Rule) -> None:
    market = Market(tastes(3), availability={"theirs": 0.5, "ours": 0.8})
    known = {"ours": 0.3, "theirs": 0.25}
    found = calibrate(market, OFFERS, known=known, rule=rule)
    reached = simulate(replace(market, adjustments=found), OFFERS, rule=rule).mean
    assert {name: reached[name] for name in known} == pytest.approx(known, rel=1e-5)


def test_under_a_nearly_sharp_rule(tastes: Tastes) -> None:
    # Constants move shares 40 times as fast as in the logit: plain steps would run away.
    rng = np.random.default_rng(4)
    offers: dict[str, dict[str, float | str]] = {
        f"offer {k}": {"price": float(rng.uniform(1, 5)), "quality": float(rng.uniform()), "brand": "bolt"}
        for k in range(6)
    }
    known = dict(zip(offers, (0.02 + 0.8 * rng.dirichlet([0.5] * 6)).tolist(), strict=True))
    drawn, rule = tastes(4, draws=50, people=10), RandomisedFirstChoice(0.1, 0.001, points=32)
    reached = simulate(Market(drawn, adjustments=calibrate(drawn, offers, known=known, rule=rule)), offers, rule=rule)
    assert {name: reached.mean[name] for name in known} == pytest.approx(known, rel=1e-4)


def test_a_tiny_share_outside_is_no_hurdle(tastes: Tastes) -> None:
    # The plain contraction gains a factor of about 1 − 0.001 a step here.
    drawn = tastes(4, draws=300)
    known = {"ours": 0.6, "theirs": 0.3, "other": 0.099}
    reached = simulate(Market(drawn, adjustments=calibrate(drawn, OFFERS, known=known)), OFFERS).mean
    assert {name: reached[name] for name in known} == pytest.approx(known, rel=1e-5)
    assert reached["none"] == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize("truth", [0.4, 1.0, 2.5])
def test_the_scale_that_made_the_shares_is_found(tastes: Tastes, truth: float) -> None:
    drawn = tastes(5, draws=200)
    shares = simulate(drawn, OFFERS, scale=truth).mean
    found = calibrate(drawn, OFFERS, known=shares, scale="fit")
    assert found.scale == pytest.approx(truth, rel=1e-3)
    assert max(abs(value) for value in found.constants.values()) < 0.01
    partly = calibrate(drawn, OFFERS, known={name: shares[name] for name in ("ours", "none")}, scale="fit")
    assert partly.scale == pytest.approx(truth, rel=1e-3)


def test_a_calibrated_model_calibrates_anew(tastes: Tastes) -> None:
    drawn = tastes(6)
    old = Market(drawn, adjustments=Adjustments({"ours": 5.0}, scale=3.0))
    assert calibrate(old, OFFERS, known={"ours": 0.4}) == calibrate(drawn, OFFERS, known={"ours": 0.4})


def test_all_mistakes_at_once(tastes: Tastes) -> None:
    with pytest.raises(DataError) as caught:
        calibrate(tastes(0), OFFERS, known={"our": 0.5, "theirs": 1.5, "other": 0}, rule="first-choice", scale=0)
    text = str(caught.value)
    for part in ("did you mean 'ours'?", "is 1.5", "is 0", "sum to 2", "'preference' or 'randomised'", "above 0"):
        assert part in text


@pytest.mark.parametrize(
    ("known", "part"),
    [
        ({}, "at least one offer"),
        ({"ours": 0.5, "theirs": 0.3, "other": 0.1, "none": 0.2}, "sum to 1.1"),
        ({"ours": 0.7, "theirs": 0.3}, "leave a share"),
    ],
)
def test_shares_that_cannot_be(tastes: Tastes, known: dict[str, float], part: str) -> None:
    with pytest.raises(DataError, match=part):
        calibrate(tastes(0), OFFERS, known=known)


def test_a_share_above_availability_is_refused(tastes: Tastes) -> None:
    with pytest.raises(DataError, match="that of 'ours' stays"):
        calibrate(Market(tastes(0), availability={"ours": 0.2}), OFFERS, known={"ours": 0.5})
