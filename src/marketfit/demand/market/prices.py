"""Price as a number: how it enters utility, where it was tested, and one offer against the rest."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.coding import Coding, Offer
from marketfit.demand.coding.terms import LinearTerm, PiecewiseTerm
from marketfit.demand.market.availability import ConsiderationSets
from marketfit.demand.market.scene import Scene
from marketfit.demand.market.shares import Choosing
from marketfit.errors import Problem, nearest

PriceTerm: TypeAlias = LinearTerm | PiecewiseTerm


def price_term(coding: Coding, price: str, problems: list[Problem]) -> PriceTerm | None:
    """The term of a price that may take any value between tested ones; None, with a problem, where it may not."""
    for term in coding.terms:
        if term.attribute != price:
            continue
        if isinstance(term, (LinearTerm, PiecewiseTerm)):
            return term
        do = "fit with this price 'piecewise': the same fit, and prices in between"
        problems.append(Problem(f"price='{price}'", "is coded by levels", "'linear' or 'piecewise'", do))
        return None
    allowed = nearest(price, coding.attributes)
    problems.append(Problem(f"price='{price}'", "no such attribute", allowed, "name the price attribute"))
    return None


def tested_range(term: PriceTerm) -> tuple[float, float]:
    """The lowest and the highest price that people were shown."""
    return (term.low, term.high) if isinstance(term, LinearTerm) else (term.knots[0], term.knots[-1])


def offer_price(offers: Mapping[str, Offer], name: str, price: str, problems: list[Problem]) -> float:
    """The price of an offer; NaN, with a problem, where the offer is unknown or its price no number."""
    if name not in offers:
        problems.append(Problem(f"offer='{name}'", "no such offer", nearest(name, offers), "name one of the offers"))
        return math.nan
    value = offers[name].get(price)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return math.nan  # coding the offer tells what is wrong with it


def check_tested(where: str, values: tuple[float, ...], term: PriceTerm | None, problems: list[Problem]) -> None:
    """Add a problem for values beyond the tested prices, where demand is held at its end and has no slope."""
    if term is None:
        return
    low, high = tested_range(term)
    beyond = [value for value in values if value < low or value > high]
    if beyond:
        allowed = f"{low:g} to {high:g}, which people were shown"
        problems.append(
            Problem(where, f"{', '.join(f'{value:g}' for value in beyond)} was not tested", allowed, "correct")
        )


def price_slopes(term: PriceTerm, point: float) -> FloatArray:
    """(columns of price,) derivative of the design by price; at a knot between two segments, the mean of theirs."""
    if isinstance(term, LinearTerm):
        return np.array([1.0 if term.low <= point <= term.high else 0.0])
    slopes = np.zeros(len(term.knots) - 1)
    # The segments to the right and to the left, the same but at a knot; beyond the tested range there is none.
    sides = (bisect.bisect_right(term.knots, point) - 1, bisect.bisect_left(term.knots, point) - 1)
    tested = [side for side in sides if 0 <= side < slopes.size]
    for side in tested:
        slopes[side] += 1 / len(tested)
    return slopes


def columns_of_price(coding: Coding, term: PriceTerm) -> list[int]:
    """Places of the price's columns in the design."""
    columns = list(coding.columns)
    return [columns.index(name) for name in term.columns]


def one_against_rest(scene: Scene, index: int) -> tuple[FloatArray, Choosing]:
    """Designs of the others, and how people choose with the offer at `index` put first: for `share_curve_draws`."""
    order = [index, *(place for place in range(len(scene.names)) if place != index)]
    sets = scene.sets and ConsiderationSets(scene.sets.members[:, order], scene.sets.chance)
    return scene.designs[order[1:]], Choosing(scene.constants[order], sets)
