"""Attributes as the brief declares them: number or name, sign, and whether offers lie within what was tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from marketfit.brief import AttributeSpec, MarketSpec
from marketfit.contract import METRICS
from marketfit.demand import Attribute, ChoiceData
from marketfit.errors import Problem, nearest
from marketfit.records.market import Offer


def is_number(spec: AttributeSpec) -> bool:
    """Whether an attribute's values are numbers: measured, or with a better direction, or offered as numbers only."""
    return spec.metric is not None or spec.better is not None or all(isinstance(x, float) for x in spec.offer)


def signs(market: MarketSpec) -> dict[str, int]:
    """Attribute → 1 or −1, for those that the brief calls better when higher or lower."""
    return {
        name: 1 if spec.better == "higher" else -1
        for name, spec in market.attributes.items()
        if spec.better is not None
    }


def declaration_problems(market: MarketSpec) -> list[Problem]:
    """What is wrong with the attributes themselves: names have no direction, and are no levels of a number."""
    directions = [
        Problem(
            f"market.attributes.{name}",
            f"offers '{value}' and is better when {spec.better}",
            "a direction needs numbers",
            "drop 'better', or offer numbers without quotation marks",
        )
        for name, spec in market.attributes.items()
        if spec.better is not None
        for value in spec.offer
        if isinstance(value, str)
    ]
    return directions + [
        Problem(
            f"market.attributes.{name}.levels",
            f"'{level}' is no number",
            "numbers, as the values of the attribute are",
            "write it without quotation marks, or quote an offer to make the values names",
        )
        for name, spec in market.attributes.items()
        if is_number(spec)
        for level in spec.levels
        if isinstance(level, str)
    ]


@dataclass
class Fit:
    """How offers lie to the tested levels: what can't be used, and what is clamped."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_levels(market: MarketSpec, data: ChoiceData, competitors: Iterable[Offer]) -> Fit:
    """Hold our offer, the measured metrics and the competitors against the levels that people were shown.

    A number beyond the tested range is clamped, with a note; a name that was not tested is a problem.
    """
    fit = Fit()
    tested = {attribute.name: attribute.take(~data.is_none) for attribute in data.attributes}
    for name, spec in market.attributes.items():
        if spec.metric is not None:
            _check_metric(name, spec.metric, tested[name], fit)
        for value in spec.offer:
            _check(f"market.attributes.{name}", "our offer", tested[name], value, fit)
    for offer in competitors:
        for name, value in offer.attributes.items():
            where = f"{market.competitors}: offer '{offer.name}', column '{name}'"
            _check(where, f"'{offer.name}'", tested[name], value, fit)
    return fit


def _check(where: str, whose: str, tested: Attribute, value: float | str, fit: Fit) -> None:
    if tested.levels is not None:
        level = value if isinstance(value, str) else f"{value:.15g}"
        if level not in tested.levels:
            allowed = nearest(level, tested.levels)
            do = "use a level that the survey tested, or test this one"
            fit.problems.append(Problem(where, f"the survey never showed '{level}'", allowed, do))
        return
    low, high = tested_range(tested)
    if isinstance(value, float) and not low <= value <= high:
        fit.notes.append(
            f"{tested.name} of {whose} is {value:g}, beyond the tested {low:g} to {high:g}: shares are computed as if "
            f"it were {min(max(value, low), high):g}."
        )


def _check_metric(name: str, metric: str, tested: Attribute, fit: Fit) -> None:
    """A rate that was tested in percent would be clamped for every candidate."""
    known = METRICS[metric]
    is_rate = known.of_test_rows and metric != "log_loss"
    low, high = tested_range(tested)
    if is_rate and (low > 1 or high < 0):
        found = f"the survey tested {low:g} to {high:g}, but {metric} is measured from 0 to 1"
        do = "divide the column by 100" if low > 1 else "correct the column"
        fit.problems.append(Problem(f"market.attributes.{name}", found, "the unit of the metric", do))


def tested_range(tested: Attribute) -> tuple[float, float]:
    """The smallest and the largest number that people were shown."""
    return float(np.min(tested.numbers)), float(np.max(tested.numbers))
