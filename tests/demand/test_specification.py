"""What a model is made of is said alike to all four fits; what one of them does not know is told by its name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from marketfit.demand import (
    ChoiceData,
    ChoiceModel,
    MixedResult,
    fit_hb,
    fit_latent_class,
    fit_mixed,
    fit_mnl,
    for_people,
    simulate,
)
from marketfit.demand.models.arguments import Specification
from marketfit.errors import DataError

Fit = Callable[..., ChoiceModel]

FITS: dict[str, Fit] = {
    "mnl": fit_mnl,
    "mixed": lambda data, **options: fit_mixed(data, random={"price": "normal"}, draws=30, **options),
    "hb": lambda data, **options: fit_hb(data, iterations=20, chains=1, **options),
    "latent class": lambda data, **options: fit_latent_class(data, classes=1, starts=1, **options),
}
BOTH = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


@pytest.fixture(scope="module")
def data(read_choices: Callable[..., ChoiceData], make_table: Callable[..., pl.DataFrame]) -> ChoiceData:
    table = make_table(3, people=60).with_columns(income=1.0 + pl.col("person") % 5)
    return read_choices(table, covariates=["income"])


@BOTH
def test_constants_base_and_interactions(fit: Fit, data: ChoiceData) -> None:
    plain = fit(data, constants=False)
    assert plain.coding.columns == ("price", "size", "brand_bolt", "brand_crow")
    crossed = [("price", "size"), ("price", "income")]
    full = fit(data, constants=True, base="x", interactions=crossed, coding={"size": "linear"}, signs={"brand_bolt": 1})
    assert full.coding.columns == (*plain.coding.columns, "asc_w", "asc_y", "asc_z", "price:size", "price:income")
    assert full.coding.base == "x"
    assert full.predict(data).shape == (data.rows,)
    offers = {name: {"price": 2.0, "size": 0.0, "brand": "ajax", "alt": name} for name in ("w", "x")}
    assert sum(simulate(for_people(full, {"income": 2.0}, draws=50), offers).mean.values()) == pytest.approx(1)


@BOTH
def test_a_misspelt_argument_is_named(fit: Fit, data: ChoiceData) -> None:
    with pytest.raises(TypeError, match=r"^fit_\w+\(\) takes no argument 'constant': did you mean 'constants'\?"):
        fit(data, constant=True)


@BOTH
def test_mistakes_are_those_of_the_coding(fit: Fit, data: ChoiceData) -> None:
    with pytest.raises(DataError, match="did you mean 'price'"):
        fit(data, interactions=[("prise", "size")])
    with pytest.raises(DataError, match="no such alternative"):
        fit(data, constants=True, base="train")


def test_the_declaration_is_one() -> None:
    assert set(Specification.__annotations__) == {"coding", "constants", "base", "interactions", "signs"}


def test_mixed_logit_as_the_issue_writes_it(data: ChoiceData) -> None:
    result = fit_mixed(data, random={"price": "normal"}, draws=30, constants=False, errors="robust")
    assert isinstance(result, MixedResult)
    assert result.errors == "robust"
    with pytest.raises(DataError, match=r'such as random=\{"price": "normal"\}'):
        fit_mixed(data, random=["price"], draws=30)  # type: ignore[arg-type]


def test_an_interaction_is_the_product(data: ChoiceData) -> None:
    price, size = (item.numbers for item in data.attributes[:2])
    crossed = fit_mixed(data, random={"price:size": "normal"}, draws=30, interactions=[("price", "size")])
    design = crossed.coding.design(data).matrix
    np.testing.assert_allclose(design[:, crossed.coding.columns.index("price:size")], price * size)
    assert "sd_price:size" in crossed.coefficients
