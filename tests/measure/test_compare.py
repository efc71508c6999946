"""Paired comparisons: exact McNemar, and a paired bootstrap that calls a difference only where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from marketfit.measure.compare import compare_scores, mcnemar, mcnemar_p


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_sign_test(only_first: int, only_second: int) -> None:
    total = only_first + only_second
    expected = stats.binomtest(only_first, total, 0.5).pvalue if total else 1.0
    assert mcnemar_p(only_first, only_second) == pytest.approx(expected)
    assert mcnemar_p(only_first, only_second) == mcnemar_p(only_second, only_first)


def test_mcnemar_counts_only_the_rows_where_the_two_disagree() -> None:
    first = np.array([True] * 30 + [True] * 15 + [False] * 5 + [False] * 50)
    second = np.array([True] * 30 + [False] * 15 + [True] * 5 + [False] * 50)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (15, 5)
    assert found.p == pytest.approx(stats.binomtest(5, 20, 0.5).pvalue)


def test_mcnemar_refuses_answers_of_different_rows() -> None:
    with pytest.raises(ValueError, match="same rows"):
        mcnemar([True], [True, False])


def test_a_true_difference_is_found_and_signed() -> None:
    generator = np.random.default_rng(0)
    base = generator.random(800)
    first, second = base < 0.9, base < 0.85  # the same rows are hard for both
    found = compare_scores(first, second, confidence=0.95, seed=0)
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01
    assert found.rows == 800
    turned = compare_scores(second, first, confidence=0.95, seed=0)
    assert turned.difference == -found.difference
    assert turned.high < 0


def test_without_a_difference_it_is_rarely_called() -> None:
    generator = np.random.default_rng(1)
    pairs = [(generator.random(150) < 0.8, generator.random(150) < 0.8) for _ in range(100)]
    found = [compare_scores(a, b, confidence=0.95, seed=number) for number, (a, b) in enumerate(pairs)]
    assert np.mean([item.low > 0 for item in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean([item.p < 0.05 for item in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_pairing_sees_what_two_samples_apart_could_not() -> None:
    generator = np.random.default_rng(2)
    hard = 5 * generator.standard_normal(200)
    found = compare_scores(hard + 0.1 + 0.2 * generator.standard_normal(200), hard, confidence=0.95, seed=0)
    assert found.low > 0


def test_two_models_that_answer_alike_are_not_proved_equal() -> None:
    same = np.ones(100, dtype=np.bool_)
    found = compare_scores(same, same, confidence=0.95, seed=0)
    assert found.difference == 0.0
    assert -0.06 < found.low < -0.01  # with 100 rows, about 3 % could have gone the other way
    assert 0.01 < found.high < 0.06
    assert found.p == 1.0


def test_a_largest_difference_is_used_where_it_is_given() -> None:
    same = np.zeros(50)
    assert compare_scores(same, same, confidence=0.95, seed=0).high == 0.0
    assert compare_scores(same, same, confidence=0.95, seed=0, largest=2.0).high > 0.05


def test_the_same_arguments_give_the_same_result() -> None:
    values = np.random.default_rng(3).random((2, 60))
    assert compare_scores(*values, confidence=0.9, seed=4) == compare_scores(*values, confidence=0.9, seed=4)


def test_scores_that_can_not_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="same rows"):
        compare_scores([1.0], [1.0, 2.0], confidence=0.95, seed=0)
    with pytest.raises(ValueError, match="same rows"):
        compare_scores([], [], confidence=0.95, seed=0)
    with pytest.raises(ValueError, match="not finite"):
        compare_scores([float("nan"), 1.0], [1.0, 1.0], confidence=0.95, seed=0)
