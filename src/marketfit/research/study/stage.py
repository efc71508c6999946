"""Our offer among those that it competes with, before anything is trained: what it is, and at which price."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketfit.brief import MarketBrief, MarketSpec
from marketfit.contract import Requirement
from marketfit.demand import Coding, Market, UtilityDraws, price_curve
from marketfit.demand.coding.terms import LinearTerm, PiecewiseTerm
from marketfit.records.market import Offer

Values = Mapping[str, float | str]


@dataclass(frozen=True, eq=False)
class Stage:
    """Who competes. offers: name → attributes, ours (`product`) first. assumed: what of ours was not in the brief.

    demand: draws of utilities, with who meets which offer. prices: those of ours that may be chosen, ascending, as far
    as they are numbers within the tested range.
    """

    product: str
    market: MarketSpec
    demand: Market
    drawn: UtilityDraws
    offers: Mapping[str, Values]
    assumed: tuple[str, ...]
    prices: tuple[float, ...]

    @property
    def own(self) -> dict[str, float | str]:
        """Our offer."""
        return dict(self.offers[self.product])

    @property
    def rivals(self) -> dict[str, Values]:
        """All other offers."""
        return {name: offer for name, offer in self.offers.items() if name != self.product}

    @property
    def price(self) -> float | None:
        """Our price, where it is a number."""
        value = self.own.get(self.market.price)
        return value if isinstance(value, float) else None

    @property
    def alone(self) -> bool:
        """Whether there is nothing to compare our offer with."""
        return len(self.offers) == 1 and self.drawn.coding.none is None

    @property
    def people(self) -> str:
        """How many people are behind every number, in words."""
        made = ", simulated" if self.market.simulated else ""
        return f"n = {self.drawn.sample_size} respondents{made}"


def set_stage(
    brief: MarketBrief,
    drawn: UtilityDraws,
    competitors: Sequence[Offer],
    *,
    availability: Mapping[str, float] | None = None,
) -> Stage:
    """Our offer at what is promised, against the named competitors and none.

    Where several prices may be offered and profit is the goal, ours is the one that earns most while the others keep
    theirs; for other goals it is the first. availability: offer → share of people who can get it (default: 1).
    """
    market = brief.market
    own, assumed = promised_offer(market, brief.require, drawn.coding)
    offers: dict[str, Values] = {brief.product: own} | {one.name: one.attributes for one in competitors}
    low, high = tested_range(drawn.coding, market.price)
    offered = market.attributes[market.price].offer if market.price in market.attributes else ()
    prices = sorted({value for value in offered if isinstance(value, float) and low <= value <= high and low < high})
    demand = Market(drawn, availability=availability or {})
    stage = Stage(brief.product, market, demand, drawn, offers, tuple(assumed), tuple(prices))
    if market.goal != "profit" or len(prices) < 2 or stage.alone:
        return stage
    best = price_curve(
        demand, offers, offer=brief.product, prices=prices, unit_cost=market.unit_cost or 0.0,
        audience=market.audience or 1.0, price=market.price,
    ).best_price  # fmt: skip
    told = f"{market.price} {best:g} (earns most of {', '.join(f'{value:g}' for value in prices)})"
    chosen = {**own, market.price: best}
    return replace(stage, offers={**offers, brief.product: chosen}, assumed=(*assumed, told))


def promised_offer(market: MarketSpec, require: Sequence[Requirement], coding: Coding) -> tuple[Values, list[str]]:
    """Our offer at what is promised: a measured attribute at its requirement, or the middle of what was tested.

    Where several values may be offered, the first one. Returns the offer and what was assumed.
    """
    limits = {need.metric: need.limit for need in require}
    offer: dict[str, float | str] = {}
    assumed = []
    for name, spec in market.attributes.items():
        if spec.metric is None:
            offer[name] = spec.offer[0]
            continue
        low, high = tested_range(coding, name)
        offer[name] = limits.get(spec.metric, (low + high) / 2)
        origin = "as required" if spec.metric in limits else "the middle of what was tested"
        assumed.append(f"{name} {offer[name]:g} ({origin})")
    return offer, assumed


def tested_range(coding: Coding, name: str) -> tuple[float, float]:
    """The lowest and highest number that people were shown; 0 and 0 where the attribute is no number."""
    term = next((term for term in coding.terms if term.attribute == name), None)
    if isinstance(term, LinearTerm):
        return term.low, term.high
    return (term.knots[0], term.knots[-1]) if isinstance(term, PiecewiseTerm) else (0.0, 0.0)


def percent(share: float) -> float | None:
    """A share in percent, to a tenth; None where it is not known."""
    return round(100 * float(share), 1) if math.isfinite(share) else None


def money(value: float) -> float | None:
    """An amount to two places, or to whole units from 1,000 on; None where it is not finite."""
    if not math.isfinite(value):
        return None
    return round(float(value), 2 if abs(value) < 1000 else 0)


def ends(draws: np.ndarray[tuple[int], np.dtype[np.float64]], level: float = 0.95) -> tuple[float, float]:
    """Both ends of the central interval of draws; NaN where they are too few."""
    tail = (1 - level) / 2
    if draws.size * tail < 1:
        return math.nan, math.nan
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
