from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from marketfit.measure.intervals import clopper_pearson
from marketfit.research.weighted import Estimate, effective_size, means, share, share_of_answers


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


def test_equal_answers_are_no_proof() -> None:
    """Of n equal answers another one may still come from 1 − (α/2)^(1/n) of people (Clopper & Pearson)."""
    same = means(np.full(2, 4.0), np.zeros(2, dtype=int), np.arange(2), np.ones(2), items=1, within=(1.0, 5.0)).item(0)
    others = 1 - 0.025**0.5
    assert (same.low, same.high) == pytest.approx((4 - 3 * others, 4 + others))
    unknown = means(np.full(2, 4.0), np.zeros(2, dtype=int), np.arange(2), np.ones(2), items=1).item(0)
    assert (unknown.value, unknown.low, unknown.high) == (4.0, None, None)


def test_a_mean_never_leaves_its_scale() -> None:
    got = means(np.array([5.0, 5.0, 4.0]), np.zeros(3, dtype=int), np.arange(3), np.ones(3), items=1, within=(1, 5))
    assert got.item(0).high == 5.0
    assert got.item(0).low == pytest.approx(14 / 3 - 4.30265 / 3, abs=1e-4)


def test_an_item_without_variance_leaves_a_difference_in_doubt() -> None:
    """Two people all say 5 to one item, a hundred vary around 4.5 on the other: the two prove no difference."""
    values = np.concatenate([np.full(2, 5.0), np.tile([4.0, 5.0], 50)])
    item, person = np.repeat([0, 1], [2, 100]), np.arange(102)
    got = means(values, item, person, np.ones(102), items=2, within=(1.0, 5.0)).contrast(np.array([1.0, -1.0]))
    assert got.low is not None
    assert got.low < 0 < got.value


def test_a_difference_that_does_not_vary_is_no_proof() -> None:
    """Both people rate one item 2 above the other, each at another height."""
    values, item, person = np.array([5.0, 3.0, 4.0, 2.0]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    found = means(values, item, person, np.ones(2), items=2, within=(1.0, 5.0)).contrast(np.array([1.0, -1.0]))
    assert found.value == 2.0
    assert found.low is not None
    assert found.low < 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=30))
def test_intervals_of_a_scale_hold_their_mean_and_do_not_collapse(values: list[int]) -> None:
    n = len(values)
    got = means(np.array(values, float), np.zeros(n, dtype=int), np.arange(n), np.ones(n), items=1, within=(1, 5))
    one = got.item(0)
    assert one.low is not None
    assert one.high is not None
    assert 1 <= one.low <= one.value <= one.high <= 5
    assert one.high - one.low > 0.1


def test_shares_of_several_answers_each_count_people_and_stay_rates() -> None:
    person = np.repeat(np.arange(10), 4)
    none = share_of_answers(np.zeros(40, dtype=bool), person, np.ones(10))
    assert (none.low, none.high) == pytest.approx((0.0, clopper_pearson(0, 10, confidence=0.975).high))
    torn = share_of_answers(person < 2, person, np.ones(10))  # two people always, eight never: 2 of 10
    exact = clopper_pearson(1.8, 9, confidence=0.975)  # p (1 − p) / variance is 9, for the variance divides by n − 1
    assert (torn.value, torn.low, torn.high) == pytest.approx((0.2, exact.low, exact.high))
    one = share_of_answers(np.arange(40) == 0, person, np.ones(10))
    assert one.low is not None
    assert 0 <= one.low < one.value < 0.2


def test_intervals_of_short_scales_cover() -> None:
    """Few answers on five steps, most of them the same: 95 % of the intervals and more should hold the truth."""
    rng = np.random.default_rng(4)
    for n in (2, 4, 8):
        hits = 0
        for _ in range(400):
            values = rng.choice([4.0, 3.0, 5.0], size=n, p=[0.9, 0.06, 0.04])
            got = means(values, np.zeros(n, dtype=int), np.arange(n), np.ones(n), items=1, within=(1, 5)).item(0)
            hits += covers(got, 4 * 0.9 + 3 * 0.06 + 5 * 0.04)
        assert hits / 400 >= 0.93, n
