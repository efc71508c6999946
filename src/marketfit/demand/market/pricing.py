"""Demand as a function of prices, and one firm's answer to the others': the arithmetic of price competition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.demand.market.availability import ConsiderationSets, stratified
from marketfit.demand.market.prices import PriceBasis, PricePaths
from marketfit.demand.market.scene import Scene
from marketfit.demand.market.shares import weights_of
from marketfit.demand.models.utilities import UtilityDraws

GRID = 41
"""Prices that a firm looks at before it refines the best of them: a second peak that is narrower can be missed."""

FINE = 1e-8  # how exactly prices are found, of the range that they may take


@dataclass(frozen=True, eq=False)
class PricedDemand:
    """Shares of preference as a function of all prices, for weighted people who each meet some of the offers.

    fixed: (offers, people) utility at the lowest tested price; −inf where a person does not meet the offer.
    steps: (offers, functions, people) what each function of the basis adds to it; 0 for none.
    priced: (offers,) whether the offer has a price: all but none. weights: (people,) summing to 1.
    """

    fixed: FloatArray
    steps: FloatArray
    priced: BoolArray
    weights: FloatArray
    basis: PriceBasis

    def utilities(self, prices: FloatArray) -> FloatArray:
        """(offers, people)."""
        parts = self.basis.at(np.where(self.priced, prices, self.basis.knots[0]))
        return np.asarray(self.fixed + (parts[:, None, :] @ self.steps)[:, 0])

    def utility_of(self, offer: int, price: float) -> FloatArray:
        """(people,) of one offer."""
        return np.asarray(self.fixed[offer] + self.basis.at(np.array([price]))[0] @ self.steps[offer])

    def shares(self, prices: FloatArray) -> FloatArray:
        """(offers,)."""
        return np.asarray(special.softmax(self.utilities(prices), axis=0) @ self.weights)


@dataclass(frozen=True, eq=False)
class Sellers:
    """Who sells what. costs: (offers,) per unit. owner: (offers,) number of the firm, −1 for nobody.

    low, high: what prices may be.
    """

    costs: FloatArray
    owner: IntArray
    low: float
    high: float

    def profits(self, prices: FloatArray, shares: FloatArray) -> FloatArray:
        """(firms,) Σ share · (price − cost), per person of the market."""
        owned = self.owner >= 0
        earned = (shares * (prices - self.costs))[owned]
        return np.bincount(self.owner[owned], weights=earned).astype(np.float64)


def demand_of(
    scene: Scene, drawn: UtilityDraws, paths: PricePaths, *, most: int, rng: np.random.Generator
) -> PricedDemand:
    """Demand of the people of all draws. Where people × consideration sets exceed `most`, that many are sampled.

    Sampled people are evenly spaced over draws; each then has one consideration set, drawn by its chance.
    """
    values = drawn.values.reshape(-1, drawn.values.shape[2])
    weights = weights_of(drawn).reshape(-1)
    sets = scene.sets
    count = len(values) * (1 if sets is None else len(sets.chance))
    if count > most and len(values) > most:
        places = ((np.arange(most) + rng.random()) * (len(values) / most)).astype(np.int64)
        values, weights = values[places], weights[places]
    fixed = paths.start @ values.T + scene.constants[:, None]
    steps = paths.steps @ values.T
    if sets is not None:
        person, members, chance = _meetings(sets, len(values), count <= most, rng)
        fixed = np.where(members, fixed[:, person], -np.inf)
        steps, weights = steps[:, :, person], weights[person] * chance
    priced = np.array([name in scene.offers for name in scene.names])
    return PricedDemand(fixed, steps, priced, weights / weights.sum(), paths.basis)


def _meetings(
    sets: ConsiderationSets, people: int, every: bool, rng: np.random.Generator
) -> tuple[IntArray, BoolArray, FloatArray]:
    """Person, members (offers, rows) and chance of each row: all sets for everybody, or one drawn set each."""
    if every:
        person = np.repeat(np.arange(people, dtype=np.int64), len(sets.chance))
        return person, np.tile(sets.members.T, people), np.tile(sets.chance, people)
    drawn = np.searchsorted(np.cumsum(sets.chance), stratified(rng, (people, 1))[:, 0])
    drawn = np.minimum(drawn, len(sets.chance) - 1)
    return np.arange(people, dtype=np.int64), sets.members[drawn].T, np.ones(people)


@dataclass(frozen=True, eq=False)
class Answer:
    """The profit of a firm as a function of one of its prices, all other prices being what they are.

    utility: (people,) of the offer at the lowest tested price; steps: (functions, people) what the price adds to it.
    rivalry: (people,) log of the sum over everything else they meet.
    mates: (people,) average margin that the firm has on what they would take instead.
    """

    utility: FloatArray
    steps: FloatArray
    rivalry: FloatArray
    mates: FloatArray
    cost: float
    demand: PricedDemand

    def share(self, points: FloatArray) -> FloatArray:
        """(points, people) chance of taking the offer at each price."""
        odds = self.utility - self.rivalry + self.demand.basis.at(points) @ self.steps
        return np.asarray(special.expit(odds))

    def profit(self, points: FloatArray) -> FloatArray:
        """(points,) of the firm, all its offers together, per person of the market."""
        share, weights = self.share(points), self.demand.weights
        own = (points - self.cost) * (share @ weights)
        return np.asarray(own + weights @ self.mates - share @ (weights * self.mates))

    def marginal(self, point: float) -> float:
        """Derivative of the profit by the price."""
        share = self.share(np.array([point]))[0]
        slope = self.demand.basis.slope(point) @ self.steps
        gain = share + (point - self.cost - self.mates) * share * (1 - share) * slope
        return float(gain @ self.demand.weights)


def answer_of(demand: PricedDemand, sellers: Sellers, utilities: FloatArray, prices: FloatArray, offer: int) -> Answer:
    """How the profit of an offer's firm depends on the offer's price. utilities: of all offers at `prices`."""
    others = np.arange(len(prices)) != offer
    met = utilities[others]
    highest = met.max(axis=0)
    highest = np.where(np.isfinite(highest), highest, 0.0)
    powers = np.exp(met - highest)
    total = powers.sum(axis=0)
    alike = others & (sellers.owner == sellers.owner[offer])
    margins = np.where(alike, prices - sellers.costs, 0.0)[others]
    with np.errstate(divide="ignore", invalid="ignore"):
        rivalry = highest + np.log(total)
        mates = np.where(total > 0, margins @ powers / total, 0.0)
    return Answer(demand.fixed[offer], demand.steps[offer], rivalry, mates, float(sellers.costs[offer]), demand)


def best_price(answer: Answer, low: float, high: float) -> float:
    """The price of the highest profit between bounds: the best of a grid, refined between its neighbours."""
    knots = [knot for knot in answer.demand.basis.knots if low < knot < high]
    points = np.unique([*np.linspace(low, high, GRID).tolist(), *knots])
    profits = answer.profit(points)
    best = int(profits.argmax())
    left, right = float(points[max(best - 1, 0)]), float(points[min(best + 1, points.size - 1)])
    refined = _between(answer, left, right, FINE * (high - low))
    return refined if float(answer.profit(np.array([refined]))[0]) >= profits[best] else float(points[best])


def nearby_price(answer: Answer, current: float, reach: float, bounds: tuple[float, float]) -> float | None:
    """The peak within reach of the current price, or a bound that the profit climbs to; None where neither is."""
    from scipy import optimize

    low, high = bounds
    left, right = max(low, current - reach), min(high, current + reach)
    rising, falling = answer.marginal(left) > 0, answer.marginal(right) < 0
    if rising and falling:
        return float(optimize.brentq(answer.marginal, left, right, xtol=FINE * (high - low)))
    if rising and right == high:
        return high
    return low if falling and left == low else None


def _between(answer: Answer, left: float, right: float, fine: float) -> float:
    from scipy import optimize

    if answer.marginal(left) > 0 > answer.marginal(right):
        return float(optimize.brentq(answer.marginal, left, right, xtol=fine))

    def loss(point: float) -> float:
        return -float(answer.profit(np.array([point]))[0])

    found = optimize.minimize_scalar(loss, bounds=(left, right), method="bounded", options={"xatol": fine})
    return min((left, float(found.x), right), key=loss)
