"""Our offer on the market before anything is trained: at what the brief promises, over the prices that were tested."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.brief import Brief, MarketSpec
from marketfit.contract import Requirement
from marketfit.demand import Coding, PriceCurve, UtilityDraws, price_curve, simulate
from marketfit.demand.coding.terms import LinearTerm, PiecewiseTerm
from marketfit.records import Offer
from marketfit.records.findings import Drawing, Finding, FindingTable

_POINTS = 21

Values = Mapping[str, float | str]


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
        low, high = _tested(coding, name)
        offer[name] = limits.get(spec.metric, (low + high) / 2)
        origin = "as required" if spec.metric in limits else "the middle of what was tested"
        assumed.append(f"{name} {offer[name]:g} ({origin})")
    return offer, assumed


def _tested(coding: Coding, name: str) -> tuple[float, float]:
    term = next((term for term in coding.terms if term.attribute == name), None)
    if isinstance(term, LinearTerm):
        return term.low, term.high
    return (term.knots[0], term.knots[-1]) if isinstance(term, PiecewiseTerm) else (0.0, 0.0)


def market_finding(brief: Brief, drawn: UtilityDraws, competitors: Sequence[Offer], *, tasks: int) -> Finding | None:
    """Shares with our offer as promised, and how its share and profit answer to the price."""
    market = brief.market
    offer, assumed = promised_offer(market, brief.require, drawn.coding)
    offers: dict[str, Values] = {brief.product: offer} | {one.name: one.attributes for one in competitors}
    if len(offers) == 1 and drawn.coding.none is None:
        return None
    shares = simulate(drawn, offers)
    tables = [
        FindingTable(
            title="Predicted shares with our offer as promised",
            columns=("offer", "share", "low", "high"),
            rows=tuple(
                (name, float(shares.share[place]), _end(shares.low[place]), _end(shares.high[place]))
                for place, name in enumerate(shares.offers)
            ),
            note=f"95 % intervals over draws of new people; n = {shares.sample_size} respondents.",
            drawing=Drawing(kind="intervals", x="share", label="offer", low="low", high="high"),
        )
    ]
    curve = _curve(market, drawn, offers, brief.product)
    if curve is not None:
        tables += _response(curve, market)
    price = [f"{market.price} {offer[market.price]:g}"] if isinstance(offer.get(market.price), float) else []
    notes = [f"Our offer: {', '.join([*assumed, *price]) or 'as the brief sets it'}."]
    notes += [
        f"{name}: {', '.join(names)} beyond what was tested, taken at the nearest end."
        for name, names in shares.extrapolated.items()
    ]
    return Finding(
        instrument="shares",
        title="Our offer on the market",
        respondents=shares.sample_size,
        answers=tasks,
        simulated=market.simulated,
        tables=tuple(tables),
        notes=tuple(notes),
    )


def _curve(market: MarketSpec, drawn: UtilityDraws, offers: Mapping[str, Values], product: str) -> PriceCurve | None:
    low, high = _tested(drawn.coding, market.price)
    if not low < high:
        return None
    own = [value for value in market.attributes[market.price].offer if isinstance(value, float)]
    prices = sorted({*np.linspace(low, high, _POINTS).tolist(), *(value for value in own if low <= value <= high)})
    return price_curve(
        drawn,
        offers,
        offer=product,
        prices=prices,
        unit_cost=market.unit_cost or 0.0,
        audience=market.audience or 1.0,
        price=market.price,
    )


def _response(curve: PriceCurve, market: MarketSpec) -> list[FindingTable]:
    price = market.price
    tables = [
        FindingTable(
            title="Our share at each price, the others keeping theirs",
            columns=(price, "share", "low", "high"),
            rows=tuple(
                (float(point), float(curve.share[k]), _end(curve.share_low[k]), _end(curve.share_high[k]))
                for k, point in enumerate(curve.prices)
            ),
            note=f"95 % intervals, n = {curve.sample_size} respondents.",
            drawing=Drawing(kind="curves", x=price, y="share", low="low", high="high"),
        )
    ]
    if market.audience is not None and market.unit_cost is not None:
        tables.append(
            FindingTable(
                title=f"Our profit a month at each price ({market.audience:,.0f} buyers, cost {market.unit_cost:g})",
                columns=(price, "profit", "low", "high", "chance to be best"),
                rows=tuple(
                    (float(point), float(curve.profit[k]), _end(curve.profit_low[k]), _end(curve.profit_high[k]),
                     float(curve.chance_best[k]))
                    for k, point in enumerate(curve.prices)
                ),
                note=f"95 % intervals, n = {curve.sample_size} respondents; without the cost of predictions.",
                drawing=Drawing(kind="curves", x=price, y="profit", low="low", high="high", marks=(curve.best_price,)),
            )
        )  # fmt: skip
    return tables


def _end(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
