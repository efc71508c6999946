"""The market that offers meet: demand, who can get which offer, and corrections to known shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.coding.coding import Coding, Offer
from marketfit.demand.market.availability import ConsiderationSets, consideration_sets
from marketfit.demand.market.offers import code_offers
from marketfit.demand.models.utilities import DRAWS, UtilityDraws, UtilitySource, check_source, draw_utilities
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True)
class Adjustments:
    """What makes simulated shares equal known ones; `calibrate` finds it.

    constants: offer → utility that is added to it; 0 for offers that are not named.
    scale: factor on the utilities of the model, before constants are added.
    known: offer → the known share that was aimed at. sample_size: people behind the fit.
    """

    constants: Mapping[str, float] = field(default_factory=dict)
    scale: float = 1.0
    known: Mapping[str, float] = field(default_factory=dict)
    sample_size: int = 0


@dataclass(frozen=True, eq=False)
class Market:
    """A source of utilities under the circumstances of a market; every function here takes it in place of a source.

    source: a fitted model, or draws of its coefficients.
    availability: offer → share of people who can get or know it, 0 to 1 (default: 1). A person meets each offer
        independently of the others and of their tastes; shares are among people who meet at least one.
    adjustments: corrections to known shares, from `calibrate`.
    seed: of drawn consideration sets, where more than 8 offers are limited; up to 8 they are enumerated.

    >>> from marketfit.demand import Coding, Market, UtilityDraws, simulate
    >>> from marketfit.demand.coding.terms import LinearTerm
    >>> coding = Coding((LinearTerm("price", 1.0, 3.0),), (), None, None, "alternative")
    >>> draws = UtilityDraws([[-1.0]], coding, sample_size=100)
    >>> offers = {"ours": {"price": 2.0}, "theirs": {"price": 2.0}}
    >>> simulate(Market(draws, availability={"theirs": 0.5}), offers).mean
    {'ours': 0.75, 'theirs': 0.25}
    """

    source: UtilitySource
    availability: Mapping[str, float] = field(default_factory=dict)
    adjustments: Adjustments = field(default_factory=Adjustments)
    seed: int = 0

    def __post_init__(self) -> None:
        check_source(self.source)

    @property
    def coding(self) -> Coding:
        """How offers become columns."""
        return self.source.coding


MarketSource: TypeAlias = UtilitySource | Market
"""Demand: a fitted model, draws of its coefficients, or either of them under the circumstances of a `Market`."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Offers that compete, coded. The none option, where it takes part, is the last.

    names: of the offers. offers: name → attributes, without the none option. designs: (offers, columns).
    constants: (offers,) utility on top.
    sets: what people choose from, or None where everybody meets all offers.
    extrapolated: offer → attributes that were clamped to the tested range.
    """

    names: tuple[str, ...]
    offers: Mapping[str, Offer]
    designs: FloatArray
    constants: FloatArray
    sets: ConsiderationSets | None
    extrapolated: Mapping[str, tuple[str, ...]]


def scene_of(source: MarketSource, offers: Mapping[str, Offer], *, none: bool | None = None) -> Scene:
    """Code offers under the circumstances of the market.

    none: whether people may take nothing (default: where the model knows the none option).
    Raises DataError with everything that is wrong with the offers and their availability.
    """
    market = market_of(source)
    coding = market.coding
    problems = _availability_problems(market.availability, offers, coding.none)
    try:
        designs, extrapolated = code_offers(coding, offers)
    except DataError as error:
        raise DataError([*error.problems, *problems]) from None
    if problems:
        raise DataError(problems)
    names = list(offers)
    if coding.none is not None if none is None else none:
        designs = np.concatenate([designs, coding.code_none()])
        names.append(coding.none or "")
    met = np.array([market.availability.get(name, 1.0) for name in names])
    if not met.any():
        raise DataError([Problem("availability", "is 0 for every offer", "one above 0", "say who can get what")])
    constants = np.array([market.adjustments.constants.get(name, 0.0) for name in names])
    sets = consideration_sets(met, market.seed)
    return Scene(tuple(names), dict(offers), frozen(designs), frozen(constants), sets, extrapolated)


def market_of(source: MarketSource) -> Market:
    """The market itself, or a source without particular circumstances. Raises DataError for what is neither."""
    return source if isinstance(source, Market) else Market(source)


def draw_demand(source: MarketSource, *, draws: int = DRAWS, rng: Rng = 0, scale: float = 1.0) -> UtilityDraws:
    """Draw the coefficients of a source, scaled as the adjustments of its market say."""
    market = market_of(source)
    return draw_utilities(market.source, draws=draws, rng=rng, scale=scale * market.adjustments.scale)


def _availability_problems(
    availability: Mapping[str, float], offers: Mapping[str, Offer], none: str | None
) -> list[Problem]:
    problems = []
    for name, met in availability.items():
        where = f"availability of '{name}'"
        if name == none:
            problems.append(Problem(where, "is given", "none is always there", "leave it out"))
        elif name not in offers:
            problems.append(Problem(where, "no such offer", nearest(name, offers), "name one of the offers"))
        elif not 0 <= met <= 1:
            problems.append(Problem(where, f"is {met:g}", "a share of people, 0 to 1", "correct it"))
    return problems
