"""Willingness to pay: what a unit of an attribute is worth in money, −β_k / β_price (Train 2009, section 3.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.coding.coding import Coding
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.models.utilities import DRAWS, ChoiceModel, UtilityDraws, check_source
from marketfit.demand.printing import Printed, rounded, table_rows
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True, repr=False)
class MoneyValue(Printed):
    """Willingness to pay for one unit of one column, in units of price.

    low, high: delta method. simulated_low, simulated_high: percentiles over draws (Krinsky & Robb 1986), better where
    the price coefficient is uncertain. NaN where there is no interval: a coefficient at its bound, too few draws.
    """

    value: float
    standard_error: float
    low: float
    high: float
    simulated_low: float
    simulated_high: float

    def __str__(self) -> str:
        delta, simulated = _range(self.low, self.high), _range(self.simulated_low, self.simulated_high)
        return f"{rounded(self.value)} (std. error {rounded(self.standard_error)}, {delta}; simulated {simulated})"


@dataclass(frozen=True, repr=False)
class WillingnessToPay(Printed):
    """Willingness to pay for every column but price; that of one column is `worth["feat"]`.

    values: column → value with its intervals at `level`. draws: behind the simulated intervals.
    wrong_sign: share of draws in which a higher price is no disadvantage. Where it is not far below (1 − level) / 2,
    the price effect is not proven and no finite interval is honest (Fieller 1954).
    sample_size: people, or choices when the data do not say who.
    """

    price: str
    values: Mapping[str, MoneyValue]
    level: float
    draws: int
    wrong_sign: float
    sample_size: int

    def __getitem__(self, column: str) -> MoneyValue:
        """The value of one column. Raises DataError for a column that has none."""
        if column not in self.values:
            do = "name a column of the design: a level of an attribute is a column, such as brand_red"
            raise DataError([Problem(f"'{column}'", "has no value here", nearest(column, self.values), do)])
        return self.values[column]

    def __str__(self) -> str:
        ends = f"{100 * self.level:.4g} %"
        rows = [
            (name, rounded(worth.value), rounded(worth.standard_error), _range(worth.low, worth.high),
             _range(worth.simulated_low, worth.simulated_high))
            for name, worth in self.values.items()
        ]  # fmt: skip
        head = f"Willingness to pay for one unit more, in units of {self.price}, n = {self.sample_size}"
        table = table_rows(("column", "value", "std. error", f"delta {ends}", f"simulated {ends}"), rows)
        return "\n".join([head, *table])


@runtime_checkable
class KnownCovariance(Protocol):
    """A model that knows the covariance of its means, so that draws need not tell it."""

    @property
    def mean_covariance(self) -> FloatArray:
        """(columns, columns)."""


def willingness_to_pay(
    result: ChoiceModel | UtilityDraws, *, price: str = "price", level: float = 0.95, draws: int = DRAWS, rng: Rng = 0
) -> WillingnessToPay:
    """−β_k / β_price for every other column, with delta-method and Krinsky–Robb intervals.

    β are the average coefficients over the population. Where tastes for price differ between people, this is the
    ratio of the averages, which is not the average of everybody's own ratio; the latter need not exist (Daly, Hess &
    Train 2012). The value of a column that takes part in interactions is that of one unit while all others are 0.

    It is what a respondent would pay for one unit more: negative for what people dislike. In the table of yogurts
    (`tests/golden`) a feature is worth 1.34 and hiland, against dannon, −10.14, as printed. In that of train rides an
    hour of travel is worth −5.260, a change −0.998 and one class less of comfort −2.891; such tables print them
    positive (Croissant 2020), as what an hour, a change or a class less is worth.

    result: any fitted choice model; or draws of one, such as those `for_people` of a kind, where covariates say what
        money is worth. price: the price attribute, coded linear, with one coefficient for all; where it is split by
        alternatives, the column of one of them, and what is worth something there.
    level: of the two-sided intervals. draws, rng: of the simulated ones. Standard errors come from the covariance of
        the means: the model's own where it has one (of the kind in its `interval_errors`), else that of the draws.
    Of draws, the mean over the people of each is one draw of the means, their average is the estimate, and `draws` and
    `rng` play no part. Where tastes differ, the intervals then carry the error of having drawn so many people too.

    Raises DataError when price is no linear attribute, when its effect depends on something else, or when its
    coefficient is not below 0: money has then no value to divide by.
    """
    check_level(level)
    check_source(result)
    if isinstance(result, UtilityDraws):
        drawn = _average_people(result)
        means, covariance = drawn.mean(axis=0), _covariance(drawn)
    else:
        means, drawn = result.means, result.mean_draws(draws, np.random.default_rng(rng))
        covariance = result.mean_covariance if isinstance(result, KnownCovariance) else _covariance(drawn)
    index = _price_index(result.coding, means, price)
    ratios = -means / means[index]
    errors = _delta_errors(means, covariance, index)
    low, high = interval(draw_ratios(drawn, index), level)
    half = special.ndtri((1 + level) / 2) * errors
    held = np.diag(covariance) == 0  # at its bound
    values = {}
    for k, name in enumerate(result.coding.columns):
        if k != index:
            parts = (errors[k], ratios[k] - half[k], ratios[k] + half[k], low[k], high[k])
            values[name] = MoneyValue(float(ratios[k]), *(math.nan if held[k] else float(part) for part in parts))
    return WillingnessToPay(price, values, level, len(drawn), float((drawn[:, index] >= 0).mean()), result.sample_size)


def _range(low: float, high: float) -> str:
    return f"{rounded(low)} to {rounded(high)}"


def _average_people(drawn: UtilityDraws) -> FloatArray:
    """(draws, columns) coefficients averaged over the people of each draw."""
    columns = np.moveaxis(drawn.values, 2, 0)
    return np.stack([drawn.average(column) for column in columns], axis=1)


def _price_index(coding: Coding, means: FloatArray, price: str) -> int:
    """Which column price is. means: (columns,) the average coefficients."""
    where = f"price='{price}'"
    if price not in coding.columns:
        if price not in coding.attributes:
            found = "is no attribute"
            raise DataError([Problem(where, found, nearest(price, coding.columns), "name the price attribute")])
        found = f"has the columns {', '.join(coding.columns_of(price))}: there is no single value of money"
        do = "fit with one linear price, or compare offers by price_curve"
        if any(split.attribute == price for split in coding.splits):
            do = f"name the price of one alternative, such as price='{coding.columns_of(price)[0]}', or use price_curve"
        raise DataError([Problem(where, found, "a numeric attribute coded 'linear'", do)])
    crossed = coding.products_with(price)
    if crossed:
        found = f"what a unit of money is worth depends on {', '.join(crossed)}"
        do = "fit without these, say who pays where they are covariates (for_people), or compare offers by price_curve"
        raise DataError([Problem(where, found, "a price outside of interactions", do)])
    index = coding.columns.index(price)
    slope = means[index]
    if not slope < 0:
        found = f"its coefficient is {slope:g}: a higher price is no disadvantage"
        do = "look for a proxy of quality in price, ask for more price variation, or name another price attribute"
        raise DataError([Problem(where, found, "a coefficient below 0", do)])
    return index


def _covariance(drawn: FloatArray) -> FloatArray:
    """(columns, columns) sample covariance of draws; NaN with fewer than two."""
    if drawn.shape[0] < 2:
        return np.full((drawn.shape[1], drawn.shape[1]), np.nan)
    # From the first draw, so that what never differs has a variance of exactly 0.
    return np.asarray(np.atleast_2d(np.cov(drawn - drawn[0], rowvar=False)), dtype=np.float64)


def draw_ratios(drawn: FloatArray, index: int) -> FloatArray:
    """(draws, columns) −β_k / β_price, from draws (draws, columns) with price in the column `index`.

    A sign-constrained price may be drawn at 0: the limit from below is taken.
    """
    divisors = np.where(drawn[:, index] == 0, -0.0, drawn[:, index])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = -drawn / divisors
    return np.where(np.isnan(ratios), 0.0, ratios)


def _delta_errors(estimates: FloatArray, covariance: FloatArray, index: int) -> FloatArray:
    """(columns,) standard errors of −β_k / β_price by first-order expansion."""
    slope = estimates[index]
    by_own, by_price = -1 / slope, estimates / slope**2
    variances = (
        by_own**2 * np.diag(covariance)
        + by_price**2 * covariance[index, index]
        + 2 * by_own * by_price * covariance[:, index]
    )
    errors: FloatArray = np.sqrt(np.clip(variances, 0.0, None))
    return errors
