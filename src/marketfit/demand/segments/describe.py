"""What a group of people wants, from draws of its mean coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.coding import Coding
from marketfit.demand.intervals import interval
from marketfit.demand.market.importance import importance
from marketfit.demand.market.willingness_to_pay import draw_ratios
from marketfit.demand.models.utilities import UtilityDraws
from marketfit.demand.segments.segment import Figure, Segment
from marketfit.errors import nearest

UNPROVEN = 0.1
"""Of the tail beyond an interval: from this chance of a price effect that is no disadvantage, nothing is in money."""


def describe(
    coding: Coding,
    size: tuple[str, float, Figure],
    point: FloatArray,
    drawn: FloatArray,
    *,
    price: str | None,
    level: float,
) -> Segment:
    """size: name, people and share. point: (columns,) mean coefficients. drawn: (draws, columns) draws of them; a
    single draw gives no intervals.
    """
    name, people, share = size
    counted = importance(UtilityDraws(drawn, coding, max(1, round(people))), level=level)
    worth, reason = _worth(coding, point, drawn, price, level)
    return Segment(
        name=name,
        people=people,
        share=share,
        utilities=_figures(coding.columns, point, interval(drawn, level)),
        importance=_figures(coding.attributes, counted.percent, (counted.low, counted.high)),
        worth=worth,
        no_worth=reason,
    )


def _worth(
    coding: Coding, point: FloatArray, drawn: FloatArray, price: str | None, level: float
) -> tuple[dict[str, Figure] | None, str]:
    reason = _no_slope(coding, price)
    if reason or price is None:
        return None, reason
    index = coding.columns.index(price)
    if not point[index] < 0:
        return None, f"a higher {price} is no disadvantage to this segment (its coefficient is {point[index]:.3g})"
    wrong = float((drawn[:, index] >= 0).mean())
    if wrong > UNPROVEN * (1 - level) / 2:
        return None, f"in {wrong:.1%} of draws a higher {price} is no disadvantage: no finite interval would be honest"
    others = [k for k in range(len(coding.columns)) if k != index]
    low, high = interval(draw_ratios(drawn, index)[:, others], level)
    names = [coding.columns[k] for k in others]
    return _figures(names, -point[others] / point[index], (low, high)), ""


def _no_slope(coding: Coding, price: str | None) -> str:
    """Why no single coefficient says what a unit of money is worth; empty where one does."""
    if price is None:
        return "no price attribute is named"
    if price not in coding.attributes:
        return f"there is no attribute '{price}'; {nearest(price, coding.attributes)}"
    if coding.columns_of(price) != (price,):
        return f"'{price}' has no single slope: it is coded by levels, in pieces or by alternative"
    crossed = coding.products_with(price)
    return f"what a unit of {price} is worth depends on {', '.join(crossed)}" if crossed else ""


def _figures(names: Sequence[str], values: FloatArray, ends: tuple[FloatArray, FloatArray]) -> dict[str, Figure]:
    low, high = (end.tolist() for end in ends)
    return {name: Figure(*row) for name, *row in zip(names, np.asarray(values).tolist(), low, high, strict=True)}
