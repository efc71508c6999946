"""Price elasticity of demand, own and cross, at a price (Train 2009, section 3.6; averaged over people)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, frozen
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.market.moments import Chances
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.prices import (
    PriceBasis,
    check_tested,
    offer_price,
    price_term,
)
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.shares import blocks, weights_of
from marketfit.demand.models.utilities import UtilityDraws
from marketfit.demand.printing import Printed, extrapolated_lines, level_heads, rounded, table_rows
from marketfit.errors import DataError, Problem


@dataclass(frozen=True, eq=False, repr=False)
class Elasticities(Printed):
    """By how many percent each share changes when the price of one offer rises by one percent.

    offer, price: whose price moves, and from where. offers: names, none last where it takes part.
    elasticity, low, high: (offers,) mean over draws and ends of the interval at `level`; NaN with too few draws.
    elasticity_draws: (draws, offers). extrapolated: offer → clamped attributes. sample_size: people behind the fit.
    """

    offer: str
    price: float
    offers: tuple[str, ...]
    elasticity: FloatArray
    low: FloatArray
    high: FloatArray
    elasticity_draws: FloatArray
    level: float
    extrapolated: Mapping[str, tuple[str, ...]]
    sample_size: int

    @property
    def mean(self) -> dict[str, float]:
        """Offer → elasticity of its share with respect to the price."""
        return dict(zip(self.offers, self.elasticity.tolist(), strict=True))

    def __str__(self) -> str:
        ends = zip(self.elasticity.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        rows = [(name, *map(rounded, told)) for name, told in zip(self.offers, ends, strict=True)]
        table = table_rows(("offer", "elasticity", *level_heads(self.level)), rows)
        head = f"Elasticity of shares by the price of {self.offer}, at {rounded(self.price)}, n = {self.sample_size}"
        return "\n".join([head, *table, *extrapolated_lines(self.extrapolated)])


def elasticities(
    source: MarketSource,
    offers: Offers,
    *,
    offer: str,
    at: float | None = None,
    price: str = "price",
    none: bool | None = None,
    level: float = 0.95,
) -> Elasticities:
    """Elasticity of every share of preference with respect to the price of one offer.

    In each draw (p / s_j) ∂s_j/∂p, with shares and derivatives averaged over its people: the response of demand, not
    the average of people's elasticities. At a knot of a piecewise price the slope is the mean of both sides'. Whatever
    price is crossed with or split by counts, as it does in `simulate`.

    source, none, level: as for `simulate`. at: the price to take it at (default: that of the offer).
    Raises DataError with everything that is wrong; a price beyond the tested range has no slope.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    problems: list[Problem] = []
    term = price_term(source.coding, price, problems)
    point = offer_price(offers, offer, price, problems) if at is None else at
    check_tested(f"price of '{offer}'", (point,), term, problems)
    moved = {
        name: {**item, price: point} if name == offer and at is not None else item for name, item in offers.items()
    }
    scene = None
    try:
        scene = scene_of(source, moved, none=none)
    except DataError as error:
        problems += error.problems
    if problems or scene is None or term is None:
        raise DataError(problems)
    drawn = draw_demand(source)
    basis = PriceBasis.of(source.coding, term)
    change = basis.slope(point) @ basis.path(source.coding, moved[offer])[1]
    found = point * _relative_slopes(scene, drawn, scene.names.index(offer), change)
    low, high = interval(found, level)
    return Elasticities(
        offer=offer,
        price=point,
        offers=scene.names,
        elasticity=frozen(found.mean(axis=0)),
        low=frozen(low),
        high=frozen(high),
        elasticity_draws=frozen(found),
        level=level,
        extrapolated=scene.extrapolated,
        sample_size=drawn.sample_size,
    )


def _relative_slopes(scene: Scene, drawn: UtilityDraws, index: int, change: FloatArray) -> FloatArray:
    """(draws, offers) derivatives of shares, relative to them. change: (columns,) that of one offer's design."""
    draws, people, columns = drawn.values.shape
    weights = weights_of(drawn)
    sets = 1 if scene.sets is None else len(scene.sets.chance)
    answer = np.zeros((draws, len(scene.names)))
    for begin, end in blocks(draws, people * (len(scene.names) + sets)):
        values = drawn.values[begin:end].reshape(-1, columns)
        utilities = scene.designs @ values.T + scene.constants[:, None]
        chances = Chances.of(utilities, scene.sets)
        share, slopes = chances.share, -chances.joint(index)
        slopes[index] += share[index]
        slopes *= values @ change
        shape = (len(scene.names), end - begin, people)
        parts = [np.einsum("odp,dp->do", part.reshape(shape), weights[begin:end]) for part in (slopes, share)]
        with np.errstate(divide="ignore", invalid="ignore"):
            answer[begin:end] = parts[0] / parts[1]
    return answer
