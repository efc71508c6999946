"""Share and profit of one offer at each price of a grid, against offers that keep theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, SingleArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.market.offers import code_offers
from marketfit.demand.market.prices import one_against_rest
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, scene_of
from marketfit.demand.market.shares import share_curve_draws
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True, eq=False)
class PriceCurve:
    """Demand and profit along a grid of prices.

    prices: (points,) in the unit of the price attribute. share, profit: (points,) means over draws, each with the
    ends of its interval at `level`; profit is in that unit times people.
    share_draws, profit_draws: (draws, points): integrate a decision over these.
    chance_best: (points,) share of draws in which the price earns most of those within the tested range.
    extrapolated: (points,) whether the price is beyond the tested range, where demand is held at its end.
    others_extrapolated: offer → its clamped attributes; for the offer itself, those other than price.
    sample_size: people behind the fit.
    """

    prices: FloatArray
    share: FloatArray
    share_low: FloatArray
    share_high: FloatArray
    profit: FloatArray
    profit_low: FloatArray
    profit_high: FloatArray
    share_draws: SingleArray
    profit_draws: FloatArray
    chance_best: FloatArray
    extrapolated: BoolArray
    others_extrapolated: Mapping[str, tuple[str, ...]]
    level: float
    sample_size: int

    @property
    def best_price(self) -> float:
        """The tested price of the highest expected profit.

        Prices beyond the tested range do not run: demand is held constant there, so profit would grow for ever.
        """
        return float(self.prices[np.argmax(np.where(self.extrapolated, -np.inf, self.profit))])


def price_curve(
    source: MarketSource,
    offers: Mapping[str, Offer],
    *,
    offer: str,
    prices: Sequence[float],
    unit_cost: float,
    audience: float,
    price: str = "price",
    level: float = 0.95,
) -> PriceCurve:
    """Share and profit of one offer over a grid of prices.

    source: a fitted model, draws of its coefficients (from `draw_utilities`, to choose their number and scale), or a
        `Market` around either.
    offers: name → attributes; the price of `offer` itself is replaced. The none option takes part where known.
    unit_cost: cost of serving one buyer, in the unit of price. audience: number of people who choose.

    Raises DataError with everything that is wrong with the offers, the grid or the price attribute.
    """
    check_level(level)
    _check(source, offers, offer, prices, (unit_cost, audience), price)
    scene, grid, clamped = _designs(source, offers, offer, prices, price)
    drawn = draw_demand(source)
    rivals, choosing = one_against_rest(scene, scene.names.index(offer))
    shares = share_curve_draws(grid, rivals, drawn, choosing)
    points = np.array(prices, dtype=np.float64)
    beyond = np.array([price in clamped.pop(_at(offer, point), ()) for point in prices], dtype=np.bool_)
    profits = shares * (audience * (points - unit_cost))
    share_low, share_high = interval(shares, level)
    profit_low, profit_high = interval(profits, level)
    best = np.where(beyond, -np.inf, profits).argmax(axis=1)
    return PriceCurve(
        prices=frozen(points),
        share=frozen(shares.mean(axis=0, dtype=np.float64)),
        share_low=frozen(share_low),
        share_high=frozen(share_high),
        profit=frozen(profits.mean(axis=0)),
        profit_low=frozen(profit_low),
        profit_high=frozen(profit_high),
        share_draws=frozen(shares),
        profit_draws=frozen(profits),
        chance_best=frozen(np.bincount(best, minlength=points.size) / best.size),
        extrapolated=frozen(beyond),
        others_extrapolated=clamped,
        level=level,
        sample_size=drawn.sample_size,
    )


def _designs(
    source: MarketSource, offers: Mapping[str, Offer], offer: str, prices: Sequence[float], price: str
) -> tuple[Scene, FloatArray, dict[str, tuple[str, ...]]]:
    """The scene, designs of the offer at each price, and what was clamped, by offer and by price."""
    # The first price stands in, so that a mistake in the offer is told once and not at every price.
    stand_in = {name: {**item, price: prices[0]} if name == offer else item for name, item in offers.items()}
    scene = scene_of(source, stand_in)
    if len(scene.names) == 1:
        do = "name a rival, or fit on data with a none option"
        raise DataError([Problem("offers", f"'{offer}' stands alone", "an offer to compare it with", do)])
    grid, beyond = code_offers(source.coding, {_at(offer, point): {**offers[offer], price: point} for point in prices})
    if all(price in beyond.get(_at(offer, point), ()) for point in prices):
        do = "include prices between those that people were shown"
        raise DataError([Problem("prices", "all lie beyond the tested range", "at least one within", do)])
    others = {name: beyond for name, beyond in scene.extrapolated.items() if name != offer}
    own = tuple(name for name in scene.extrapolated.get(offer, ()) if name != price)
    return scene, grid, {**others, **beyond, **({offer: own} if own else {})}


def _at(offer: str, price: float) -> str:
    return f"{offer} at {price:.15g}"


def _check(
    source: MarketSource,
    offers: Mapping[str, Offer],
    offer: str,
    prices: Sequence[float],
    money: tuple[float, float],
    price: str,
) -> None:
    problems = []
    if offer not in offers:
        problems.append(Problem(f"offer='{offer}'", "no such offer", nearest(offer, offers), "name one of the offers"))
    if price not in source.coding.attributes:
        allowed = nearest(price, source.coding.attributes)
        problems.append(Problem(f"price='{price}'", "no such attribute", allowed, "name the price attribute"))
    if not len(prices) or not np.isfinite(prices).all() or (np.diff(prices) <= 0).any():
        problems.append(Problem("prices", "are none, not finite or not ascending", "ascending numbers", "sort them"))
    if not np.isfinite(money).all() or money[1] <= 0:
        found = f"unit_cost={money[0]:g}, audience={money[1]:g}"
        problems.append(Problem("profit", found, "finite numbers, an audience above 0", "correct them"))
    if problems:
        raise DataError(problems)
