"""Raking: targets are met, a published example, trimming, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand.respondents.raking import rake
from marketfit.errors import DataError


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), people=st.integers(60, 400))
def test_margins_are_met_and_weights_average_one(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    sample = {"sex": rng.choice(["f", "m"], people).tolist(), "age": rng.choice(["a", "b", "c"], people).tolist()}
    sample["sex"][:2], sample["age"][:3] = ["f", "m"], ["a", "b", "c"]
    targets = {"sex": {"f": 0.5, "m": 0.5}, "age": {"a": 0.3, "b": 0.3, "c": 0.4}}
    made = rake(sample, targets, limits=(1e-6, 1e6))
    assert made.weights.mean() == pytest.approx(1.0)
    assert made.largest_gap < 1e-6
    for name, wanted in targets.items():
        for level, share in wanted.items():
            here = np.array(sample[name]) == level
            assert made.weights[here].sum() / people == pytest.approx(share, abs=1e-6)
    assert 1 <= made.effective <= people + 1e-9


def test_one_variable_is_post_stratification() -> None:
    made = rake({"age": ["y"] * 30 + ["o"] * 70}, {"age": {"y": 0.5, "o": 0.5}})
    np.testing.assert_allclose(made.weights, [0.5 / 0.3] * 30 + [0.5 / 0.7] * 70)
    # Kish: n / (1 + cv²)
    assert made.effective == pytest.approx(100 / (1 + made.weights.var()))


def test_interior_cells_keep_their_odds_ratio() -> None:
    """Raking leaves the association alone (Deming & Stephan 1940): odds ratios of the table stay as they were."""
    counts = {("a", "x"): 30, ("a", "y"): 10, ("b", "x"): 20, ("b", "y"): 40}
    rows = [cell for cell, count in counts.items() for _ in range(count)]
    made = rake({"one": [r[0] for r in rows], "two": [r[1] for r in rows]},
                {"one": {"a": 0.6, "b": 0.4}, "two": {"x": 0.3, "y": 0.7}})  # fmt: skip
    sums = {cell: made.weights[[r == cell for r in rows]].sum() for cell in counts}
    odds = sums["a", "x"] * sums["b", "y"] / (sums["a", "y"] * sums["b", "x"])
    assert odds == pytest.approx(30 * 40 / (10 * 20), rel=1e-6)


def test_trimmed_weights_are_told_with_what_they_miss() -> None:
    made = rake({"age": ["y"] * 99 + ["o"]}, {"age": {"y": 0.5, "o": 0.5}})
    assert made.trimmed >= 1
    assert made.weights.max() <= 5.0 * 1.05
    assert made.largest_gap > 0.3


def test_every_misfit_is_named() -> None:
    with pytest.raises(DataError) as error:
        rake({"age": ["y", "o", "x"]}, {"age": {"y": 0.5, "o": 0.3, "z": 0.1}, "sexx": {"f": 1.0}})
    told = str(error.value)
    for said in ("the shares sum to 0.9", "1 respondents are 'x'", "nobody is 'z'", "no such variable"):
        assert said in told


def test_raking_begins_at_the_weights_of_a_sampling_plan() -> None:
    """Within a level, people keep the ratio of the weights that they began with."""
    ages, targets = {"age": ["a", "a", "a", "b"]}, {"age": {"a": 0.5, "b": 0.5}}
    found = rake(ages, targets, start=np.array([4.0, 2.0, 2.0, 9.0]))
    assert found.weights == pytest.approx([1.0, 0.5, 0.5, 2.0])
    for wrong in (np.ones(3), np.array([1.0, 0.0, 1.0, 1.0])):
        with pytest.raises(DataError, match="start: "):
            rake(ages, targets, start=wrong)
