"""Who sets which price, and prices at which nobody gains by another one (Bertrand–Nash)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.coding.coding import Offer
from marketfit.demand.market.prices import PricePaths, PriceTerm, offer_price, price_term, tested_range
from marketfit.demand.market.pricing import FINE, GRID, PricedDemand, Sellers, answer_of, best_price, nearby_price
from marketfit.demand.market.scene import MarketSource, Scene, scene_of
from marketfit.errors import DataError, Problem, nearest

MOST_ROUNDS = 300
DAMPED_FROM = 60  # rounds after which firms go half the way only, so that a cycle dies out
STILL = 20 * FINE  # a round in which no price moves further than this, of the range, is the last
GAIN = 1e-6
"""A deviation that earns less than this, relative to the profit, is none."""

MOST_RESTARTS = 5


@dataclass(frozen=True)
class PriceGame:
    """Who competes in prices.

    owners: offer → the firm that sets its price to earn most with all its offers. Offers that are not named keep
        their price. unit_costs: offer → cost of serving one buyer, for every owned offer, in the unit of price.
    price: the price attribute, coded linear or piecewise; it may be crossed or split by alternative.
    bounds: lowest and highest price that firms consider (default: the tested range); clamped to what people were
        shown, because demand is not known beyond.
    audience: number of people who choose: profits are of so many.
    """

    owners: Mapping[str, str]
    unit_costs: Mapping[str, float]
    price: str = "price"
    bounds: tuple[float, float] | None = None
    audience: float = 1.0


@dataclass(frozen=True, eq=False)
class Board:
    """A game that was checked: scene, designs along prices, sellers, firms by number, prices that it starts from.

    start: (offers,), NaN for none. players: places of offers whose price is set by a firm.
    """

    scene: Scene
    paths: PricePaths
    sellers: Sellers
    firms: tuple[str, ...]
    start: FloatArray
    players: IntArray


@dataclass(frozen=True, eq=False)
class Settled:
    """Prices (offers,) at which the search ended. gain: the most that a firm could add to its profit, relative to it,
    by any deviation that was tried. converged: prices stand still and there is no gain.
    """

    prices: FloatArray
    gain: float
    converged: bool


def board_of(source: MarketSource, offers: Mapping[str, Offer], game: PriceGame, problems: list[Problem]) -> Board:
    """Check a game against its market; `problems` that were found before are raised with those found here."""
    problems = [*problems, *_game_problems(offers, game)]
    term = price_term(source.coding, game.price, problems)
    low, high = _bounds(game, term, problems)
    start = {name: offer_price(offers, name, game.price, problems) for name in offers}
    scene = None
    try:
        scene = scene_of(source, offers)
    except DataError as error:
        problems += error.problems
    if problems or scene is None or term is None:
        raise DataError(list(dict.fromkeys(problems)))
    firms = tuple(sorted(set(game.owners.values())))
    owner = np.array([firms.index(game.owners[name]) if name in game.owners else -1 for name in scene.names])
    costs = np.array([game.unit_costs.get(name, 0.0) for name in scene.names])
    prices = np.array([start.get(name, np.nan) for name in scene.names])
    paths = PricePaths.of(scene, source.coding, term)
    return Board(scene, paths, Sellers(costs, owner, low, high), firms, prices, np.flatnonzero(owner >= 0))


def settle(demand: PricedDemand, sellers: Sellers, players: IntArray, start: FloatArray) -> Settled:
    """Firms answer each other in turn, each with its best price over the whole range at first and then nearby.

    When prices stand still, every firm looks over the whole range again (`deviation`); where one gains, the search goes
    on from there. Only what passes this is called converged: a stationary point need not be an equilibrium.
    """
    prices = start.copy()
    prices[players] = np.clip(prices[players], sellers.low, sellers.high)
    gain, still = math.inf, False
    for _ in range(MOST_RESTARTS):
        still = _stand_still(demand, sellers, players, prices)
        gain, better = deviation(demand, sellers, players, prices)
        if gain <= GAIN:
            break
        prices = better
    return Settled(prices, gain, still and gain <= GAIN)


def deviation(
    demand: PricedDemand, sellers: Sellers, players: IntArray, prices: FloatArray
) -> tuple[float, FloatArray]:
    """The largest relative gain of a single firm that deviates, and prices with that deviation.

    A firm tries each of its prices alone over the whole range, all of them moved together, and climbs from there and
    from both ends of the range.
    """
    most, found = 0.0, prices
    now = sellers.profits(prices, demand.shares(prices))
    for firm in np.unique(sellers.owner[players]).tolist():
        own = players[sellers.owner[players] == firm]
        for start in _starts(demand, sellers, own, prices):
            trial = start.copy()
            _climb(demand, sellers, own, trial)
            reached = float(sellers.profits(trial, demand.shares(trial))[firm])
            gain = (reached - float(now[firm])) / max(abs(float(now[firm])), 1e-9 * (sellers.high - sellers.low))
            if gain > most:
                most, found = gain, trial
    return most, found


def _starts(demand: PricedDemand, sellers: Sellers, own: IntArray, prices: FloatArray) -> list[FloatArray]:
    """Where a firm starts to look for a deviation: where it is and, with several offers, also far away."""
    starts = [prices]
    if own.size > 1:
        levels = np.linspace(sellers.low, sellers.high, GRID)
        firm = sellers.owner[own[0]]
        tried = []
        for level in levels.tolist():
            together = prices.copy()
            together[own] = level
            tried.append((float(sellers.profits(together, demand.shares(together))[firm]), together))
        starts += [tried[0][1], tried[-1][1], max(tried, key=lambda pair: pair[0])[1]]
    return starts


def _climb(demand: PricedDemand, sellers: Sellers, own: IntArray, prices: FloatArray) -> None:
    """Raise one firm's profit price by price, each over the whole range, until none moves; changes `prices`."""
    for _ in range(MOST_ROUNDS if own.size > 1 else 1):
        before = prices[own].copy()
        utilities = demand.utilities(prices)
        for offer in own.tolist():
            answer = answer_of(demand, sellers, utilities, prices, offer)
            prices[offer] = best_price(answer, sellers.low, sellers.high)
            utilities[offer] = demand.utility_of(offer, float(prices[offer]))
        if np.abs(prices[own] - before).max() <= 1e-4 * (sellers.high - sellers.low):
            return


def _stand_still(demand: PricedDemand, sellers: Sellers, players: IntArray, prices: FloatArray) -> bool:
    """Let firms answer in turn until prices stand still; changes `prices`. False where they never do."""
    width = sellers.high - sellers.low
    moved = np.full(prices.size, width, dtype=np.float64)
    for number in range(MOST_ROUNDS):
        utilities = demand.utilities(prices)
        for offer in players.tolist():
            answer = answer_of(demand, sellers, utilities, prices, offer)
            reach = 4 * float(moved[offer]) + 1e-3 * width
            found = (
                nearby_price(answer, float(prices[offer]), reach, (sellers.low, sellers.high)) if number > 1 else None
            )
            new = best_price(answer, sellers.low, sellers.high) if found is None else found
            if number >= DAMPED_FROM:
                new = (new + float(prices[offer])) / 2
            moved[offer] = abs(new - prices[offer])
            prices[offer] = new
            utilities[offer] = demand.utility_of(offer, new)
        if moved[players].max() <= STILL * width:
            return True
    return False


def _bounds(game: PriceGame, term: PriceTerm | None, problems: list[Problem]) -> tuple[float, float]:
    tested = tested_range(term) if term else (-np.inf, np.inf)
    low, high = game.bounds or tested
    if not low < high:
        problems.append(Problem("bounds", f"are {low:g} and {high:g}", "lowest, then highest price", "correct them"))
    elif not (low < tested[1] and high > tested[0]):
        allowed = f"within {tested[0]:g} to {tested[1]:g}, which people were shown"
        problems.append(Problem("bounds", f"{low:g} to {high:g} were not tested", allowed, "correct them"))
    return float(max(low, tested[0])), float(min(high, tested[1]))


def _game_problems(offers: Mapping[str, Offer], game: PriceGame) -> list[Problem]:
    problems = []
    for where, named in (("owners", game.owners), ("unit_costs", game.unit_costs)):
        problems += [
            Problem(f"{where}: '{name}'", "no such offer", nearest(name, offers), "name one of the offers")
            for name in named
            if name not in offers
        ]
    problems += [
        Problem(f"unit_costs: '{name}'", "is missing", "the unit cost of every owned offer", "give it, 0 if it is free")
        for name in game.owners
        if name not in game.unit_costs
    ]
    problems += [
        Problem(f"unit_costs: '{name}'", f"is {cost:g}", "a finite number", "correct it")
        for name, cost in game.unit_costs.items()
        if not np.isfinite(cost)
    ]
    if not game.owners:
        problems.append(Problem("owners", "are none", "offer → firm, at least one", "say who sets prices"))
    if not (np.isfinite(game.audience) and game.audience > 0):
        problems.append(Problem("audience", f"is {game.audience:g}", "a number above 0", "correct it"))
    return problems
