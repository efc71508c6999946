"""Diagnostics: counts by hand, errors against models that were fitted, and what cannot be told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketfit.demand import (
    ChoiceDesign,
    DesignSpace,
    Prohibition,
    balanced_design,
    d_error,
    diagnose,
    efficient_design,
    fit_mnl,
    normal_prior,
    simulate_answers,
    space_coding,
)
from marketfit.errors import DataError

SMALL = DesignSpace({"a": ("x", "y"), "b": (1.0, 2.0, 3.0)}, alternatives=2, tasks=3, none=False)
CODES = np.array([[[[0, 0], [1, 1]], [[0, 1], [1, 2]], [[0, 2], [0, 2]]]])


def test_counts_and_overlap_by_hand() -> None:
    report = diagnose(ChoiceDesign(SMALL, CODES))
    assert report.levels == {"a": {"x": 4, "y": 2}, "b": {"1": 1, "2": 2, "3": 3}}
    assert report.pairs["a", "b"].tolist() == [[1, 1, 2], [0, 1, 1]]
    assert report.level_imbalance == pytest.approx(0.5)  # b = 1 or 3, against an average of 2
    assert report.pair_imbalance == pytest.approx(1.0)  # two of (x, 3) and none of (y, 1), against an average of 1
    assert report.overlap == pytest.approx({"a": 1 / 3, "b": 1 / 3})
    assert report.places["a"].tolist() == [[3, 1], [0, 2]]
    assert report.places["b"].tolist() == [[1, 0], [1, 1], [1, 2]]
    assert report.place_imbalance == pytest.approx(1.0)  # y never stands first
    assert "of levels over the places of a task 100.0%" in str(report)
    assert report.dominated == 1  # the last task shows one thing twice


def test_pairs_that_a_prohibition_rules_out_do_not_count_as_uneven() -> None:
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2"), "b": ("1", "2")}
    space = DesignSpace(levels, alternatives=2, tasks=2, none=False, prohibited=(Prohibition({"a": "1", "b": "1"}),))
    design = ChoiceDesign(space, np.array([[[[0, 1], [1, 0]], [[0, 1], [1, 0]]]]))
    assert diagnose(design).pair_imbalance == pytest.approx(1.0)  # (2, 2) is allowed and never shown
    unruled = ChoiceDesign(DesignSpace(levels, alternatives=2, tasks=2, none=False), design.codes)
    assert diagnose(unruled).pairs["a", "b"].tolist() == [[0, 2], [2, 0]]


def test_expected_errors_are_those_of_fitted_models() -> None:
    space = DesignSpace({"brand": ("a", "b", "c"), "price": (1.0, 2.0, 4.0)}, tasks=6, versions=4)
    coding = space_coding(space)
    truth = {"brand_b": 0.5, "brand_c": -0.3, "price": -0.6, "none": -0.5}
    report = diagnose(design := balanced_design(space), normal_prior(coding, means=truth), respondents=200)
    spread = []
    for seed in range(60):
        data = simulate_answers(design, coding, np.array(list(truth.values())), respondents=200, rng=seed)
        result = fit_mnl(data, coding=coding, errors="classical")
        spread.append(list(result.coefficients.values()))
        errors = result.standard_errors
        assert errors == pytest.approx(report.standard_errors, rel=0.1)
    # Sixty estimates tell their own standard deviation to about 9 %.
    assert np.std(spread, axis=0) == pytest.approx(np.array(list(report.standard_errors.values())), rel=0.3)
    for name, needed in report.s_estimates.items():
        z_at_200 = abs(truth[name]) / report.standard_errors[name]
        assert needed == pytest.approx(200 * (1.959964 / z_at_200) ** 2)


def test_efficiency_is_respondents() -> None:
    """Asking every task twice doubles the information, as twice as many respondents would: half the D-error."""
    once = balanced_design(SMALL, rng=1)
    twice = ChoiceDesign(
        DesignSpace(SMALL.levels, alternatives=2, tasks=6, none=False), np.concatenate([once.codes] * 2, axis=1)
    )
    prior = normal_prior(space_coding(SMALL))
    assert d_error(once, prior) == pytest.approx(2 * d_error(twice, prior))
    report = diagnose(efficient_design(SMALL, prior), prior)
    assert report.relative_efficiency == pytest.approx(report.d_error_random / report.d_error)
    assert report.relative_efficiency > 1


def test_what_cannot_be_told_apart_is_named() -> None:
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2"), "b": ("1", "2"), "c": (1.0, 2.0, 3.0)}
    tied = (Prohibition({"a": "1"}, unless={"b": "1"}), Prohibition({"a": "2"}, unless={"b": "2"}))
    space = DesignSpace(levels, prohibited=tied)
    report = diagnose(balanced_design(space))
    assert report.unidentified == ("a_2", "b_2")
    assert math.isinf(report.d_error)
    assert math.isnan(report.relative_efficiency)
    assert [name for name, error in report.standard_errors.items() if math.isinf(error)] == ["a_2", "b_2"]
    assert "can't be told apart: a_2, b_2" in str(report)


def test_interactions_are_identified_where_all_pairs_meet() -> None:
    levels: dict[str, tuple[float | str, ...]] = {"a": ("1", "2"), "b": ("1", "2"), "c": (1.0, 2.0, 3.0)}
    space = DesignSpace(levels, tasks=8, versions=4)
    forbids = DesignSpace(levels, tasks=8, versions=4, prohibited=(Prohibition({"a": "2", "b": "2"}),))
    pairs = [("a", "b"), ("a", "c")]
    assert diagnose(balanced_design(space), interactions=pairs).interactions == {("a", "b"): True, ("a", "c"): True}
    found = diagnose(balanced_design(forbids), interactions=pairs)
    assert found.interactions == {("a", "b"): False, ("a", "c"): True}
    assert "interaction of a and b: not identified" in str(found)


def test_progress_ends_at_one() -> None:
    done: list[float] = []
    diagnose(ChoiceDesign(SMALL, CODES), progress=done.append)
    assert done == [0.25, 0.5, 0.75, 1.0]


def test_mistakes_are_told_together() -> None:
    with pytest.raises(DataError) as error:
        diagnose(ChoiceDesign(SMALL, CODES), respondents=0, interactions=[("a", "d")])
    assert len(error.value.problems) == 2
