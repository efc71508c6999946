"""Competitive willingness to pay: the price at which our share is back where it was before we changed the offer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, SingleArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.coding.terms import PiecewiseTerm, Value
from marketfit.demand.intervals import Estimate, check_level, estimate, interval
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.prices import (
    PriceTerm,
    check_tested,
    offer_price,
    one_against_rest,
    price_term,
    tested_range,
)
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.shares import share_curve_draws
from marketfit.demand.printing import (
    Printed,
    estimate_cells,
    extrapolated_lines,
    level_heads,
    rounded,
    share_cells,
    table_rows,
)
from marketfit.errors import DataError, Problem

POINTS = 129  # prices that the share curve is taken at; in between, log odds are linear, as a single person's are
FAR = 1e300  # stands for infinity where quantiles are interpolated


@dataclass(frozen=True, eq=False, repr=False)
class CompetitiveValue(Printed):
    """What a change of an offer is worth in its market.

    value: price at which the changed offer has its old share, less the old price. Infinite where no tested price
        brings the share back: the value is above `highest` (inf) or below `lowest` (−inf), and no number is made up;
        the same goes for the ends of the interval.
    lowest, highest: the values that the tested prices can show.
    chance_above, chance_below: share of draws whose value lies beyond `highest` or `lowest`.
    base_share: before the change. changed_share: after the change, at the old price.
    value_draws: (draws,) infinite where unbounded. extrapolated: offer → clamped attributes.
    sample_size: people behind the fit.
    """

    value: Estimate
    lowest: float
    highest: float
    chance_above: float
    chance_below: float
    base_share: Estimate
    changed_share: Estimate
    value_draws: FloatArray
    level: float
    extrapolated: Mapping[str, tuple[str, ...]]
    sample_size: int

    @property
    def bounded(self) -> bool:
        """Whether value and interval are numbers that tested prices show."""
        return all(math.isfinite(number) for number in (self.value.value, self.value.low, self.value.high))

    def __str__(self) -> str:
        rows = [
            ("value", *estimate_cells(self.value)),
            ("share before, %", *share_cells(*astuple(self.base_share))),
            ("share at the old price, %", *share_cells(*astuple(self.changed_share))),
        ]
        table = table_rows(("", "mean", *level_heads(self.level)), rows)
        tested = f"tested prices can show {rounded(self.lowest)} to {rounded(self.highest)}"
        head = f"What the change is worth among its rivals, n = {self.sample_size}"
        return "\n".join([head, *table, tested, *extrapolated_lines(self.extrapolated)])


def competitive_value(
    source: MarketSource,
    offers: Offers,
    *,
    offer: str,
    change: Mapping[str, Value],
    price: str = "price",
    none: bool | None = None,
    level: float = 0.95,
) -> CompetitiveValue:
    """Willingness to pay for a change among named rivals and none (Orme 2001: by market simulation).

    Rivals keep offers and prices. The value solves share(changed offer, old price + value) = share(offer, old price),
    for the mean share over draws; its interval is over the draws, each solved on its own. Unlike a ratio of
    coefficients it depends on whom one competes with; where all people are alike the two are the same.

    offer: whose. change: attribute → new value, anything but the price. source, none, level: as for `simulate`.
    Raises DataError with everything that is wrong.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    scene, grid, prices, old = _checked(source, offers, (offer, change, price), none)
    drawn = draw_demand(source)
    rivals, choosing = one_against_rest(scene, scene.names.index(offer))
    curve = share_curve_draws(
        np.concatenate([scene.designs[[scene.names.index(offer)]], grid]), rivals, drawn, choosing
    )
    base, changed = curve[:, 0], curve[:, 1:]
    values = _crossings(changed, base, prices, old)
    means = curve.mean(axis=0, dtype=np.float64)[None]
    low, high = interval(np.clip(values, -FAR, FAR)[:, None], level)
    return CompetitiveValue(
        value=Estimate(float(_crossings(means[:, 1:], means[:, 0], prices, old)[0]), _end(low[0]), _end(high[0])),
        lowest=float(prices[0]) - old,
        highest=float(prices[-1]) - old,
        chance_above=float((values == np.inf).mean()),
        chance_below=float((values == -np.inf).mean()),
        base_share=estimate(base, level),
        changed_share=estimate(changed[:, int(np.searchsorted(prices, old))], level),
        value_draws=frozen(values),
        level=level,
        extrapolated=scene.extrapolated,
        sample_size=drawn.sample_size,
    )


def _crossings(
    curve: SingleArray | FloatArray, base: SingleArray | FloatArray, prices: FloatArray, old: float
) -> FloatArray:
    """(draws,) price at which the curve (draws, points) meets the base, less the old one; the nearest of several.

    Infinite where it does not: inf where the share stays above the base at all prices, −inf where it stays below.
    """
    tiny = 1e-37
    gap = special.logit(np.clip(curve.astype(np.float64), tiny, 1 - 1e-16))
    gap -= special.logit(np.clip(base.astype(np.float64), tiny, 1 - 1e-16))[:, None]
    first, last = gap[:, :-1], gap[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        way = np.where(first == last, 0.0, first / (first - last))
    places = prices[:-1] + np.clip(way, 0, 1) * np.diff(prices) - old
    crossed = first * last <= 0
    nearest = np.where(crossed, np.abs(places), np.inf).argmin(axis=1)
    rows = np.arange(len(gap))
    beyond = np.where(gap[:, 0] > 0, np.inf, -np.inf)
    return np.asarray(np.where(crossed.any(axis=1), places[rows, nearest], beyond))


def _end(value: float) -> float:
    """A quantile of values where FAR stood for infinity."""
    return math.copysign(math.inf, value) if abs(value) > FAR / 1e6 else float(value)


def _grid(term: PriceTerm, old: float) -> FloatArray:
    """Prices between the tested ones, knots and the old price among them."""
    knots = term.knots if isinstance(term, PiecewiseTerm) else ()
    return np.unique([*np.linspace(*tested_range(term), POINTS).tolist(), *knots, old])


def _checked(
    source: MarketSource, offers: Mapping[str, Offer], asked: tuple[str, Mapping[str, Value], str], none: bool | None
) -> tuple[Scene, FloatArray, FloatArray, float]:
    """The scene, designs of the changed offer at each price, the prices, and the old price."""
    offer, change, price = asked
    problems: list[Problem] = []
    term = price_term(source.coding, price, problems)
    old = offer_price(offers, offer, price, problems)
    check_tested(f"price of '{offer}'", (old,), term, problems)
    if not change:
        problems.append(Problem("change", "is empty", "at least one attribute", "say what changes"))
    if price in change:
        do = "leave it out: the price is what is solved for"
        problems.append(Problem("change", f"holds '{price}'", "other attributes", do))
    changed = {**offers.get(offer, {}), **change}
    scene = design = None
    try:
        scene = scene_of(source, offers, none=none)
    except DataError as error:
        problems += error.problems
    try:
        design = source.coding.code(changed, where=f"offer '{offer}'")
    except DataError as error:
        problems += error.problems
    if scene is not None and len(scene.names) == 1:
        do = "name a rival, or fit on data with a none option"
        problems.append(Problem("offers", f"'{offer}' stands alone", "an offer to compare it with", do))
    if problems or scene is None or term is None or design is None:
        raise DataError(list(dict.fromkeys(problems)))
    prices = _grid(term, old)
    grid = source.coding.along(changed, {price: prices}, where=f"offer '{offer}'").matrix
    held = {f"{offer}, changed": design.extrapolated} if design.extrapolated else {}
    return replace(scene, extrapolated={**scene.extrapolated, **held}), grid, prices, old
