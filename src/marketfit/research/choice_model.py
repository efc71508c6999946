"""The multinomial logit of a choice survey: how each attribute enters, signs, and what money is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from marketfit.demand import ChoiceData, CodingOption, MNLResult, Piecewise, fit_mnl, willingness_to_pay
from marketfit.demand.coding.options import MOST_KNOTS
from marketfit.errors import DataError
from marketfit.records.market import Ratio

BENDS = 0.05
"""A numeric attribute is piecewise linear when a likelihood-ratio test against a straight line has p below this."""

UNPROVEN_PRICE = 0.0025
"""Chance that a higher price is no disadvantage from which on nothing is expressed in money."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The model, its twin with a straight line for price (the unit of money), and how they came about."""

    model: MNLResult
    straight_price: MNLResult
    notes: tuple[str, ...]


def fit_choices(data: ChoiceData, *, signs: Mapping[str, int], price: str, progress: Callable[[float], None]) -> Fitted:
    """Fit the logit with respondent-clustered errors.

    Names are levels; numbers with two levels are straight lines. Any other number, price included, is first a straight
    line; then it alone may bend at the tested levels (at quintiles of them where they are more than 12), and does so
    in the final model when the likelihood-ratio test says p < 0.05. With sign constraints the test is conservative
    (the true reference is a chi-bar-square with fewer degrees of freedom: Self & Liang 1987); it takes answers as
    independent. Where price bends, willingness to pay comes from the same model with a straight price: money needs
    one slope to divide by.
    """
    straight = fit_mnl(data, signs=signs)
    notes: list[str] = []
    coding: dict[str, CodingOption] = {}
    candidates = bends(data)
    for number, (name, option) in enumerate(candidates.items()):
        progress(number / (len(candidates) + 2))
        try:
            bent = fit_mnl(data, coding={name: option}, signs=signs)
        except DataError as error:
            # Not a skipped model: the straight line stands, and the report says why it could not bend.
            notes.append(f"{name} enters as a straight line: its levels can't be told apart ({error.problems[0]}).")
            continue
        gain = 2.0 * (bent.log_likelihood - straight.log_likelihood)
        freedom = bent.estimates.size - straight.estimates.size
        p = float(chdtrc(freedom, max(gain, 0.0)))
        if p < BENDS:
            coding[name] = option
        shape = "piecewise linear" if p < BENDS else "a straight line"
        notes.append(f"{name} enters as {shape} (likelihood ratio {gain:.1f} on {freedom}, p = {p:.2g}).")
    model = fit_mnl(data, coding=coding, signs=signs) if coding else straight
    others = {name: option for name, option in coding.items() if name != price}
    twin = model if others == coding else fit_mnl(data, coding=others, signs=signs)
    progress(1.0)
    return Fitted(model, twin, (*notes, *_bound_notes(model)))


def bends(data: ChoiceData) -> dict[str, CodingOption]:
    """Numeric attribute with three or more tested values → how it may bend."""
    options: dict[str, CodingOption] = {}
    for attribute in data.attributes:
        if attribute.levels is not None:
            continue
        tested = np.unique(attribute.numbers[~data.is_none])
        if tested.size > MOST_KNOTS:
            inner = np.unique(np.quantile(tested, [0.2, 0.4, 0.6, 0.8]))
            options[attribute.name] = Piecewise(tuple(inner.tolist()))
        elif tested.size >= 3:
            options[attribute.name] = "piecewise"
    return options


def _bound_notes(model: MNLResult) -> list[str]:
    return [
        f"{name} is held at 0 by its direction 'better': the answers do not show that people prefer it that way."
        for name in model.at_bound
    ]


def money(model: MNLResult, *, price: str, seed: int) -> tuple[tuple[Ratio, ...], tuple[str, ...]]:
    """Willingness to pay for one unit of each column with Krinsky–Robb 95 % intervals, and notes on what has none.

    model: with a straight line for price.
    """
    columns = model.coding.columns
    if price not in model.coding.attributes:
        return (), (f"No attribute '{price}' in the survey: nothing is expressed in money.",)
    if price not in columns:
        return (), (f"'{price}' is coded by names: nothing is expressed in money.",)
    slope = model.coefficients[price]
    if not slope < 0:
        return (), (f"The answers show no dislike of a higher {price} ({slope:.3g}): nothing is expressed in money.",)
    found = willingness_to_pay(model, price=price, rng=seed)
    if found.wrong_sign > UNPROVEN_PRICE:
        chance = f"{found.wrong_sign:.1%}"
        note = f"In {chance} of draws a higher {price} is no disadvantage: no finite interval of money would be honest."
        return (), (note,)
    ratios = [
        Ratio(attribute=name, value=value.value, low=value.simulated_low, high=value.simulated_high)
        for name, value in found.values.items()
        if math.isfinite(value.simulated_low) and math.isfinite(value.simulated_high)
    ]
    left = sorted(set(found.values) - {ratio.attribute for ratio in ratios})
    notes = (f"No willingness to pay for {', '.join(left)}: no interval.",) if left else ()
    return tuple(ratios), notes
