"""What a price may be: the four questions of Van Westendorp (1976), and demand by Newton, Miller & Smith (1993).

Everybody names four prices that rise: too cheap to be good, cheap, expensive, too expensive. At a price p the product
is too cheap (cheap) for those who named p or more, and expensive (too expensive) for those who named p or less.
Between the prices that were named, curves are straight lines. Where they cross:

    marginal cheapness      too cheap = not cheap            the acceptable range starts
    optimal                 too cheap = too expensive        fewest people refuse
    indifference            cheap = expensive
    marginal expensiveness  too expensive = not expensive    the acceptable range ends

With the chance to buy at the cheap and at the expensive price a person's demand is a line through both that falls to 0
at the prices that are too cheap and too expensive; its mean over people is the trial curve, and price × trial the
revenue. Intervals are percentiles of a Bayesian bootstrap of people (Rubin 1981); above `MOST` people or named prices
it draws random groups of people, on as many prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from marketfit.errors import DataError, Problem
from marketfit.research.given import Flags, Floats, Given, Ints, everybody_counts_one
from marketfit.research.weighted import LEVEL, Estimate

FEWEST = 10
"""People below which a bootstrap has no interval; nor has it where they all answer alike."""

MOST = 2000
"""Groups of people, and prices, that a bootstrap works on at the most."""

CALIBRATION = (0.0, 0.1, 0.3, 0.5, 0.7)
"""The chance to buy of those who answer 1 (definitely not) to 5 (definitely): customary, not measured."""

_RESAMPLES = 1000
_NOTHING = 1e-9  # of all people: far more than rounding, far less than one of them


@dataclass(frozen=True, eq=False)
class PriceAnswers:
    """Four prices of each person (people, 4), rising: too cheap, cheap, expensive, too expensive; weights (people,),
    all 1 unless given.

    chances: (people, 2) from 0 to 1, to buy at the cheap and at the expensive price; or None.

    Raises:
        DataError: prices that do not rise or are below 0, chances that are none, weights that are not above 0.
    """

    prices: Floats
    weights: Floats = field(default_factory=everybody_counts_one)
    chances: Floats | None = None

    def __post_init__(self) -> None:
        given = Given()
        prices = given.numbers("prices", self.prices, low=0.0, shape=(None, 4))
        people = len(prices)
        weights = given.weights("weights", self.weights, people)
        chances = self.chances
        if chances is not None:
            chances = given.numbers("chances", chances, low=0.0, high=1.0, shape=(people, 2))
        given.check()
        order = "too cheap < cheap < expensive < too expensive"
        given.where("prices", ~rises(prices), lambda place: f"are {_listed(prices[place[0]])}", order)
        given.check()
        given.settle(self, prices=prices, weights=weights, chances=chances)


@dataclass(frozen=True, eq=False)
class PriceCurves:
    """Shares of people at each of the prices (points,) that somebody named."""

    price: Floats
    too_cheap: Floats
    cheap: Floats
    expensive: Floats
    too_expensive: Floats


@dataclass(frozen=True)
class PricePoints:
    """Where the curves cross; the acceptable range goes from the first to the last."""

    marginal_cheapness: Estimate
    optimal: Estimate
    indifference: Estimate
    marginal_expensiveness: Estimate


@dataclass(frozen=True)
class BestPrice:
    """The price of the highest revenue, the share of people who buy there, and the revenue per person asked;
    `most_buyers` is the price at which most people buy.
    """

    price: Estimate
    trial: Estimate
    revenue: Estimate
    most_buyers: Estimate


def rises(prices: Floats) -> Flags:
    """(people,) whether the four prices (people, 4) rise from each to the next.

    >>> rises(np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 3.0, 4.0]]))
    array([ True, False])
    """
    return np.asarray((np.diff(prices, axis=1) > 0).all(axis=1))


def _listed(prices: Floats) -> str:
    return ", ".join(f"{price:g}" for price in prices.tolist())


def price_curves(answers: PriceAnswers) -> PriceCurves:
    """The four curves at every price that somebody named.

    Raises:
        DataError: there are no answers.
    """
    all_in_one = _everybody(answers)
    shares = _opinions(answers, all_in_one)[:, 0] / all_in_one.totals(answers.weights)[0]
    return PriceCurves(all_in_one.grid, *shares)


def trial_curve(answers: PriceAnswers) -> tuple[Floats, Floats]:
    """Prices (points,) where the curve bends, and the share of people who buy there.

    Raises:
        DataError: there are no answers, or they hold no chances to buy.
    """
    all_in_one = _everybody(answers)
    return all_in_one.grid, _buyers(answers, all_in_one)[0] / all_in_one.totals(answers.weights)[0]


def price_points(answers: PriceAnswers, *, seed: int = 0, level: float = LEVEL) -> PricePoints:
    """Where the curves cross.

    >>> people = np.array([[1.0, 3, 5, 7], [2, 4, 6, 8], [3, 5, 7, 9]])
    >>> points = price_points(PriceAnswers(people))
    >>> points.optimal  # nobody finds 4 to 6 too cheap or too expensive
    Estimate(value=5.0, low=None, high=None, n=3)

    Raises:
        DataError: there are no answers.
    """

    def crossings(grid: Floats, shares: Floats) -> Floats:
        ends = [_crossing(grid, curve) for curve in _falling(shares)]
        return np.stack([(start + end) / 2 for start, end in ends], axis=1)

    return PricePoints(*_estimates(answers, _opinions, crossings, seed=seed, level=level))


def price_ranges(answers: PriceAnswers) -> tuple[tuple[float, float], ...]:
    """Where the curves of each of the `PricePoints` lie on each other, in their order; both ends are the same where
    they cross at one price. Over a range every price is as good, and the point is its middle.

    >>> people = np.array([[1.0, 3, 5, 7], [2, 4, 6, 8], [3, 5, 7, 9]])
    >>> price_ranges(PriceAnswers(people))[1]
    (4.0, 6.0)

    Raises:
        DataError: there are no answers.
    """
    everybody = _everybody(answers)
    curves = _falling(_opinions(answers, everybody) / answers.weights.sum())
    ends = [_crossing(everybody.grid, curve) for curve in curves]
    return tuple((float(start[0]), float(end[0])) for start, end in ends)


def best_price(answers: PriceAnswers, *, seed: int = 0, level: float = LEVEL) -> BestPrice:
    """The price of the highest revenue: exact, since between two bends revenue is a parabola.

    Raises:
        DataError: there are no answers, or they hold no chances to buy.
    """

    def best(grid: Floats, trial: Floats) -> Floats:
        left, right, buyers = grid[:-1], grid[1:], trial[:, :-1]
        slope = np.diff(trial, axis=1) / (right - left)
        falls = slope < 0
        top = (slope * left - buyers) / (2 * np.where(falls, slope, -1.0))
        price = np.where(falls, np.clip(top, left, right), right)
        buyers = buyers + slope * (price - left)
        revenue = price * buyers
        rows, place = np.arange(len(trial)), revenue.argmax(axis=1)
        columns = (price[rows, place], buyers[rows, place], revenue[rows, place], grid[trial.argmax(axis=1)])
        return np.stack(columns, axis=1)

    return BestPrice(*_estimates(answers, _buyers, best, seed=seed, level=level))


@dataclass(frozen=True, eq=False)
class _Groups:
    """Prices (points,) to count at, and the group of each person (people,), of `count`."""

    grid: Floats
    of_person: Ints
    count: int

    def totals(self, weights: Floats) -> Floats:
        """(count, 1) the weight of each group; by these sums everybody is exactly all."""
        return np.bincount(self.of_person, weights=weights, minlength=self.count).astype(np.float64)[:, None]

    def sums(self, person: Ints, place: Ints, values: Floats) -> Floats:
        """(count, points) running sums of values, each from its place in the grid on."""
        width = self.grid.size + 1
        cell = self.of_person[person] * width + place
        tally = np.bincount(cell, weights=values, minlength=self.count * width).reshape(self.count, width)
        return np.asarray(np.cumsum(tally[:, :-1], axis=1))


def _everybody(answers: PriceAnswers) -> _Groups:
    """One group, at every price that was named; DataError where there is nobody."""
    given = Given()
    given.some("prices", len(answers.prices))
    given.check()
    return _Groups(np.unique(answers.prices), np.zeros(len(answers.prices), dtype=np.int64), 1)


def _at_most(answers: PriceAnswers, limit: int, rng: np.random.Generator) -> _Groups:
    """At most `limit` groups and prices: of more people random groups, of more prices as many quantiles."""
    people = len(answers.prices)
    count = min(people, limit)
    grid = np.unique(answers.prices)
    if grid.size > limit:
        named = np.sort(answers.prices, axis=None)
        grid = np.unique(named[np.linspace(0, named.size - 1, limit).round().astype(np.int64)])
    return _Groups(grid, rng.permutation(people) % count, count)


def _opinions(answers: PriceAnswers, groups: _Groups) -> Floats:
    """(4, groups, points) weight of those for whom a price is too cheap, cheap, expensive, too expensive."""
    person, grid = np.arange(len(answers.prices)), groups.grid
    total = groups.totals(answers.weights)
    named = answers.prices.T
    above = [groups.sums(person, np.searchsorted(grid, prices, side="right"), answers.weights) for prices in named[:2]]
    reached = [groups.sums(person, np.searchsorted(grid, prices, side="left"), answers.weights) for prices in named[2:]]
    return np.stack([_unless_rounding(tally, total) for tally in (total - above[0], total - above[1], *reached)])


def _buyers(answers: PriceAnswers, groups: _Groups) -> Floats:
    """(groups, points) weight of those who buy: lines that start at 0 and bend four times each."""
    if answers.chances is None:
        found, do = "these answers hold no chances to buy", "ask for the chance to buy at two of the prices"
        raise DataError([Problem("chances", found, "(people, 2) from 0 to 1", do)])
    people = len(answers.prices)
    heights = np.concatenate([np.zeros((people, 1)), answers.chances, np.zeros((people, 1))], axis=1)
    slopes = np.diff(heights, axis=1) / np.diff(answers.prices, axis=1)
    bend = np.diff(slopes, axis=1, prepend=0.0, append=0.0) * answers.weights[:, None]
    person, knots, bend = np.repeat(np.arange(people), 4), answers.prices.ravel(), bend.ravel()
    place = np.searchsorted(groups.grid, knots, side="left")
    value = groups.grid * groups.sums(person, place, bend) - groups.sums(person, place, bend * knots)
    return _unless_rounding(value, groups.totals(answers.weights))


def _unless_rounding(tally: Floats, total: Floats) -> Floats:
    """Weights of people without what sums in floating point leave beyond all and nobody, or within a hair of them."""
    near = _NOTHING * total
    return np.asarray(np.where(tally < near, 0.0, np.where(tally > total - near, total, tally)))


def _falling(shares: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Curves (resamples, points) that are 0 at each of the `PricePoints` and never rise, from (4, …) shares."""
    too_cheap, cheap, expensive, too_expensive = shares
    return (
        too_cheap + cheap - 1.0,
        too_cheap - too_expensive,
        cheap - expensive,
        1.0 - expensive - too_expensive,
    )


def _crossing(price: Floats, falling: Floats) -> tuple[Floats, Floats]:
    """(resamples,) where curves (resamples, points) that never rise start to be 0, and where they end."""
    clean = np.where(np.abs(falling) < 1e-12, 0.0, falling)
    last, rows = price.size - 1, np.arange(len(falling))
    before = np.maximum((clean > 0).sum(axis=1) - 1, 0)  # the last point above 0
    after = np.minimum(price.size - (clean < 0).sum(axis=1), last)  # the first point below 0
    start = _zero(price, clean, rows, (before, np.minimum(before + 1, last)))
    end = _zero(price, clean, rows, (np.maximum(after - 1, 0), after))
    return start, end


def _zero(price: Floats, curve: Floats, rows: Ints, ends: tuple[Ints, Ints]) -> Floats:
    """Where straight lines between two points of each curve are 0, as far as that lies between them."""
    left, right = ends
    high, low = curve[rows, left], curve[rows, right]
    part = np.where(high > low, high / np.where(high > low, high - low, 1.0), 0.0)
    return np.asarray(price[left] + np.clip(part, 0.0, 1.0) * (price[right] - price[left]))


def _estimates(
    answers: PriceAnswers,
    count: Callable[[PriceAnswers, _Groups], Floats],
    statistic: Callable[[Floats, Floats], Floats],
    *,
    seed: int,
    level: float,
) -> tuple[Estimate, ...]:
    """Several statistics of curves (…, resamples, points), which `count` gives as weights by group."""
    everybody, people = _everybody(answers), len(answers.prices)
    values = statistic(everybody.grid, count(answers, everybody) / answers.weights.sum())[0].tolist()
    if people < FEWEST:
        return tuple(Estimate(value, None, None, people) for value in values)
    rng = np.random.default_rng(seed)
    groups = _at_most(answers, MOST, rng)
    drawn = rng.standard_exponential((_RESAMPLES, groups.count))
    totals = drawn @ np.bincount(groups.of_person, weights=answers.weights)
    resampled = statistic(groups.grid, drawn @ count(answers, groups) / totals[:, None])
    tail = (1 - level) / 2
    lows, highs = np.quantile(resampled, (tail, 1 - tail), axis=0).tolist()
    return tuple(
        Estimate(value, *_ends(value, low, high), people) for value, low, high in zip(values, lows, highs, strict=True)
    )


def _ends(value: float, low: float, high: float) -> tuple[float | None, float | None]:
    """The ends of an interval; none where all resamples are alike, and so can't tell how sure the value is."""
    if high - low <= 1e-9 * max(1.0, abs(value)):
        return None, None
    return min(low, value), max(high, value)
