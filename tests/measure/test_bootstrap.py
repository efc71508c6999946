"""The Bayesian bootstrap with one row more: exact for rates, never zero spread, bounds that cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketfit.measure.bootstrap import MIN_RESAMPLES, Rows, bootstrap, weights
from marketfit.measure.intervals import Bounds, clopper_pearson

Values = NDArray[np.float64]


def mean(means: Values) -> Values:
    return means[:, 0]


def rate(right: int, rows: int, *, confidence: float, seed: int = 0) -> Bounds:
    values = np.arange(rows) < right
    table = Rows(values[:, None].astype(float), worst=np.zeros((1, 1)), best=np.ones((1, 1)))
    return bootstrap(mean, table, confidence=confidence, seed=seed)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(5, 300), share=st.floats(0, 1), confidence=st.sampled_from([0.9, 0.95, 0.975]))
def test_for_a_rate_it_is_clopper_pearson(rows: int, share: float, confidence: float) -> None:
    right = round(share * rows)
    found, exact = rate(right, rows, confidence=confidence), clopper_pearson(right, rows, confidence=confidence)
    noise = 5 * (0.5 + 1 / np.sqrt(rows)) / rows**0.5 / 20  # a quantile of ≥ 2,000 resamples
    assert found.value == pytest.approx(exact.value)
    assert found.low == pytest.approx(exact.low, abs=noise)
    assert found.high == pytest.approx(exact.high, abs=noise)


def test_rows_that_are_all_right_prove_no_perfection() -> None:
    plain = bootstrap(mean, Rows(np.ones((60, 1))), confidence=0.95, seed=0)
    assert plain.low == pytest.approx(1.0)  # what the row more is for
    assert 0.93 < rate(60, 60, confidence=0.95).low < 0.97


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=30), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_bounds_enclose_the_value_and_are_the_same_each_time(values: list[float], seed: int) -> None:
    rows = Rows(np.array(values)[:, None])
    first = bootstrap(mean, rows, confidence=0.95, seed=seed)
    assert first.low <= first.value <= first.high
    assert first.value == pytest.approx(np.mean(values), abs=1e-9)
    assert bootstrap(mean, rows, confidence=0.95, seed=seed) == first


def test_bounds_widen_with_confidence_and_narrow_with_rows() -> None:
    widths = [np.subtract(*((b := rate(int(0.9 * n), n, confidence=c)).high, b.low))
              for n, c in ((1000, 0.9), (1000, 0.99), (100, 0.9))]  # fmt: skip
    assert widths[0] < widths[1]
    assert widths[0] < widths[2]


def test_a_row_that_counts_many_is_as_many_rows() -> None:
    values = np.array([0.0, 1.0, 2.0])
    counts = np.array([40.0, 100.0, 60.0])
    short = bootstrap(mean, Rows(values[:, None], counts=counts), confidence=0.95, seed=0)
    long = bootstrap(mean, Rows(np.repeat(values, counts.astype(int))[:, None]), confidence=0.95, seed=1)
    assert short.value == pytest.approx(long.value)
    assert short.low == pytest.approx(long.low, abs=0.01)
    assert short.high == pytest.approx(long.high, abs=0.01)


def test_the_least_favourable_of_several_further_rows_is_taken() -> None:
    values = np.full((50, 1), 0.5)
    low = bootstrap(mean, Rows(values, worst=np.array([[0.4], [0.0], [0.3]])), confidence=0.95, seed=0).low
    only = bootstrap(mean, Rows(values, worst=np.array([[0.0]])), confidence=0.95, seed=0).low
    assert low == only


def test_the_bounds_of_a_mean_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    truth, covered = 0.25, []  # Beta(1, 3): skewed, in [0, 1]
    for number in range(300):
        values = generator.beta(1, 3, 40)[:, None]
        table = Rows(values, worst=np.zeros((1, 1)), best=np.ones((1, 1)))
        bounds = bootstrap(mean, table, confidence=0.9, seed=number)
        covered.append((bounds.low <= truth, bounds.high >= truth))
    assert (np.mean(covered, axis=0) >= 0.9 - 3 * np.sqrt(0.09 / 300)).all()


def test_more_is_resampled_where_a_bound_lies_far_out() -> None:
    seen: list[int] = []

    def counting(means: Values) -> Values:
        seen.append(len(means))
        return means[:, 0]

    rows = Rows(np.array([[0.0], [1.0]]))
    bootstrap(counting, rows, confidence=0.9999, seed=0)
    assert max(seen) >= 500_000
    seen.clear()
    bootstrap(counting, rows, confidence=0.9, seed=0)
    assert max(seen) == MIN_RESAMPLES


def test_weights_are_a_flat_dirichlet_draw() -> None:
    drawn = np.concatenate(list(weights(5, resamples=20_000, seed=0)))
    assert drawn.shape == (20_000, 5)
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.2, atol=0.005)
    np.testing.assert_allclose(drawn.var(axis=0), 0.2 * 0.8 / 6, rtol=0.05)


def test_large_tables_are_drawn_in_pieces() -> None:
    pieces = list(weights(3_000_000, resamples=2, seed=0))
    assert [piece.shape for piece in pieces] == [(1, 3_000_000)] * 2


def test_nothing_can_not_be_resampled() -> None:
    with pytest.raises(ValueError, match="nothing to resample"):
        bootstrap(mean, Rows(np.empty((0, 1))), confidence=0.95, seed=0)
