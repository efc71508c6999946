from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from marketfit.measure.intervals import clopper_pearson
from marketfit.research.weighted import Estimate, effective_size, means, share


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


@settings(max_examples=50, deadline=None, derandomize=True)
@given(n=st.integers(1, 60), part=st.floats(0, 1), weight=st.floats(0.1, 10))
def test_equal_weights_give_the_textbook_intervals(n: int, part: float, weight: float) -> None:
    yes = np.arange(n) < round(part * n)
    got, exact = share(yes, np.full(n, weight)), clopper_pearson(int(yes.sum()), n, confidence=0.975)
    assert (got.value, got.low, got.high, got.n) == pytest.approx((exact.value, exact.low, exact.high, n), abs=1e-9)


def test_a_mean_has_the_t_interval() -> None:
    values = np.random.default_rng(1).normal(size=9)
    got = means(values, np.zeros(9, dtype=int), np.arange(9), np.full(9, 3.0), items=1).item(0)
    low, high = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert (got.value, got.low, got.high, got.n) == pytest.approx((values.mean(), low, high, 9))


def test_nobody_and_one_person_have_no_interval() -> None:
    assert share(np.zeros(0, dtype=bool), np.zeros(0)).n == 0
    got = means(np.array([2.0]), np.array([1]), np.array([0]), np.ones(1), items=2)
    assert math.isnan(got.value[0])
    assert got.item(1) == Estimate(2.0, None, None, 1)


def test_a_doubled_person_knows_no_more() -> None:
    values, person = np.array([1.0, 2.0, 4.0, 8.0]), np.arange(4)
    once = means(values, np.zeros(4, dtype=int), person, np.ones(4), items=1).item(0)
    twice = means(np.tile(values, 2), np.zeros(8, dtype=int), np.tile(person, 2), np.ones(4), items=1).item(0)
    assert (twice.value, twice.low, twice.high, twice.n) == pytest.approx((once.value, once.low, once.high, once.n))


def test_weights_move_the_estimate_and_shrink_the_sample() -> None:
    weights = np.array([3.0, 1.0, 1.0, 1.0])
    assert share(np.array([True, False, False, False]), weights).value == pytest.approx(0.5)
    assert effective_size(weights) == pytest.approx(3.0)


def test_the_distance_from_the_mean_of_all_knows_that_both_come_from_the_same_people() -> None:
    """Everybody adds a mood of their own to all items: single means are uncertain, their distance is not."""
    rng = np.random.default_rng(0)
    mood, item = rng.normal(0, 3, 40), np.tile(np.arange(3), 40)
    values = np.repeat(mood, 3) + item + rng.normal(0, 0.1, 120)
    got = means(values, item, np.repeat(np.arange(40), 3), np.ones(40), items=3)
    narrow, wide = got.against_all(2, np.ones(3, dtype=bool)), got.item(2)
    paired = values.reshape(40, 3)[:, 2] - values.reshape(40, 3).mean(axis=1)
    exact = stats.t.interval(0.95, 39, paired.mean(), stats.sem(paired))
    assert (narrow.value, narrow.low, narrow.high) == pytest.approx((paired.mean(), *exact))
    assert wide.low is not None
    assert wide.high is not None
    assert exact[1] - exact[0] < 0.1 < wide.high - wide.low


def test_an_item_of_two_people_does_not_drown_the_others() -> None:
    """Welch: two independent groups have the interval of the unequal-variances t test; a small part costs little."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 12), rng.normal(1, 3, 7)
    item, person = np.repeat([0, 1], [12, 7]), np.arange(19)
    got = means(np.concatenate([one, other]), item, person, np.ones(19), items=2).contrast(np.array([1.0, -1.0]))
    exact = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (got.low, got.high) == pytest.approx((exact.low, exact.high))


def test_intervals_cover_under_weights_and_clusters() -> None:
    """80 people of unequal weight, several answers each: 95 % of 1,500 intervals should hold the truth."""
    rng = np.random.default_rng(5)
    hits_mean = hits_share = 0
    rounds = 1500
    for _ in range(rounds):
        weights = rng.lognormal(0, 0.5, 80)
        answers = rng.integers(1, 5, 80)
        person = np.repeat(np.arange(80), answers)
        values = np.repeat(rng.normal(size=80), answers) + rng.normal(size=person.size)
        hits_mean += covers(means(values, np.zeros(person.size, dtype=int), person, weights, items=1).item(0), 0.0)
        hits_share += covers(share(rng.random(80) < 0.3, weights), 0.3)
    assert 0.93 <= hits_mean / rounds <= 0.97
    assert 0.94 <= hits_share / rounds <= 0.99  # Clopper–Pearson is on the safe side
