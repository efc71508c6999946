"""Importance of attributes, against numbers by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from marketfit.demand import ChoiceData, Coding, UtilityDraws, fit_mnl, importance

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]


@pytest.fixture
def coding(data_with_none: ChoiceData) -> Coding:
    """Price from 1 to 4 in pieces, size in a line, three brands, none."""
    return Coding.from_data(data_with_none, options={"price": "piecewise"})


def test_ranges_by_hand(coding: Coding) -> None:
    low, high = next((term.low, term.high) for term in coding.terms if term.kind == "linear")
    # Utility of price 1, 2, 3, 4 is 0, −1, 1, 0.5: range 2. Size: 2 × its range. Brands 0, 0.7, −0.4: range 1.1.
    point = [-1.0, 2.0, -0.5, -2.0, 0.7, -0.4, 5.0]
    found = importance(UtilityDraws(np.array([point]), coding, 10))
    ranges = np.array([2.0, 2.0 * (high - low), 1.1])
    np.testing.assert_allclose(found.percent, 100 * ranges / ranges.sum())
    assert found.attributes == ("price", "size", "brand")
    assert np.isnan(found.low).all()
    assert found.mean["brand"] == pytest.approx(110 / ranges.sum())


def test_people_who_want_opposite_things_do_not_cancel_out(coding: Coding) -> None:
    size = np.zeros(7)
    size[3] = 1.0
    people = np.array([[size, -size, np.zeros(7)]])
    assert importance(UtilityDraws(people, coding, 3, np.array([1.0, 1.0, 0.0]))).mean["size"] == pytest.approx(100.0)
    third = importance(UtilityDraws(people, coding, 3)).mean  # who wants nothing counts all three attributes alike
    assert third["size"] == pytest.approx(200 / 3 + 100 / 9)


def test_of_a_fitted_model(data: ChoiceData, read_choices: Maker, make_table: Tables) -> None:
    few, many = (importance(fit_mnl(read_choices(make_table(7, people=people)))) for people in (40, 400))
    assert (few.sample_size, many.sample_size) == (40, 400)
    np.testing.assert_allclose(many.percent_draws.sum(axis=1), 100.0)
    assert ((many.low < many.percent) & (many.percent < many.high)).all()
    assert ((many.high - many.low) < (few.high - few.low)).all()
    model = fit_mnl(data)
    np.testing.assert_array_equal(importance(model, rng=1).percent, importance(model, rng=1).percent)
