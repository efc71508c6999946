"""Our offer on the market before anything is trained: its share, and how share and profit answer to the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.demand import PriceCurve, Shares, price_curve, simulate
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.research.study.stage import Stage, money, percent, tested_range

_POINTS = 21


def market_finding(stage: Stage, *, tasks: int) -> Finding | None:
    """Shares with our offer as promised, and how its share and profit answer to the price."""
    if stage.alone:
        return None
    market = stage.market
    shares = simulate(stage.demand, stage.offers)
    tables = [
        FindingTable(
            title="Predicted shares with our offer as promised, in percent",
            columns=("offer", "share, %", "low", "high"),
            rows=tuple(
                (name, percent(shares.share[place]), percent(shares.low[place]), percent(shares.high[place]))
                for place, name in enumerate(shares.offers)
            ),
            note=f"95 % intervals over draws of new people; {stage.people}.",
            drawing=Drawing(kind="intervals", x="share, %", label="offer", low="low", high="high"),
        )
    ]
    curve = _curve(stage)
    if curve is not None:
        tables += _response(curve, stage)
    price = [] if stage.price is None or len(stage.prices) > 1 else [f"{market.price} {stage.price:g}"]
    notes = [f"Our offer: {', '.join([*stage.assumed, *price]) or 'as the brief sets it'}."]
    notes += clamped_notes(shares.extrapolated)
    return Finding(
        instrument="shares",
        title="Our offer on the market",
        respondents=shares.sample_size,
        answers=tasks,
        simulated=market.simulated,
        lead=f"As promised, our offer would win {percent(shares.share[0])} % of those who choose "
        f"({_interval(shares)}).",
        tables=tuple(tables),
        notes=tuple(notes),
    )


def _interval(shares: Shares) -> str:
    low, high = percent(shares.low[0]), percent(shares.high[0])
    return "no interval" if low is None or high is None else f"95 % interval {low} to {high} %"


def clamped_notes(extrapolated: Mapping[str, Sequence[str]]) -> list[str]:
    """Which numbers of which offers lie beyond what people were shown."""
    return [
        f"{name}: {', '.join(names)} beyond what was tested, taken at the nearest end."
        for name, names in extrapolated.items()
    ]


def _curve(stage: Stage) -> PriceCurve | None:
    market = stage.market
    low, high = tested_range(stage.drawn.coding, market.price)
    if not low < high:
        return None
    return price_curve(
        stage.demand,
        stage.offers,
        offer=stage.product,
        prices=sorted({*np.linspace(low, high, _POINTS).tolist(), *stage.prices}),
        unit_cost=market.unit_cost,
        audience=None if market.unit_cost is None else market.audience,
        price=market.price,
    )


def _response(curve: PriceCurve, stage: Stage) -> list[FindingTable]:
    market, price = stage.market, stage.market.price
    own = () if stage.price is None else (stage.price,)
    tables = [
        FindingTable(
            title="Our share at each price, the others keeping theirs, in percent",
            columns=(price, "share, %", "low", "high"),
            rows=tuple(
                (round(float(point), 4), percent(curve.share[k]), percent(curve.share_low[k]),
                 percent(curve.share_high[k]))
                for k, point in enumerate(curve.prices)
            ),
            note=f"95 % intervals; {stage.people}. The dashed line is our price.",
            drawing=Drawing(kind="curves", x=price, y="share, %", low="low", high="high", marks=own),
        )
    ]  # fmt: skip
    profit = curve.profit
    if market.audience is not None and market.unit_cost is not None and profit is not None:
        buyers = f"{market.audience:,.0f} buyers, cost {market.unit_cost:g} each"
        tables.append(
            FindingTable(
                title=f"Our profit a month at each price ({buyers})",
                columns=(price, "profit", "low", "high", "chance to be best, %"),
                rows=tuple(
                    (round(float(point), 4), money(profit.mean[k]), money(profit.low[k]), money(profit.high[k]),
                     percent(profit.chance_best[k]))
                    for k, point in enumerate(curve.prices)
                ),
                note=f"95 % intervals; {stage.people}. Without the cost of predictions, which is not measured yet. The "
                "dashed line is the best of these prices, the others keeping theirs.",
                drawing=Drawing(kind="curves", x=price, y="profit", low="low", high="high", marks=(profit.best_price,)),
            )
        )  # fmt: skip
    return tables
