"""Willingness to pay: what a unit of an attribute is worth in money, −β_k / β_price (Train 2009, section 3.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.models.mnl import MNLResult
from marketfit.demand.models.utilities import DRAWS
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True)
class MoneyValue:
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


@dataclass(frozen=True)
class WillingnessToPay:
    """Willingness to pay for every column but price.

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


def willingness_to_pay(
    result: MNLResult, *, price: str = "price", level: float = 0.95, draws: int = DRAWS, rng: Rng = 0
) -> WillingnessToPay:
    """−β_k / β_price for every other column, with delta-method and Krinsky–Robb intervals.

    price: the price attribute, coded linear. level: of the two-sided intervals. draws, rng: of the simulated ones.
    Standard errors follow the kind of errors that the result shows.

    Raises DataError when price is no linear attribute, or when its coefficient is not below 0: money has then no
    value to divide by.
    """
    check_level(level)
    columns = result.coding.columns
    index = _price_index(result, price)
    estimates, covariance = result.estimates, result.covariance
    slope = estimates[index]
    ratios = -estimates / slope
    errors = _delta_errors(estimates, covariance, index)
    drawn = result.draws(draws, np.random.default_rng(rng))
    low, high = interval(draw_ratios(drawn, index), level)
    half = special.ndtri((1 + level) / 2) * errors
    values = {}
    for k, name in enumerate(columns):
        if k == index:
            continue
        held = name in result.at_bound
        parts = (errors[k], ratios[k] - half[k], ratios[k] + half[k], low[k], high[k])
        values[name] = MoneyValue(float(ratios[k]), *(math.nan if held else float(part) for part in parts))
    return WillingnessToPay(price, values, level, draws, float((drawn[:, index] >= 0).mean()), result.sample_size)


def _price_index(result: MNLResult, price: str) -> int:
    columns = result.coding.columns
    if price not in columns:
        found = "is coded by levels or in pieces" if price in result.coding.attributes else "is no attribute"
        allowed = "a numeric attribute coded 'linear'" if found.startswith("is coded") else nearest(price, columns)
        raise DataError([Problem(f"price='{price}'", found, allowed, "fit with one linear price")])
    index = columns.index(price)
    slope = result.estimates[index]
    if not slope < 0:
        found = f"its coefficient is {slope:g}: a higher price is no disadvantage"
        do = "look for a proxy of quality in price, ask for more price variation, or name another price attribute"
        raise DataError([Problem(f"price='{price}'", found, "a coefficient below 0", do)])
    return index


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
