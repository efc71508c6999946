"""What could be offered, and what it would earn: candidates from levels of attributes, unit costs, margins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, finite_number, label
from marketfit.demand.coding.coding import Offer
from marketfit.demand.coding.terms import Value
from marketfit.errors import DataError, Problem, nearest

MOST_CANDIDATES = 100_000

UnitCost: TypeAlias = float | Mapping[str, Mapping[Value, float]] | Callable[[Offer], float]
"""Cost of serving one buyer, in the unit of price: one number, attribute → level → its part of the cost, or a function
of the offer."""


@dataclass(frozen=True)
class OfferSpace:
    """All combinations of levels but the prohibited ones. An offer is named after its levels.

    levels: attribute → values to try. prohibited: each a part of an offer, attribute → value, that must not be.

    >>> space = OfferSpace({"size": ["s", "l"], "price": [1, 2]}, prohibited=[{"size": "l", "price": 1}])
    >>> list(space.candidates())
    ['size=s, price=1', 'size=s, price=2', 'size=l, price=2']
    """

    levels: Mapping[str, Sequence[Value]]
    prohibited: Sequence[Mapping[str, Value]] = ()

    def candidates(self) -> dict[str, Offer]:
        """Name → offer. Raises DataError for prohibitions that name nothing, and when nothing or too much is left."""
        problems = [
            Problem(f"prohibited: '{name}'", "no such attribute", nearest(name, self.levels), "rename it")
            for part in self.prohibited
            for name in part
            if name not in self.levels
        ]
        problems += [
            Problem(f"prohibited: '{name}'", f"no such level '{label(value)}'", self._allowed(name), "correct it")
            for part in self.prohibited
            for name, value in part.items()
            if name in self.levels and label(value) not in {label(level) for level in self.levels[name]}
        ]
        problems += [Problem("prohibited", "an empty combination", "at least one level", "drop it")] * (
            not all(self.prohibited)
        )
        count = math.prod(len(values) for values in self.levels.values())
        if count > MOST_CANDIDATES:
            found = f"{count:,} combinations of levels"
            problems.append(Problem("levels", found, f"at most {MOST_CANDIDATES:,}", "try fewer levels or attributes"))
        if problems:
            raise DataError(problems)
        names = list(self.levels)
        offers = (dict(zip(names, values, strict=True)) for values in itertools.product(*self.levels.values()))
        kept: dict[str, Offer] = {_name(offer): offer for offer in offers if not self._is_prohibited(offer)}
        if not kept or not names:
            raise DataError([Problem("levels", "leave no offer to try", "at least one", "prohibit less")])
        return kept

    def _allowed(self, name: str) -> str:
        return "allowed: " + ", ".join(label(level) for level in self.levels[name])

    def _is_prohibited(self, offer: Offer) -> bool:
        return any(all(label(offer[name]) == label(value) for name, value in part.items()) for part in self.prohibited)


@dataclass(frozen=True)
class LineCandidates:
    """Offers to make lines of, and which lines may be, by the names of their offers.

    Shares of preference give buyers to an offer that another of the same line beats in everything: a rule that leaves
    such lines out keeps them from winning.
    """

    offers: Mapping[str, Offer] | OfferSpace
    allowed: Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True)
class Profit:
    """The goal of earning money: audience · Σ share · (price − unit cost) − the cost of having the offers.

    unit_cost: see `UnitCost`. audience: number of people who choose. price: the price attribute.
    offer_cost: what it costs to have one more offer, whoever buys it.
    """

    unit_cost: UnitCost
    audience: float = 1.0
    price: str = "price"
    offer_cost: float = 0.0


def margins(goal: Profit, offers: Mapping[str, Offer]) -> FloatArray:
    """(offers,) price less unit cost. Raises DataError with every price and cost that is not to be had."""
    problems: list[Problem] = []
    if not (math.isfinite(goal.audience) and goal.audience > 0 and math.isfinite(goal.offer_cost)):
        found = f"audience={goal.audience:g}, offer_cost={goal.offer_cost:g}"
        problems.append(Problem("profit", found, "finite numbers, an audience above 0", "correct them"))
    found_margins = []
    for name, offer in offers.items():
        where = f"offer '{name}'"
        price = finite_number(offer.get(goal.price))
        if price is None:
            allowed = nearest(goal.price, offer) if goal.price not in offer else "a finite number"
            problems.append(Problem(f"{where}: '{goal.price}'", "is no price", allowed, "give the price"))
        cost = unit_cost(goal.unit_cost, offer, where, problems)
        found_margins.append((price or 0.0) - cost)
    if problems:
        raise DataError(list(dict.fromkeys(problems)))
    return np.array(found_margins)


def unit_cost(cost: UnitCost, offer: Offer, where: str, problems: list[Problem]) -> float:
    """Cost of one unit of an offer; 0, and a problem, where it has none."""
    if isinstance(cost, Mapping):
        return sum(_part(name, parts, offer, where, problems) for name, parts in cost.items())
    found = finite_number(cost(offer) if callable(cost) else cost)
    if found is None:
        problems.append(Problem(f"unit cost of {where}", "is no finite number", "a finite number", "correct it"))
    return found or 0.0


def _part(name: str, parts: Mapping[Value, float], offer: Offer, where: str, problems: list[Problem]) -> float:
    if name not in offer:
        problems.append(Problem(f"unit cost by '{name}'", "no such attribute", nearest(name, offer), "rename it"))
        return 0.0
    known = {label(level): part for level, part in parts.items()}
    level = label(offer[name])
    found = finite_number(known.get(level))
    if found is None:
        where = f"unit cost by '{name}', {where}"
        problems.append(Problem(where, f"none for '{level}'", nearest(level, known), "give the cost of every level"))
    return found or 0.0


def _name(offer: Offer) -> str:
    return ", ".join(f"{name}={label(value)}" for name, value in offer.items())
