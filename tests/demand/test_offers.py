"""Offers are given by name, in a list or as a table; anything else is refused with what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from marketfit.demand import Change, ChoiceData, fit_mnl, price_curve, search_line, simulate, what_if
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


def test_a_model_with_an_attribute_called_name_keeps_it(make_table: Callable[..., pl.DataFrame]) -> None:
    table = make_table(1).rename({"brand": "name"})
    data = ChoiceData.from_table(
        table, respondent="person", task="task", alternative="alt", chosen="won", attributes=["price", "name"]
    )
    offers = [{"price": 1.0, "name": "ajax"}, {"price": 1.0, "name": "bolt"}]
    assert simulate(fit_mnl(data), offers).offers == ("1", "2")
