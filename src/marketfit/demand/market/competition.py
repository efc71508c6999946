"""Price competition on the estimated demand: Bertrand–Nash equilibrium with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng
from marketfit.demand.intervals import Estimate, check_level, interval
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.price_game import Board, PriceGame, Settled, board_of, settle
from marketfit.demand.market.pricing import PricedDemand, demand_of
from marketfit.demand.market.scene import MarketSource, draw_demand, market_of
from marketfit.demand.models.utilities import UtilityDraws
from marketfit.demand.printing import (
    Printed,
    estimate_cells,
    extrapolated_lines,
    level_heads,
    percent,
    rounded,
    table_rows,
)
from marketfit.errors import Problem

MOST_PEOPLE = 20_000
"""People of all draws that stand for the mean demand; a sample where there are more."""

WORLD_PEOPLE = 2_000
RANDOM_STARTS = 3
APART = 1e-4  # of the range of prices: equilibria that are closer are the same


@dataclass(frozen=True, eq=False, repr=False)
class Equilibrium(Printed):
    """Prices from which no firm gains by departing alone.

    prices: offer → price of the mean demand's equilibrium, with the interval over worlds; offers without an owner keep
        theirs and have no interval. shares: offer (none included) → share there.
    profits: firm → profit, of the audience.
    at_bound: offer → "low" or "high", where the price is held by the tested range or by given bounds: the equilibrium
        without the bound is not known.
    converged: whether prices stand still and no firm gains by any deviation that was tried over the whole range.
    largest_gain: the most that a firm would gain by one, relative to its profit.
    others: further equilibria, offer → price, that other starting prices led to.
    worlds: draws that the intervals rest on; unsettled: draws that were left out because prices did not settle.
    extrapolated: offer → clamped attributes. sample_size: people behind the fit.
    """

    prices: Mapping[str, Estimate]
    shares: Mapping[str, Estimate]
    profits: Mapping[str, Estimate]
    at_bound: Mapping[str, str]
    converged: bool
    largest_gain: float
    others: tuple[Mapping[str, float], ...]
    worlds: int
    unsettled: int
    level: float
    extrapolated: Mapping[str, tuple[str, ...]]
    sample_size: int

    def __str__(self) -> str:
        unpriced = Estimate(math.nan, math.nan, math.nan)
        rows = [
            (name, *estimate_cells(self.prices.get(name, unpriced)), percent(share.value), self.at_bound.get(name, ""))
            for name, share in self.shares.items()
        ]
        settled = "prices settled" if self.converged else "NOT SETTLED: no equilibrium was found"
        others = f", {len(self.others)} more from other starts" if self.others else ""
        left_out = f", {self.unsettled} more did not settle" if self.unsettled else ""
        earned = ", ".join(f"{firm} {rounded(profit.value)}" for firm, profit in self.profits.items())
        return "\n".join(
            [
                f"Price equilibrium: {settled}{others}; n = {self.sample_size}, {self.worlds} worlds{left_out}",
                *table_rows(("offer", "price", *level_heads(self.level), "share, %", "at bound"), rows),
                f"profits: {earned}",
                *extrapolated_lines(self.extrapolated),
            ]
        )


def equilibrium(
    source: MarketSource,
    offers: Offers,
    *,
    game: PriceGame,
    worlds: int = 200,
    level: float = 0.95,
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> Equilibrium:
    """Bertrand–Nash prices on shares of preference, averaged over people and draws.

    Every firm answers the others' prices with the best it can do for all its offers (safeguarded: over the whole tested
    range first, then on the first-order condition nearby, as in Morrow & Skerlos 2011), until nobody moves; then each
    tries all of the range again. Searches start from the given prices, from both ends of the range and at random.

    Firms are taken to know demand. What we do not know of it is in the intervals: each of `worlds` draws is a
    possible market with an equilibrium of its own. (Resampling draws and averaging again would show the error of
    averaging only, which vanishes with more draws.)

    offers: name → attributes; prices of owned offers are where the search starts. The none option takes part where
        known. game: who owns what at which cost. rng: of draws, samples and random starts.
    progress: called with the part that is done.
    Raises DataError with everything that is wrong.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    problems = [] if worlds >= 1 else [Problem("worlds", f"is {worlds}", "at least 1", "correct it")]
    board = board_of(source, offers, game, problems)
    told = progress or (lambda _: None)
    generator = np.random.default_rng(rng)
    drawn = draw_demand(source, rng=generator)
    demand = demand_of(board.scene, drawn, board.paths, most=MOST_PEOPLE, rng=generator)
    found: list[Settled] = []
    starts = _starts(board, generator)
    for number, start in enumerate(starts):
        found.append(settle(demand, board.sellers, board.players, start))
        told(0.5 * (number + 1) / len(starts))
    main = next((one for one in found if one.converged), found[0])
    chosen = world_draws(drawn, worlds)
    solved = []
    for number, world in enumerate(chosen):
        one = settle_world(board, world, main.prices, generator)
        if one is not None:
            solved.append(one)
        told(0.5 + 0.5 * (number + 1) / len(chosen))
    return _told(board, demand, main, found, (solved, len(chosen)), (level, game.audience, drawn.sample_size))


def _starts(board: Board, rng: np.random.Generator) -> list[FloatArray]:
    low, high = board.sellers.low, board.sellers.high
    starts = [board.start]
    for level in (low, high, *rng.uniform(low, high, (RANDOM_STARTS, board.players.size))):
        start = board.start.copy()
        start[board.players] = level
        starts.append(start)
    return starts


def world_draws(drawn: UtilityDraws, worlds: int) -> list[UtilityDraws]:
    """Some of the draws, evenly spaced, each as a market of its own."""
    draws = len(drawn.values)
    chosen = np.unique(np.linspace(0, draws - 1, min(worlds, draws)).astype(np.int64)).tolist()
    weights = drawn.weights
    return [
        replace(drawn, values=drawn.values[[draw]], weights=None if weights is None else weights[[draw]])
        for draw in chosen
    ]


def settle_world(
    board: Board, world: UtilityDraws, start: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray] | None:
    """Prices and shares (offers,) of one possible market; None where its prices do not settle."""
    demand = demand_of(board.scene, world, board.paths, most=WORLD_PEOPLE, rng=rng)
    settled = settle(demand, board.sellers, board.players, start)
    return (settled.prices, demand.shares(settled.prices)) if settled.converged else None


def _told(
    board: Board,
    demand: PricedDemand,
    main: Settled,
    found: list[Settled],
    worlds: tuple[list[tuple[FloatArray, FloatArray]], int],
    asked: tuple[float, float, int],
) -> Equilibrium:
    (solved, tried), (level, audience, sample_size) = worlds, asked
    names, sellers, players = board.scene.names, board.sellers, board.players
    shares = demand.shares(main.prices)
    prices = _estimates(main.prices, [price for price, _ in solved], level)
    profits = [sellers.profits(price, share) * audience for price, share in solved]
    edge = APART * (sellers.high - sellers.low)
    others: list[FloatArray] = []
    for one in found:
        known = [main.prices, *others]
        if one.converged and all(np.abs((one.prices - old)[players]).max() > edge for old in known):
            others.append(one.prices)
    return Equilibrium(
        prices={
            name: prices[index] if index in players else Estimate(float(main.prices[index]), math.nan, math.nan)
            for index, name in enumerate(names)
            if demand.priced[index]
        },
        shares=dict(zip(names, _estimates(shares, [share for _, share in solved], level), strict=True)),
        profits=dict(
            zip(board.firms, _estimates(sellers.profits(main.prices, shares) * audience, profits, level), strict=True)
        ),
        at_bound=bound_flags(board, main.prices),
        converged=main.converged,
        largest_gain=main.gain,
        others=tuple({names[index]: float(one[index]) for index in players.tolist()} for one in others),
        worlds=len(solved),
        unsettled=tried - len(solved),
        level=level,
        extrapolated=board.scene.extrapolated,
        sample_size=sample_size,
    )


def bound_flags(board: Board, prices: FloatArray) -> dict[str, str]:
    """Offer → the bound that holds its price."""
    edge = APART * (board.sellers.high - board.sellers.low)
    flags = {}
    for index in board.players.tolist():
        if prices[index] <= board.sellers.low + edge:
            flags[board.scene.names[index]] = "low"
        elif prices[index] >= board.sellers.high - edge:
            flags[board.scene.names[index]] = "high"
    return flags


def _estimates(values: FloatArray, solved: list[FloatArray], level: float) -> list[Estimate]:
    """The value of the mean demand with the interval over worlds; a number that no world changes has none."""
    low = high = np.full(values.size, np.nan)
    if solved:
        low, high = interval(np.array(solved), level)
    return [Estimate(float(value), float(a), float(b)) for value, a, b in zip(values, low, high, strict=True)]
