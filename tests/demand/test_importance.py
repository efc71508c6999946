"""Importance of attributes, against numbers by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from marketfit.demand import ChoiceData, Coding, UtilityDraws, fit_mnl, importance
from marketfit.demand.coding.columns import Split
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm

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


def test_a_split_attribute_has_the_average_of_its_ranges() -> None:
    terms = (LinearTerm("time", 0.0, 2.0), LevelsTerm("seat", ("a", "b", "c"), "b"), LinearTerm("price", 1.0, 5.0))
    coding = Coding(
        terms,
        ("bus",),
        "train",
        None,
        "alternative",
        splits=(Split("time", ("bus", "train")), Split("seat", ("bus", "train"))),
    )
    worths = {"time:bus": -1.0, "time:train": 3.0, "price": -0.5, "asc_bus": 9.0}
    # Seats a, b and c: 1, 0 and −1 in a bus, 0.5, 0 and 0.1 in a train.
    worths |= {"seat_a:bus": 1.0, "seat_c:bus": -1.0, "seat_a:train": 0.5, "seat_c:train": 0.1}
    found = importance(UtilityDraws(np.array([[worths[name] for name in coding.columns]]), coding, 10))
    ranges = np.array([(2.0 + 6.0) / 2, (2.0 + 0.5) / 2, 2.0])
    np.testing.assert_allclose(found.percent, 100 * ranges / ranges.sum())


def test_interactions_are_said_to_be_left_out(data: ChoiceData) -> None:
    plain, crossed = fit_mnl(data), fit_mnl(data, interactions=[("price", "brand"), ("size", "brand_bolt")])
    assert importance(plain).interactions == ()
    assert "interactions" not in str(importance(plain))
    assert str(importance(crossed)).endswith("interactions are left out: price:brand, size:brand_bolt")
