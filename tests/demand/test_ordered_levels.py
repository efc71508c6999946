"""Levels keep the order that a table or a design space gives them, from the first column to the stored model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from marketfit.demand import (
    ChoiceData,
    DesignSpace,
    Levels,
    balanced_design,
    fit_latent_class,
    fit_mnl,
    for_people,
    importance,
    latent_segments,
    model_from_json,
    model_to_json,
    normal_prior,
    profile_segments,
    simulate,
    simulate_answers,
    space_coding,
)
from marketfit.errors import DataError

if TYPE_CHECKING:
    from typing import Any

Maker = Callable[..., ChoiceData]
ORDER = ["crow", "ajax", "dodo", "bolt"]  # nobody was shown a dodo
COLUMNS = ("price", "size", "brand_ajax", "brand_bolt")


def as_pandas(table: pl.DataFrame) -> pd.DataFrame:
    return table.to_pandas().assign(brand=lambda frame: pd.Categorical(frame["brand"], ORDER, ordered=True))


def as_enum(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("brand").cast(pl.Enum(ORDER)))


def in_chunks(table: pl.DataFrame) -> pa.Table:
    arrow = pa.table(as_enum(table))
    half = len(table) // 2
    return pa.concat_tables([arrow[:half], arrow[half:]])


KINDS = {
    "pandas": as_pandas,
    "polars": as_enum,
    "arrow": in_chunks,
    "mapping of pandas": lambda table: dict(as_pandas(table).items()),
    "mapping of polars": lambda table: {column.name: column for column in as_enum(table)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_column_is_that_of_the_model(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame], kind: str
) -> None:
    table = make_table(2, none=True)
    data, plain = read_choices(KINDS[kind](table)), read_choices(table)
    assert data.attributes[2].levels == ("crow", "ajax", "bolt")
    model, sorted_one = fit_mnl(data), fit_mnl(plain)
    assert model.coding.columns == (*COLUMNS, "none")
    assert sorted_one.coding.columns == ("price", "size", "brand_bolt", "brand_crow", "none")
    assert model.log_likelihood == pytest.approx(sorted_one.log_likelihood)
    crow = sorted_one.coefficients["brand_crow"]
    assert model.coefficients["brand_ajax"] == pytest.approx(-crow, abs=1e-5)
    assert model.coefficients["brand_bolt"] == pytest.approx(sorted_one.coefficients["brand_bolt"] - crow, abs=1e-5)
    # The base may be another one; the columns stay in order.
    other = fit_mnl(data, coding={"brand": Levels("bolt")})
    assert other.coding.columns == ("price", "size", "brand_crow", "brand_ajax", "none")
    np.testing.assert_allclose(model.predict(plain), sorted_one.predict(data), atol=1e-6)


def test_what_follows_keeps_the_order(read_choices: Maker, make_table: Callable[..., pl.DataFrame]) -> None:
    table = make_table(2)
    data, plain = read_choices(as_enum(table)), read_choices(table)
    model = fit_mnl(data, interactions=[("price", "brand")])
    assert model.coding.columns == (*COLUMNS, "price:brand_ajax", "price:brand_bolt")
    again = model_from_json(model_to_json(model))
    assert again.coding == model.coding
    offers = {name: {"price": 2.0, "size": 0.0, "brand": name} for name in ("crow", "ajax", "bolt")}
    assert simulate(again, offers).mean == simulate(model, offers).mean
    with pytest.raises(DataError, match="unknown level 'dodo'"):
        simulate(model, {"ours": {"price": 2.0, "size": 0.0, "brand": "dodo"}})
    told, known = importance(fit_mnl(data), draws=4000), importance(fit_mnl(plain), draws=4000)
    assert told.mean == pytest.approx(known.mean, abs=0.5)
    with_piecewise = fit_mnl(data, coding={"price": "piecewise"})
    assert with_piecewise.coding.columns[-2:] == ("brand_ajax", "brand_bolt")
    some = data.take(np.arange(data.tasks) < 100)
    assert fit_mnl(some).coding.columns == COLUMNS


def test_levels_of_a_covariate_and_of_a_profile_are_in_order(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    ages = ["young", "middle", "old"]
    table = make_table(3).with_columns(
        age=pl.Series([ages[one % 3] for one in make_table(3)["person"].to_list()], dtype=pl.Enum(ages))
    )
    data = read_choices(table, covariates=["age"])
    model = fit_mnl(data, interactions=[("price", "age")])
    assert model.coding.columns[-2:] == ("price:age_middle", "price:age_old")
    young = for_people(model, {"age": "young"}, draws=50_000).values.mean(axis=(0, 1))
    assert young[0] == pytest.approx(model.coefficients["price"], abs=0.01)
    found = latent_segments(fit_latent_class(data, classes=1, starts=1))
    profile = profile_segments(found, table.group_by("person").first(), respondent="person", columns=["age"])
    assert [share.level for share in profile.covariates[0].shares] == ages  # type: ignore[union-attr]


def test_the_order_of_a_design_space_is_that_of_its_coding() -> None:
    space = DesignSpace({"speed": ("slow", "mid", "fast"), "price": (1.0, 2.0, 3.0)}, alternatives=2, none=False)
    coding = space_coding(space)
    assert coding.columns == ("speed_mid", "speed_fast", "price")
    truth = normal_prior(coding, means={"speed_mid": 0.5, "speed_fast": 1.0, "price": -1.0}).mean
    answers = simulate_answers(balanced_design(space), coding, truth, respondents=300, rng=0)
    model = fit_mnl(answers)
    assert model.coding == coding
    assert list(model.coefficients.values()) == pytest.approx([0.5, 1.0, -1.0], abs=0.2)


def test_numbers_as_categories_keep_their_order() -> None:
    sizes = pd.Categorical([10, 9, 10, 9, 9, 10], categories=[10, 9], ordered=True)
    table: dict[str, Any] = {"q": [1, 1, 2, 2, 3, 3], "alt": ["x", "y"] * 3, "won": [1, 0] * 3, "size": sizes}
    data = ChoiceData.from_table(table, task="q", alternative="alt", chosen="won", attributes=["size"])
    assert data.attributes[0].levels == ("10", "9")
