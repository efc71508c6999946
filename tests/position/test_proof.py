"""Levels of the openings, successes that prove a rate, rows to plan for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from marketfit.brief import Brief
from marketfit.contract import Measurement, Requirement
from marketfit.measure.intervals import clopper_pearson, opening_level
from marketfit.measure.proof import confidence_at
from marketfit.position import rows_plan
from marketfit.position.kept import Test as LockedTest
from marketfit.position.kept import probability_met, successes_needed

MakeBrief = Callable[..., Brief]


@given(st.floats(0.5, 0.999), st.integers(1, 2000))
def test_levels_of_all_openings_add_up_to_alpha(confidence: float, openings: int) -> None:
    spent = math.fsum(opening_level(k, alpha=1 - confidence) for k in range(1, openings + 1))
    assert spent == pytest.approx((1 - confidence) * openings / (openings + 1))
    assert spent < 1 - confidence


def test_an_opening_is_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        opening_level(0)


@given(limit=st.floats(0.01, 0.999), rows=st.integers(1, 120), opening=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_successes_needed_by_brute_force(limit: float, rows: int, opening: int) -> None:
    need = Requirement(metric="accuracy", op=">=", limit=limit)
    confidence = confidence_at(need, opening)
    enough = [k for k in range(rows + 1) if clopper_pearson(k, rows, confidence=confidence).low >= limit]
    assert successes_needed(need, LockedTest(rows, opening)) == (enough[0] if enough else None)


def test_probability_met_is_the_share_of_tests_that_prove_it() -> None:
    """540 of 600 valid rows are right; draw the true rate, then the test, and count the proofs."""
    need = Requirement(metric="accuracy", op=">=", limit=0.87)
    test = LockedTest(400, 1)
    bounds = clopper_pearson(540, 600, confidence=0.95)
    measured = Measurement(metric="accuracy", value=0.9, low=bounds.low, high=bounds.high, n=600)
    rng = np.random.default_rng(0)
    right = rng.binomial(400, rng.beta(540.5, 60.5, size=100_000))
    needed = successes_needed(need, test)
    assert needed is not None
    assert probability_met(need, measured, test) == pytest.approx((right >= needed).mean(), abs=0.005)


def test_the_plan_says_what_the_split_can_prove(brief_with: MakeBrief) -> None:
    plan = rows_plan(brief_with('{accuracy: ">= 0.85", latency_p95_ms: "<= 10"}'), 300)
    assert [item.metric for item in plan] == ["accuracy"]
    found = plan[0]
    assert found.enough
    assert not found.approximate
    assert found.provable is not None
    needed = successes_needed(Requirement.parse("accuracy", ">= 0.85"), LockedTest(300, 1))
    assert needed is not None
    assert binom.sf(needed - 1, 300, found.provable) == pytest.approx(0.9)
    assert f"{found.provable:.4g}" in found.text
    assert [margin.expected for margin in found.margins] == [0.86, 0.87, 0.88, 0.9, 0.925, 0.95]
    rows = [margin.rows or 0 for margin in found.margins]
    assert rows == sorted(rows, reverse=True)


def test_planned_rows_have_the_power_that_they_promise(brief_with: MakeBrief) -> None:
    for margin in rows_plan(brief_with('{accuracy: ">= 0.95"}'), 300)[0].margins:
        assert margin.rows is not None
        needed = successes_needed(Requirement.parse("accuracy", ">= 0.95"), LockedTest(margin.rows, 1))
        assert needed is not None
        assert 0.9 <= binom.sf(needed - 1, margin.rows, margin.expected) < 0.96


def test_a_split_too_small_is_said_before_any_training(brief_with: MakeBrief) -> None:
    found = rows_plan(brief_with('{accuracy: ">= 0.95"}'), 50)[0]
    assert (found.enough, found.provable) == (False, None)
    assert "can't prove it" in found.text
    assert {margin.chance for margin in found.margins} == {0.0}
    # Without an error n rows prove it when 0.95**n <= 0.025, which begins at 72.
    assert rows_plan(brief_with('{accuracy: ">= 0.95"}'), 71)[0].enough is False
    assert rows_plan(brief_with('{accuracy: ">= 0.95"}'), 72)[0].enough


def test_later_openings_need_more(brief_with: MakeBrief) -> None:
    brief = brief_with('{accuracy: ">= 0.85"}')
    first, third = (rows_plan(brief, 300, opening=k)[0] for k in (1, 3))
    assert first.provable is not None
    assert third.provable is not None
    assert third.provable > first.provable
    assert "opening 3" in third.text


def test_metrics_that_are_no_rates_are_planned_as_such_or_not_at_all(brief_with: MakeBrief) -> None:
    brief = brief_with('{macro_f1: ">= 0.8", log_loss: "<= 0.5", worst_class_recall: ">= 0.5"}')
    f1, loss, unknown = rows_plan(brief, 300)
    assert (f1.approximate, f1.enough) == (True, True)
    assert "about" in f1.text
    assert (loss.enough, loss.provable, loss.margins) == (None, None, ())
    assert unknown.enough is None
    recall = rows_plan(brief, 300, smallest_class=20)[2]
    assert (recall.test_rows, recall.enough) == (20, True)
    assert "of the smallest class" in recall.text


def test_the_plan_of_the_worst_slice_is_that_of_the_smallest_one(brief_with: Callable[..., Brief]) -> None:
    brief = brief_with('{worst_slice_accuracy: ">= 0.7"}')
    few, some, many = (rows_plan(brief, rows)[0] for rows in (199, 645, 4500))
    assert (few.enough, few.test_rows) == (False, 0)
    assert "199 test rows are too few for slices; it takes 200 at the least." in few.text
    assert (some.enough, some.test_rows, many.test_rows) == (True, 53, 112)
    assert some.provable is not None
    assert many.provable is not None
    assert some.provable > many.provable > 0.7
    assert "53 test rows of the smallest slice prove it" in some.text
    assert "for 0.85 it takes about 90 (3,600 test rows in all)" in some.text
    assert rows_plan(brief_with('{worst_slice_accuracy: ">= 0.95"}'), 645)[0].enough is False
