"""Offers are given by name, in a list or as a table; anything else is refused with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from marketfit.demand import Change, ChoiceData, Offers, fit_mnl, price_curve, search_line, simulate, what_if
from marketfit.errors import DataError

LISTED = [{"price": 2.0, "size": 0.0, "brand": "ajax"}, {"price": 3.0, "size": 1.0, "brand": "bolt"}]


@pytest.mark.parametrize("kind", [list, tuple, pl.DataFrame, pd.DataFrame, pa.Table.from_pylist])
def test_offers_may_be_a_list_or_a_table(data: ChoiceData, kind: Callable[..., Any]) -> None:
    model = fit_mnl(data)
    named = [{"name": name, **offer} for name, offer in zip(("ours", "theirs"), LISTED, strict=True)]
    expected = simulate(model, dict(zip(("ours", "theirs"), LISTED, strict=True)))
    found = simulate(model, kind(named))
    assert found.mean == expected.mean
    assert list(simulate(model, kind(LISTED)).mean.items()) == list(zip("12", expected.mean.values(), strict=True))
    change = [Change("theirs", "price", 1.0)]
    assert what_if(model, kind(named), changes=change).after.offers == ("ours", "theirs")
    assert price_curve(model, kind(LISTED), offer="2", prices=[1, 2]).share[1] > 0
    assert search_line(model, kind(LISTED), candidates=kind([LISTED[0] | {"name": "new"}])).lines[0].offers == ("new",)


NAMED = {"ours": LISTED[0], "theirs": LISTED[1]}
INDEXED = pd.DataFrame(LISTED, index=["ours", "theirs"])


@pytest.mark.parametrize(
    "offers",
    [
        pd.DataFrame(NAMED).T,
        INDEXED,
        INDEXED.rename_axis("name"),
        INDEXED.rename_axis("product"),
        INDEXED.rename_axis("alt"),  # of the alternative column, of which this model has no coefficients
        pa.Table.from_pandas(INDEXED),
        pd.DataFrame(LISTED, index=[7, 3]).assign(name=["ours", "theirs"]),
        pd.DataFrame(LISTED).assign(offer=["ours", "theirs"]),
        pl.DataFrame(LISTED).with_columns(offer=pl.Series(["ours", "theirs"])),
        [{"offer": name, **offer} for name, offer in NAMED.items()],
    ],
)
def test_names_of_offers_stand_in_the_index_or_in_a_column(data: ChoiceData, offers: Offers) -> None:
    model = fit_mnl(data)
    assert simulate(model, offers).mean == simulate(model, NAMED).mean


def test_an_index_that_counts_rows_is_no_name_and_one_of_an_attribute_is_that(data: ChoiceData) -> None:
    model = fit_mnl(data)
    counted = pd.DataFrame([*LISTED, *LISTED])
    assert simulate(model, counted[::2]).offers == ("1", "2")
    assert simulate(model, counted.iloc[[3, 0, 1]]).offers == ("1", "2", "3")
    assert simulate(model, pd.DataFrame(LISTED).set_index("brand")).mean == simulate(model, LISTED).mean
    both = pd.DataFrame(LISTED, index=pd.MultiIndex.from_tuples([("ours", "new"), ("theirs", "old")]))
    assert simulate(model, both).offers == ("ours new", "theirs old")


def test_of_two_names_one_is_an_attribute_that_nobody_knows(data: ChoiceData) -> None:
    with pytest.raises(DataError, match=r"offer 'ours': 'offer': unknown attribute"):
        simulate(fit_mnl(data), [{"name": "ours", "offer": "x", **LISTED[0]}])


def test_an_empty_cell_of_a_table_is_a_value_that_is_missing(data: ChoiceData) -> None:
    table = pl.DataFrame([*LISTED, {"price": 1.0, "size": None, "brand": "ajax"}])
    with pytest.raises(DataError, match=r"offer '3': 'size': is missing"):
        simulate(fit_mnl(data), table)


@pytest.mark.parametrize(
    ("offers", "part"),
    [
        ("ours", "offers: are of type 'str'; name → attributes, a list of them, or a table"),
        (3, "are of type 'int'"),
        ({"price": 2.0, "brand": "ajax"}, "offer 'price': is 2.0; attribute → value"),
        ([2.0, LISTED[0]], "offer '1': is 2.0; attribute → value"),
        ([{"name": "x", **LISTED[0]}, {"name": "x", **LISTED[1]}], "offer 'x': is there twice"),
        (pd.DataFrame({"price": [1, "x"], "size": [0, 1], "brand": ["ajax", "bolt"]}), "offers: cannot be read"),
    ],
)
def test_what_are_no_offers(data: ChoiceData, offers: object, part: str) -> None:
    with pytest.raises(DataError) as caught:
        simulate(fit_mnl(data), offers)  # type: ignore[arg-type]
    assert part in str(caught.value)


@pytest.mark.parametrize("name", ["name", "offer"])
def test_a_model_with_an_attribute_called_so_keeps_it(make_table: Callable[..., pl.DataFrame], name: str) -> None:
    table = make_table(1).rename({"brand": name})
    data = ChoiceData.from_table(
        table, respondent="person", task="task", alternative="alt", chosen="won", attributes=["price", name]
    )
    offers = [{"price": 1.0, name: "ajax"}, {"price": 1.0, name: "bolt"}]
    assert simulate(fit_mnl(data), offers).offers == ("1", "2")
    other = "offer" if name == "name" else "name"
    told = [{other: place, **offer} for place, offer in zip(("ours", "theirs"), offers, strict=True)]
    assert simulate(fit_mnl(data), told).offers == ("ours", "theirs")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("value", "found"),
    [(None, "is None"), (float("nan"), "is nan"), (float("inf"), "is inf"), ("2", "is '2'"), ([2.0], "is [2.0]"),
     (Decimal("1e999"), "is 1E+999"), (pd.NA, "is <NA>"), (np.float32("nan"), "is nan")],
)  # fmt: skip
def test_what_is_no_number_is_told_with_its_place(data: ChoiceData, value: object, found: str, named: bool) -> None:
    wrong: dict[str, Any] = {**LISTED[0], "price": value}
    offers: Any = {"ours": LISTED[1], "theirs": wrong} if named else [LISTED[1], wrong]
    model = fit_mnl(data)
    for ask in (
        lambda: simulate(model, offers),
        lambda: what_if(model, NAMED, changes=[Change("theirs", "price", value)]),  # type: ignore[arg-type]
    ):
        with pytest.raises(DataError, match=f"offer '(theirs|2)': 'price': {re.escape(found)}"):
            ask()


PRICED: dict[str, Any] = NAMED


def test_numbers_of_other_types_are_numbers(data: ChoiceData) -> None:
    model = fit_mnl(data)
    expected = simulate(model, PRICED).mean
    for kind in (np.float32, np.int64, Decimal, Fraction, int):
        offers: Any = {name: {**offer, "price": kind(offer["price"])} for name, offer in PRICED.items()}
        assert simulate(model, offers).mean == expected
