"""Price as a number: where it was tested, what designs become along it, and one offer against the rest."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, finite_number
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
    number = None if isinstance(value, str) else finite_number(value)
    return math.nan if number is None else number  # coding the offer tells what is wrong with it


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


@dataclass(frozen=True)
class PriceBasis:
    """Functions of price that carry an offer's design along its price, whatever price is crossed with or split by.

    Of each segment between knots: the part of it that lies below the price, and powers of that part.
    price: the attribute. knots: ascending, from the lowest to the highest tested price; a linear price has one segment.
    degree: how often price is a factor of one column: 1, or more where it is crossed with itself.
    """

    price: str
    knots: tuple[float, ...]
    degree: int

    @classmethod
    def of(cls, coding: Coding, term: PriceTerm) -> PriceBasis:
        """The basis for a price that is coded like this."""
        own = set(term.columns)
        degree = max((sum(name in own for name in column.factors) for column in coding.listed), default=1)
        knots = tuple(sorted({*tested_range(term)})) if isinstance(term, LinearTerm) else term.knots
        return cls(term.attribute, knots, degree)

    @property
    def functions(self) -> int:
        """Number of functions."""
        return (len(self.knots) - 1) * self.degree

    def at(self, points: FloatArray) -> FloatArray:
        """(points,) prices → (points, functions); beyond the tested prices as at their end."""
        lower, upper = np.array(self.knots[:-1]), np.array(self.knots[1:])
        passed = np.clip((points[:, None] - lower) / (upper - lower), 0.0, 1.0)
        return np.asarray((passed[:, :, None] ** self._powers).reshape(points.size, self.functions))

    def slope(self, point: float) -> FloatArray:
        """(functions,) derivatives by price; at a knot between two segments, the mean of theirs."""
        slopes = np.zeros((len(self.knots) - 1, self.degree))
        # The segments to the right and to the left, the same but at a knot; beyond the tested range there is none.
        sides = (bisect.bisect_right(self.knots, point) - 1, bisect.bisect_left(self.knots, point) - 1)
        tested = [side for side in sides if 0 <= side < len(slopes)]
        for side in tested:
            length = self.knots[side + 1] - self.knots[side]
            passed = (point - self.knots[side]) / length
            slopes[side] += self._powers * passed ** (self._powers - 1) / length / len(tested)
        return slopes.reshape(-1)

    def path(self, coding: Coding, offer: Offer) -> tuple[FloatArray, FloatArray]:
        """(columns,) design of an offer at the lowest tested price, and (functions, columns) what each function adds.

        Read off the coding itself, at the ends of each segment (and between, for powers).
        """
        lower, upper = np.array(self.knots[:-1]), np.array(self.knots[1:])
        parts = self._powers / self.degree
        points = (lower[:, None] + (upper - lower)[:, None] * parts).reshape(-1)
        rows = coding.along(offer, {self.price: np.append(self.knots[0], points)}).matrix
        reached = rows[1:].reshape(len(lower), self.degree, rows.shape[1])
        begun = np.concatenate([rows[None, :1], reached[:-1, -1:]]) if len(lower) else reached
        added: FloatArray = np.linalg.solve(parts[:, None] ** self._powers, reached - begun).astype(np.float64)
        return rows[0], added.reshape(self.functions, rows.shape[1])

    @property
    def _powers(self) -> FloatArray:
        return np.arange(1.0, self.degree + 1)


@dataclass(frozen=True, eq=False)
class PricePaths:
    """Designs of all offers as functions of their own prices: start + Σ basis(price) · steps.

    start: (offers, columns) at the lowest tested price. steps: (offers, functions, columns); 0 for none.
    """

    basis: PriceBasis
    start: FloatArray
    steps: FloatArray

    @classmethod
    def of(cls, scene: Scene, coding: Coding, term: PriceTerm) -> PricePaths:
        """The paths of the offers of a scene."""
        basis = PriceBasis.of(coding, term)
        start = scene.designs.copy()
        steps = np.zeros((len(start), basis.functions, start.shape[1]))
        for index, name in enumerate(scene.names):
            if name in scene.offers:
                start[index], steps[index] = basis.path(coding, scene.offers[name])
        return cls(basis, start, steps)


def one_against_rest(scene: Scene, index: int) -> tuple[FloatArray, Choosing]:
    """Designs of the others, and how people choose with the offer at `index` put first: for `share_curve_draws`."""
    order = [index, *(place for place in range(len(scene.names)) if place != index)]
    sets = scene.sets and ConsiderationSets(scene.sets.members[:, order], scene.sets.chance)
    return scene.designs[order[1:]], Choosing(scene.constants[order], sets)
