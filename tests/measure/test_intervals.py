"""Bounds against scipy's own, and their promise checked exactly, by summing over all outcomes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from marketfit.measure.intervals import (
    clopper_pearson,
    opening_level,
    quantile_bounds,
    rows_needed,
    samples_needed,
)

CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999])


@given(n=st.integers(1, 400), share=st.floats(0, 1), confidence=CONFIDENCES)
def test_clopper_pearson_is_that_of_scipy(n: int, share: float, confidence: float) -> None:
    successes = round(share * n)
    ours = clopper_pearson(successes, n, confidence=confidence)
    # scipy's is two-sided: one-sided bounds at c are the two-sided ones at 2c − 1.
    for alternative, mine in (("greater", ours.low), ("less", ours.high)):
        test = stats.binomtest(successes, n, alternative=alternative)
        interval = test.proportion_ci(confidence_level=confidence, method="exact")
        theirs = interval.low if alternative == "greater" else interval.high
        assert mine == pytest.approx(theirs, abs=1e-9)
    assert ours.low <= ours.value <= ours.high


@given(n=st.integers(1, 60), rate=st.floats(0.01, 0.99), confidence=CONFIDENCES)
def test_clopper_pearson_covers_at_least_as_often_as_it_says(n: int, rate: float, confidence: float) -> None:
    chances = stats.binom.pmf(np.arange(n + 1), n, rate)
    bounds = [clopper_pearson(k, n, confidence=confidence) for k in range(n + 1)]
    below = sum(chance for chance, bound in zip(chances, bounds, strict=True) if bound.low <= rate)
    above = sum(chance for chance, bound in zip(chances, bounds, strict=True) if bound.high >= rate)
    assert below >= confidence - 1e-9
    assert above >= confidence - 1e-9


def test_no_rows_and_no_failures() -> None:
    assert clopper_pearson(59, 59, confidence=0.95).low == pytest.approx(0.05 ** (1 / 59))
    assert clopper_pearson(59, 59, confidence=0.95).high == 1.0
    assert clopper_pearson(0, 59, confidence=0.95).low == 0.0
    assert (clopper_pearson(0, 0, confidence=0.95).low, clopper_pearson(0, 0, confidence=0.95).high) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes of"):
        clopper_pearson(successes, n, confidence=0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        clopper_pearson(1, 2, confidence=confidence)
    with pytest.raises(ValueError, match="confidence"):
        quantile_bounds(np.arange(10.0), quantile=0.5, confidence=confidence)


# --- how many rows a proof takes


def proves(successes: int, n: int, limit: float, confidence: float) -> bool:
    return clopper_pearson(successes, n, confidence=confidence).low >= limit


@given(
    limit=st.floats(0.5, 0.97),
    gain=st.floats(0.1, 1.0),
    confidence=st.sampled_from([0.9, 0.95, 0.975, 0.99]),
)
def test_rows_needed_prove_it_and_one_row_less_does_not(limit: float, gain: float, confidence: float) -> None:
    expected = limit + gain * (1 - limit)
    needed = rows_needed(limit=limit, expected=expected, confidence=confidence)
    assert needed is not None
    rows, successes = needed
    assert successes == math.floor(rows * expected + 1e-9)
    for more in range(40):
        assert proves(math.floor((rows + more) * expected + 1e-9), rows + more, limit, confidence)
    if rows > 1:
        assert not proves(math.floor((rows - 1) * expected + 1e-9), rows - 1, limit, confidence)


@pytest.mark.parametrize(("limit", "expected"), [(0.9, 0.9), (0.9, 0.5), (1.0, 1.0)])
def test_some_limits_no_number_of_rows_can_prove(limit: float, expected: float) -> None:
    assert rows_needed(limit=limit, expected=expected, confidence=0.95) is None


def test_a_limit_of_nothing_takes_a_row() -> None:
    assert rows_needed(limit=0.0, expected=0.0, confidence=0.95) == (1, 0)


# --- order statistics


@given(
    n=st.integers(1, 300),
    quantile=st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99]),
    confidence=st.sampled_from([0.9, 0.95, 0.99]),
)
def test_order_statistics_bound_the_quantile_and_no_smaller_sample_does(
    n: int, quantile: float, confidence: float
) -> None:
    bounds = quantile_bounds(np.arange(1.0, n + 1), quantile=quantile, confidence=confidence)
    # Sample number r lies above the quantile when at most r − 1 samples lie below: a binomial sum.
    above = stats.binom.cdf(np.arange(n), n, quantile)
    enough = [rank for rank in range(1, n + 1) if above[rank - 1] >= confidence]
    assert bounds.high == (float(enough[0]) if enough else None)
    below = [rank for rank in range(1, n + 1) if stats.binom.sf(rank - 1, n, quantile) >= confidence - 1e-12]
    assert bounds.low == (float(below[-1]) if below else None)


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), quantile=st.sampled_from([0.05, 0.5, 0.95]),
    confidence=CONFIDENCES,
)  # fmt: skip
def test_the_quantile_lies_between_its_bounds_and_is_that_of_numpy(
    values: list[float], quantile: float, confidence: float
) -> None:
    samples = np.array(values)
    bounds = quantile_bounds(samples, quantile=quantile, confidence=confidence)
    assert bounds.value == np.quantile(samples, quantile, method="inverted_cdf")
    if confidence >= 0.9:
        assert bounds.low is None or bounds.low <= bounds.value
        assert bounds.high is None or bounds.high >= bounds.value


def test_the_bounds_of_a_quantile_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    truth = stats.lognorm.ppf(0.95, 0.5)
    samples = generator.lognormal(0.0, 0.5, (2000, 100))
    found = [quantile_bounds(row, quantile=0.95, confidence=0.95) for row in samples]
    assert np.mean([bound.high is not None and bound.high >= truth for bound in found]) >= 0.94
    assert np.mean([bound.low is not None and bound.low <= truth for bound in found]) >= 0.94


@given(quantile=st.sampled_from([0.5, 0.9, 0.95, 0.99]), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_fewest_samples_that_have_an_upper_bound(quantile: float, confidence: float) -> None:
    needed = samples_needed(quantile=quantile, confidence=confidence)
    enough = quantile_bounds(np.arange(float(needed)), quantile=quantile, confidence=confidence)
    assert enough.high == needed - 1
    if needed > 1:
        fewer = quantile_bounds(np.arange(float(needed - 1)), quantile=quantile, confidence=confidence)
        assert fewer.high is None


def test_no_sample_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        quantile_bounds(np.empty(0), quantile=0.95, confidence=0.95)


# --- openings of the test split


@given(st.floats(0.001, 0.2))
def test_the_levels_of_all_openings_add_up_to_alpha(alpha: float) -> None:
    total = sum(opening_level(k, alpha=alpha) for k in range(1, 10_001))
    assert total <= alpha
    assert total == pytest.approx(alpha, rel=1e-3)


def test_openings_count_from_one() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        opening_level(0)
