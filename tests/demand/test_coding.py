"""Coding: designs of data and of offers agree, and nothing is extrapolated in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.demand import ChoiceData, Coding, Levels, Piecewise, fit_mnl
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]
finite = st.floats(-1e6, 1e6)


def offer_of_row(data: ChoiceData, row: int) -> dict[str, float | str]:
    """The offer that a row of choice data shows."""
    offer: dict[str, float | str] = {data.alternative_column: data.alternatives[data.alternative[row]]}
    for item in data.attributes:
        offer[item.name] = item.levels[item.codes[row]] if item.levels else float(item.values[row])
    return offer


def messages(error: DataError) -> str:
    return "\n".join(map(str, error.problems))


@pytest.mark.parametrize("price", ["linear", "piecewise", "levels", Piecewise((2.5,))])
@pytest.mark.parametrize("brand", ["levels", Levels("crow")])
def test_offers_are_coded_like_data(data: ChoiceData, price: object, brand: object) -> None:
    coding = Coding.from_data(data, options={"price": price, "brand": brand}, constants=True)  # type: ignore[dict-item]
    design = coding.design(data)
    assert design.extrapolated == ()
    for row in range(0, data.rows, 17):
        coded = coding.code(offer_of_row(data, row))
        np.testing.assert_array_equal(coded.matrix[0], design.matrix[row])
        assert coded.extrapolated == ()


def test_columns_and_their_order(data_with_none: ChoiceData) -> None:
    coding = Coding.from_data(data_with_none, options={"price": "piecewise"}, constants=True, base="w")
    assert coding.columns == (
        "price_1_to_2", "price_2_to_3", "price_3_to_4", "size", "brand_bolt", "brand_crow",
        "asc_x", "asc_y", "asc_z", "none",
    )  # fmt: skip
    assert coding.columns_of("price") == ("price_1_to_2", "price_2_to_3", "price_3_to_4")
    assert (coding.columns_of("asc_y"), coding.columns_of("nothing")) == (("asc_y",), ())


def test_none_is_zero_but_for_its_constant(data_with_none: ChoiceData) -> None:
    # Size is never 0 and price never below 1, so a zero is not what clamping gives.
    coding = Coding.from_data(data_with_none)
    matrix = coding.design(data_with_none).matrix
    none_rows = matrix[data_with_none.is_none]
    np.testing.assert_array_equal(none_rows, np.tile(coding.code_none(), (len(none_rows), 1)))
    assert coding.code_none().tolist() == [[0, 0, 0, 0, 1]]
    assert not matrix[~data_with_none.is_none][:, -1].any()


@given(numbers=st.lists(finite, min_size=1, max_size=20), ends=st.tuples(finite, finite))
def test_linear_clamps_and_tells(numbers: list[float], ends: tuple[float, float]) -> None:
    low, high = sorted(ends)
    term = LinearTerm("size", low, high)
    values = np.array(numbers)
    coded, outside = term.encode(values)[:, 0], term.outside(values)
    assert ((coded >= low) & (coded <= high)).all()
    np.testing.assert_array_equal(coded[~outside], values[~outside])
    assert (coded[outside] != values[outside]).all()


@given(
    knots=st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True).map(sorted),
    numbers=st.lists(st.integers(-70, 70), min_size=1, max_size=20),
)
def test_piecewise_pieces_add_up_to_the_clamped_number(knots: list[int], numbers: list[int]) -> None:
    term = PiecewiseTerm("size", tuple(map(float, knots)))
    values = np.array(numbers, dtype=float)
    clamped = np.clip(values, knots[0], knots[-1])
    np.testing.assert_allclose(term.encode(values).sum(axis=1), clamped - knots[0])
    np.testing.assert_array_equal(term.outside(values), clamped != values)
    # With any slopes, utility is np.interp between its values at the knots.
    slopes = np.arange(1.0, len(knots))
    at_knots = np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))])
    np.testing.assert_allclose(term.encode(values) @ slopes, np.interp(values, knots, at_knots))


@given(levels=st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True), data=st.data())
def test_levels_round_trip(levels: list[str], data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(levels))
    term = LevelsTerm("brand", tuple(levels), base)
    coded = term.encode(np.arange(len(levels), dtype=float))
    others = [level for level in levels if level != base]
    read = [others[int(row.argmax())] if row.any() else base for row in coded]
    assert read == levels
    assert (coded.sum(axis=1) == [level != base for level in levels]).all()


def test_clamped_offer_names_its_attributes(data: ChoiceData) -> None:
    coding = Coding.from_data(data)
    inside = coding.code({"price": 4, "size": 0.0, "brand": "ajax"})
    beyond = coding.code({"price": 9, "size": 0.0, "brand": "ajax"})
    assert (inside.extrapolated, beyond.extrapolated) == ((), ("price",))
    np.testing.assert_array_equal(inside.matrix, beyond.matrix)


def test_data_beyond_the_tested_range_are_clamped_and_told(data: ChoiceData) -> None:
    numeric = replace(data, attributes=data.attributes[:2])
    dearest = np.maximum.reduceat(data.attributes[0].numbers, data.starts)
    design = Coding.from_data(numeric.take(dearest <= 3)).design(numeric)
    assert "price" in design.extrapolated
    np.testing.assert_array_equal(design.matrix[:, 0], np.minimum(data.attributes[0].numbers, 3))


@pytest.mark.parametrize(
    ("offer", "parts"),
    [
        ({"price": 1, "size": 0}, ["'brand'", "is missing"]),
        ({"price": 1, "size": 0, "brand": "ayax"}, ["unknown level 'ayax'", "did you mean 'ajax'?"]),
        ({"price": "1", "size": 0, "brand": "ajax"}, ["'price'", "is '1'", "finite numbers"]),
        ({"price": float("nan"), "size": 0, "brand": "ajax"}, ["'price'", "nan"]),
        ({"price": 1, "size": 0, "brand": "ajax", "siz": 2}, ["'siz'", "unknown attribute", "'size'"]),
        ({"prize": 1, "size": "big", "brand": "x"}, ["'prize'", "'price'", "'size'", "'x'"]),
    ],
)
def test_bad_offers(data: ChoiceData, offer: dict[str, float | str], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Coding.from_data(data).code(offer)
    assert all(part in messages(caught.value) for part in parts), messages(caught.value)


def test_constants_ask_for_the_alternative(data: ChoiceData) -> None:
    coding = Coding.from_data(data, constants=True)
    offer = {"price": 1, "size": 0, "brand": "ajax"}
    for cells, part in ((offer, "'alt': is missing"), ({**offer, "alt": "q"}, "unknown alternative 'q'")):
        with pytest.raises(DataError) as caught:
            coding.code(cells)
        assert part in messages(caught.value)
    assert coding.code({**offer, "alt": "z"}).matrix[0, -3:].tolist() == [0, 0, 0]
    assert coding.code({**offer, "alt": "w"}).matrix[0, -3:].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("options", "extra", "part"),
    [
        ({"prise": "linear"}, {}, "did you mean 'price'?"),
        ({"brand": "linear"}, {}, "text cannot be coded 'linear'"),
        ({"price": "cubic"}, {}, "unknown option 'cubic'"),
        ({"brand": Levels("ayax")}, {}, "unknown base level 'ayax'"),
        ({"size": "piecewise"}, {}, "too many"),
        ({"price": Piecewise((3.0, 2.0))}, {}, "ascending, between 1 and 4"),
        ({"price": Piecewise((9.0,))}, {}, "ascending, between 1 and 4"),
        ({}, {"base": "w"}, "there are no constants"),
        ({}, {"constants": True, "base": "q"}, "no such alternative"),
    ],
)
def test_bad_options(data: ChoiceData, options: dict[str, object], extra: dict[str, object], part: str) -> None:
    with pytest.raises(DataError) as caught:
        Coding.from_data(data, options=options, **extra)  # type: ignore[arg-type]
    assert part in messages(caught.value)


def test_single_level_and_colliding_columns(read_choices: Maker) -> None:
    table: dict[str, list[object]] = {"person": [1, 1], "task": [1, 1], "alt": ["x", "y"], "won": [1, 0]}
    with pytest.raises(DataError, match="single level 'a'"):
        Coding.from_data(read_choices({**table, "brand": ["a", "a"]}, attributes=["brand"]))
    clash = read_choices({**table, "brand": ["a", "b"], "brand_b": [1, 2]}, attributes=["brand", "brand_b"])
    with pytest.raises(DataError, match="two columns of the design have this name"):
        Coding.from_data(clash)


def test_other_data_must_fit_the_coding(data: ChoiceData, data_with_none: ChoiceData, read_choices: Maker) -> None:
    table = {
        "person": [1, 1],
        "task": [1, 1],
        "alt": ["x", "q"],
        "won": [1, 0],
        "price": [1, 2],
        "brand": ["a", "crow"],
    }
    with pytest.raises(DataError) as caught:
        Coding.from_data(data, constants=True).design(read_choices(table, attributes=["price", "brand"]))
    for part in ("'size'", "unknown level 'a'", "unknown alternative 'q'"):
        assert part in messages(caught.value)
    with pytest.raises(DataError, match=r"rows \d.*the none option 'none'"):
        Coding.from_data(data).design(data_with_none)


def test_unknown_levels_and_alternatives_name_their_rows(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(2, none=True)
    model = fit_mnl(read_choices(table), constants=True)
    place = pl.int_range(pl.len())
    marked = table.sample(fraction=1.0, shuffle=True, seed=1).with_columns(
        brand=pl.when(place.is_in([7, 3]) & pl.col("brand").is_not_null()).then(pl.lit("bold")).otherwise("brand"),
        alt=pl.col("alt").replace({"y": "q"}),
    )
    wrong = [index + 1 for index, brand in enumerate(marked["brand"].to_list()) if brand == "bold"]
    others = [index + 1 for index, name in enumerate(marked["alt"].to_list()) if name == "q"]
    with pytest.raises(DataError) as caught:
        model.predict(read_choices(marked))
    found = [str(problem) for problem in caught.value.problems]
    named = f"row{'s' if len(wrong) > 1 else ''} {', '.join(map(str, wrong))}"
    assert f"attribute 'brand', {named}: unknown level 'bold'; did you mean 'bolt'?" in found[0]
    first = ", ".join(map(str, others[:5]))
    assert f"column 'alt', rows {first} and {len(others) - 5} more: unknown alternative 'q'" in found[1]


def test_levels_that_name_the_row_are_refused(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(2).with_columns(brand="item " + pl.int_range(pl.len()).cast(pl.String))
    with pytest.raises(DataError, match=r"attribute 'brand': has \d+ levels in \d+ rows, such as 'item 0' and"):
        fit_mnl(read_choices(table))
    with pytest.raises(DataError, match=r"attribute 'size': has .*code numbers 'linear'"):
        fit_mnl(read_choices(make_table(2)), coding={"size": "levels"})
