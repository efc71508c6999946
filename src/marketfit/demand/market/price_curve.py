"""Share and profit of one offer at each price of a grid, against offers that keep theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, SingleArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.market.offers import Offers, code_offers, named_offers
from marketfit.demand.market.prices import one_against_rest
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.shares import share_curve_draws
from marketfit.demand.printing import (
    Printed,
    extrapolated_lines,
    level_heads,
    rounded,
    share_cells,
    table_rows,
)
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True, eq=False)
class ProfitCurve:
    """What each price of a grid earns, in the unit of price times people.

    mean, low, high: (points,) over draws, with the ends of the interval. draws: (draws, points).
    chance_best: (points,) share of draws in which the price earns most of those within the tested range.
    best_price: the tested price of the highest expected profit. Prices beyond the tested range do not run: demand is
    held constant there, so profit would grow for ever.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    draws: FloatArray
    chance_best: FloatArray
    best_price: float


@dataclass(frozen=True, eq=False, repr=False)
class PriceCurve(Printed):
    """Demand along a grid of prices, and profit where the cost of a unit is known.

    prices: (points,) in the unit of the price attribute. share, share_low, share_high: (points,) mean over draws, with
    the ends of its interval at `level`. share_draws: (draws, points): integrate a decision over these.
    profit: None where no cost was given.
    extrapolated: (points,) whether the price is beyond the tested range, where demand is held at its end.
    others_extrapolated: offer → its clamped attributes; for the offer itself, those other than price.
    sample_size: people behind the fit.
    """

    prices: FloatArray
    share: FloatArray
    share_low: FloatArray
    share_high: FloatArray
    share_draws: SingleArray
    profit: ProfitCurve | None
    extrapolated: BoolArray
    others_extrapolated: Mapping[str, tuple[str, ...]]
    level: float
    sample_size: int

    @property
    def best_price(self) -> float:
        """The tested price of the highest expected profit. Raises DataError where no cost of a unit was given."""
        if self.profit is None:
            do = "give price_curve the unit_cost"
            raise DataError([Problem("best price", "no cost of a unit was given", "a price that earns most", do)])
        return self.profit.best_price

    def __str__(self) -> str:
        heads = ["price", "share, %", *level_heads(self.level)]
        ends = (self.share.tolist(), self.share_low.tolist(), self.share_high.tolist())
        rows = [[rounded(point), *share_cells(*told)] for point, *told in zip(self.prices.tolist(), *ends, strict=True)]
        if self.profit is not None:
            heads += ["profit", *level_heads(self.level)]
            money = (self.profit.mean.tolist(), self.profit.low.tolist(), self.profit.high.tolist())
            rows = [[*row, *map(rounded, earned)] for row, *earned in zip(rows, *money, strict=True)]
        for row, beyond in zip(rows, self.extrapolated.tolist(), strict=True):
            row[0] += " (beyond what was tested)" if beyond else ""
        lines = [f"Price curve, n = {self.sample_size}, {len(self.share_draws)} draws", *table_rows(heads, rows)]
        return "\n".join([*lines, *extrapolated_lines(self.others_extrapolated)])


def price_curve(
    source: MarketSource,
    offers: Offers,
    *,
    offer: str,
    prices: Sequence[float],
    unit_cost: float | None = None,
    audience: float | None = None,
    price: str = "price",
    level: float = 0.95,
) -> PriceCurve:
    """Share of one offer over a grid of prices, and its profit where `unit_cost` is given.

    source: a fitted model, draws of its coefficients (from `draw_utilities`, to choose their number and scale), or a
        `Market` around either.
    offers: name → attributes; the price of `offer` itself is replaced. The none option takes part where known.
    unit_cost: cost of serving one buyer, in the unit of price. audience: number of people who choose, for the profit;
        by default it is that of one.

    Raises DataError with everything that is wrong with the offers, the grid or the price attribute.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    _check(source, offers, offer, prices, (unit_cost, audience), price)
    scene, grid, clamped = _designs(source, offers, offer, prices, price)
    drawn = draw_demand(source)
    rivals, choosing = one_against_rest(scene, scene.names.index(offer))
    shares = share_curve_draws(grid, rivals, drawn, choosing)
    points = np.array(prices, dtype=np.float64)
    beyond = np.array([price in clamped.pop(_at(offer, point), ()) for point in prices], dtype=np.bool_)
    share_low, share_high = interval(shares, level)
    earned = None if unit_cost is None else shares * ((1.0 if audience is None else audience) * (points - unit_cost))
    return PriceCurve(
        prices=frozen(points),
        share=frozen(shares.mean(axis=0, dtype=np.float64)),
        share_low=frozen(share_low),
        share_high=frozen(share_high),
        share_draws=frozen(shares),
        profit=None if earned is None else _profit_curve(points, earned, beyond, level),
        extrapolated=frozen(beyond),
        others_extrapolated=clamped,
        level=level,
        sample_size=drawn.sample_size,
    )


def _profit_curve(prices: FloatArray, draws: FloatArray, beyond: BoolArray, level: float) -> ProfitCurve:
    """draws: (draws, points) of the profit; beyond: (points,) whether the price was not tested."""
    mean = draws.mean(axis=0)
    low, high = interval(draws, level)
    best = np.where(beyond, -np.inf, draws).argmax(axis=1)
    return ProfitCurve(
        mean=frozen(mean),
        low=frozen(low),
        high=frozen(high),
        draws=frozen(draws),
        chance_best=frozen(np.bincount(best, minlength=prices.size) / best.size),
        best_price=float(prices[np.argmax(np.where(beyond, -np.inf, mean))]),
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
    money: tuple[float | None, float | None],
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
    cost, audience = money
    if cost is None and audience is not None:
        found, do = "says nothing without unit_cost", "give unit_cost too, or leave both out for shares alone"
        problems.append(Problem(f"audience={audience:g}", found, "both, for profit", do))
    if not np.isfinite([cost or 0.0, audience or 0.0]).all() or (audience is not None and audience <= 0):
        found = f"unit_cost={cost}, audience={audience}"
        problems.append(Problem("profit", found, "finite numbers, an audience above 0", "correct them"))
    if problems:
        raise DataError(problems)
