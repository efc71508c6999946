"""Willingness to pay: ratios, both kinds of intervals, and when there is none to be had."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from marketfit.demand import (
    ChoiceData,
    ChoiceModel,
    Coding,
    MNLResult,
    UtilityDraws,
    draw_utilities,
    fit_mnl,
    for_people,
    willingness_to_pay,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.terms import LinearTerm
from marketfit.demand.market.willingness_to_pay import draw_ratios
from marketfit.errors import DataError


@pytest.fixture(scope="module")
def model(data: ChoiceData) -> MNLResult:
    return fit_mnl(data)


def sharper(model: MNLResult, factor: float) -> MNLResult:
    return replace(model, covariances={kind: matrix / factor for kind, matrix in model.covariances.items()})


def test_ratios_and_delta_errors_by_finite_differences(model: MNLResult) -> None:
    worth = willingness_to_pay(model, level=0.9)
    price = model.coding.columns.index("price")
    assert "price" not in worth.values
    for k, name in enumerate(model.coding.columns):
        if k == price:
            continue
        value = worth.values[name]
        assert value.value == pytest.approx(-model.coefficients[name] / model.coefficients["price"])
        slope = np.zeros(model.estimates.size)
        for j in range(slope.size):
            shift = np.eye(slope.size)[j] * 1e-6
            up, down = model.estimates + shift, model.estimates - shift
            slope[j] = (-up[k] / up[price] + down[k] / down[price]) / 2e-6
        assert value.standard_error == pytest.approx(math.sqrt(slope @ model.mean_covariance @ slope), rel=1e-5)
        assert value.high - value.low == pytest.approx(2 * 1.6448536 * value.standard_error, rel=1e-6)
        assert (value.high + value.low) / 2 == pytest.approx(value.value)


def test_simulated_interval_agrees_where_the_price_is_certain(model: MNLResult) -> None:
    worth = willingness_to_pay(sharper(model, 100), draws=50_000, rng=1)
    assert (worth.draws, worth.wrong_sign, worth.sample_size) == (50_000, 0.0, model.respondents)
    for value in worth.values.values():
        assert value.simulated_low == pytest.approx(value.low, abs=0.05 * value.standard_error)
        assert value.simulated_high == pytest.approx(value.high, abs=0.05 * value.standard_error)


def test_simulated_interval_follows_its_definition(model: MNLResult) -> None:
    worth = willingness_to_pay(model, draws=500, rng=7, level=0.8)
    drawn = dict(zip(model.coding.columns, model.mean_draws(500, np.random.default_rng(7)).T, strict=True))
    low, high = np.quantile(-drawn["size"] / drawn["price"], (0.1, 0.9))
    assert (worth.values["size"].simulated_low, worth.values["size"].simulated_high) == pytest.approx((low, high))


def test_the_printed_table_shows_every_value(model: MNLResult) -> None:
    worth = willingness_to_pay(model)
    lines = str(worth).splitlines()
    assert lines[0] == f"Willingness to pay for one unit more, in units of price, n = {model.respondents}"
    for line, (name, value) in zip(lines[2:], worth.values.items(), strict=True):
        assert line.startswith(name)
        assert f"{value.value:.5g}" in line
        assert f"{value.simulated_low:.5g} to {value.simulated_high:.5g}" in line
    assert len({len(line) for line in lines[1:]}) == 1


def test_uncertain_price_is_told(model: MNLResult) -> None:
    worth = willingness_to_pay(sharper(model, 1e-3))
    assert worth.wrong_sign > 0.2


def test_draws_at_a_zero_price_reach_infinity(data: ChoiceData) -> None:
    model = sharper(fit_mnl(data, signs={"price": -1}), 1e-3)
    value = willingness_to_pay(model).values["brand_bolt"]
    assert (value.simulated_low, value.simulated_high) == (-math.inf, math.inf)


def test_a_draw_at_a_zero_price_takes_the_side_of_the_attribute() -> None:
    ratios = draw_ratios(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, -0.5]]), index=1)
    assert ratios[:, 0].tolist() == [math.inf, -math.inf, 0.0, 2.0]


def test_coefficient_at_its_bound_has_no_interval(data: ChoiceData) -> None:
    value = willingness_to_pay(fit_mnl(data, signs={"size": -1})).values["size"]
    assert value.value == 0
    assert all(map(math.isnan, (value.standard_error, value.low, value.high, value.simulated_low)))


def test_too_few_draws_have_no_interval(model: MNLResult) -> None:
    assert math.isnan(willingness_to_pay(model, draws=10).values["size"].simulated_low)


@dataclass(frozen=True, eq=False)
class Fake:
    """A choice model of another kind: it knows draws of its means, and no covariance."""

    coding: Coding
    means: FloatArray
    spread: FloatArray
    sample_size: int = 7
    log_likelihood: float = -1.0

    @property
    def coefficients(self) -> dict[str, float]:
        return {f"sd_{name}": 0.0 for name in self.coding.columns}

    standard_errors = coefficients

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        return np.asarray(self.means + rng.standard_normal((count, self.means.size)) @ self.spread)

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        return UtilityDraws(self.mean_draws(count, rng), self.coding, self.sample_size)

    def predict(self, data: ChoiceData) -> FloatArray:
        return np.zeros(data.rows)


def test_any_choice_model_has_a_willingness_to_pay(model: MNLResult) -> None:
    # With the means and the covariance of the logit, the same values and nearly the same intervals.
    spread = np.linalg.cholesky(model.mean_covariance).T
    fake: ChoiceModel = Fake(model.coding, model.estimates, spread)
    worth, known = willingness_to_pay(fake, draws=100_000), willingness_to_pay(model, draws=100_000)
    assert worth.sample_size == 7
    for name, value in worth.values.items():
        expected = known.values[name]
        assert value.value == expected.value
        assert value.standard_error == pytest.approx(expected.standard_error, rel=0.02)
        for end in ("low", "high", "simulated_low", "simulated_high"):
            assert getattr(value, end) == pytest.approx(getattr(expected, end), abs=0.1 * value.standard_error)
    fixed = spread.copy()
    fixed[:, model.coding.columns.index("size")] = 0.0
    value = willingness_to_pay(Fake(model.coding, model.estimates, fixed)).values["size"]
    assert value.value == known.values["size"].value
    assert math.isnan(value.low)
    assert math.isnan(willingness_to_pay(Fake(model.coding, model.estimates, spread), draws=1).values["size"].low)


def test_a_price_that_is_worth_different_things_is_refused(data: ChoiceData) -> None:
    crossed = fit_mnl(data, interactions=[("price", "brand"), ("size", "brand_bolt")])
    with pytest.raises(DataError, match="depends on price:brand_bolt, price:brand_crow"):
        willingness_to_pay(crossed)
    with pytest.raises(DataError, match="has the columns price:w, price:x, price:y, price:z"):
        willingness_to_pay(fit_mnl(data, coding={"price": "by-alternative"}))
    with pytest.raises(DataError, match="depends on price:price"):
        willingness_to_pay(fit_mnl(data, interactions=[("price", "price")]))
    other = fit_mnl(data, interactions=[("size", "brand_bolt")])
    assert set(willingness_to_pay(other).values) == {"size", "brand_bolt", "brand_crow", "size:brand_bolt"}


def test_a_split_price_has_a_value_of_money_in_each_alternative(data: ChoiceData) -> None:
    split = fit_mnl(data, coding={"price": "by-alternative", "size": "by-alternative"})
    with pytest.raises(DataError, match="such as price='price:w'"):
        willingness_to_pay(split)
    found, worth = willingness_to_pay(split, price="price:x"), split.coefficients
    assert found["size:x"].value == pytest.approx(-worth["size:x"] / worth["price:x"])
    crossed = fit_mnl(data, coding={"price": "by-alternative"}, interactions=[("price", "size")])
    with pytest.raises(DataError, match="depends on price:x:size"):
        willingness_to_pay(crossed, price="price:x")


def test_refusals(data: ChoiceData, model: MNLResult) -> None:
    with pytest.raises(DataError, match="a higher price is no disadvantage"):
        willingness_to_pay(replace(model, estimates=-model.estimates))
    with pytest.raises(DataError, match="a higher price is no disadvantage"):
        willingness_to_pay(fit_mnl(data, signs={"price": 1}))
    with pytest.raises(DataError, match="did you mean 'price'"):
        willingness_to_pay(model, price="prise")
    with pytest.raises(DataError, match="there is no single value of money"):
        willingness_to_pay(fit_mnl(data, coding={"price": "piecewise"}))
    with pytest.raises(DataError, match="between 0 and 1"):
        willingness_to_pay(model, level=95)


def test_draws_have_the_intervals_of_the_model_that_they_come_from(model: MNLResult) -> None:
    drawn = draw_utilities(model, draws=40_000, rng=3)
    told, known = willingness_to_pay(drawn, draws=7, level=0.9), willingness_to_pay(model, level=0.9)
    assert (told.draws, told.sample_size, set(told.values)) == (40_000, known.sample_size, set(known.values))
    for name, value in known.values.items():
        assert told[name].value == pytest.approx(value.value, abs=0.02 * value.standard_error)
        assert told[name].standard_error == pytest.approx(value.standard_error, rel=0.02)
        assert (told[name].low, told[name].high) == pytest.approx(
            (value.low, value.high), abs=0.05 * value.standard_error
        )
    means = drawn.values[:, 0, :]
    size, price = (means[:, model.coding.columns.index(name)] for name in ("size", "price"))
    ends = (told["size"].simulated_low, told["size"].simulated_high)
    assert ends == pytest.approx(np.quantile(-size / price, (0.05, 0.95)))


def test_people_of_one_kind_pay_what_a_model_of_them_alone_says(
    read_choices: Callable[..., ChoiceData], make_table: Callable[..., pl.DataFrame]
) -> None:
    """With every column crossed with a group, the model is one of each group at once."""
    table = make_table(4, people=160).with_columns(rich=pl.col("person") % 2)
    data = read_choices(table, covariates=["rich"])
    crossed = [(name, "rich") for name in ("price", "size", "brand")]
    both = fit_mnl(data, interactions=crossed, errors="classical")
    with pytest.raises(DataError, match="for_people"):
        willingness_to_pay(both)
    told = willingness_to_pay(for_people(both, {"rich": 1}, draws=40_000))
    alone = willingness_to_pay(fit_mnl(read_choices(table.filter(rich=1)), errors="classical"))
    assert list(told.values) == list(alone.values)
    for name, value in alone.values.items():
        assert told[name].value == pytest.approx(value.value, abs=0.02 * value.standard_error)
        assert (told[name].low, told[name].high) == pytest.approx(
            (value.low, value.high), abs=0.05 * value.standard_error
        )


def test_people_of_a_draw_count_by_their_weights() -> None:
    coding = Coding((LinearTerm("price", 0.0, 9.0), LinearTerm("size", 0.0, 9.0)), (), None, None, "alt")
    people = [[[-1.0, 2.0], [-3.0, 0.0]]]
    assert willingness_to_pay(UtilityDraws(people, coding, 9))["size"].value == pytest.approx(0.5)
    weighted = UtilityDraws(people, coding, 9, weights=[3.0, 1.0])
    assert willingness_to_pay(weighted)["size"].value == pytest.approx(1.0)
