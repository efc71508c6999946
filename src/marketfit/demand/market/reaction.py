"""Does a price survive: our profit at each price before rivals answer, and after."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.intervals import Estimate, check_level, estimate, interval
from marketfit.demand.market.competition import MOST_PEOPLE, WORLD_PEOPLE, bound_flags, world_draws
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.price_game import Board, PriceGame, board_of, settle
from marketfit.demand.market.prices import check_tested, price_term
from marketfit.demand.market.pricing import PricedDemand, demand_of
from marketfit.demand.market.scene import MarketSource, draw_demand, market_of
from marketfit.demand.printing import Printed, extrapolated_lines, level_heads, percent, rounded, table_rows
from marketfit.errors import Problem, nearest


@dataclass(frozen=True, eq=False, repr=False)
class PriceReaction(Printed):
    """Our firm's profit, all its offers together, at each candidate price of one of them.

    prices: (points,). before: rivals keep their prices. after: rivals settle on prices that are a Nash equilibrium
    among them, ours being fixed. Profits (points,) are of the mean demand, with ends of their intervals over worlds.
    rival_prices: offer → (points,) price after the reaction. at_bound: (points) offer → the bound that holds its price.
    converged: (points,) whether the rivals' prices settled.
    chance_best: (points,) share of worlds in which the price earns most after the reaction; NaN where none settled.
    regret: what the price that looks best before the reaction earns less, after it, than the one that is best then.
    worlds: draws behind the intervals; unsettled: draws left out because prices did not settle at some point.
    sample_size: people behind the fit.
    """

    prices: FloatArray
    before: FloatArray
    before_low: FloatArray
    before_high: FloatArray
    after: FloatArray
    after_low: FloatArray
    after_high: FloatArray
    rival_prices: Mapping[str, FloatArray]
    at_bound: tuple[Mapping[str, str], ...]
    converged: BoolArray
    chance_best: FloatArray
    regret: Estimate
    worlds: int
    unsettled: int
    level: float
    extrapolated: Mapping[str, tuple[str, ...]]
    sample_size: int

    @property
    def best_before(self) -> float:
        """The price that earns most while rivals keep theirs."""
        return float(self.prices[self.before.argmax()])

    @property
    def best_after(self) -> float:
        """The price that earns most once rivals have answered."""
        return float(self.prices[self.after.argmax()])

    @property
    def survives(self) -> bool:
        """Whether the price that looks best before the reaction is the best after it, and all reactions are known."""
        return self.best_before == self.best_after and bool(self.converged.all())

    def __str__(self) -> str:
        profits = (self.before, self.after, self.after_low, self.after_high)
        rows = [
            (rounded(price), *map(rounded, told), percent(best), "" if settled else "NOT SETTLED")
            for price, *told, best, settled in zip(
                self.prices.tolist(),
                *(profit.tolist() for profit in profits),
                self.chance_best.tolist(),
                self.converged.tolist(),
                strict=True,
            )
        ]
        heads = ("price", "profit before", "after", *level_heads(self.level), "best in % of worlds", "")
        head = f"Our profit before and after rivals answer, n = {self.sample_size}, {self.worlds} worlds"
        return "\n".join([head, *table_rows(heads, rows), *extrapolated_lines(self.extrapolated)])


def price_after_reaction(
    source: MarketSource,
    offers: Offers,
    *,
    offer: str,
    prices: Sequence[float],
    game: PriceGame,
    worlds: int = 100,
    level: float = 0.95,
    progress: Callable[[float], None] | None = None,
) -> PriceReaction:
    """For each candidate price of our offer, let the rivals answer (Nash among them) and compare our profit.

    Our firm is the owner of `offer`; its other offers, and offers that nobody owns, keep their prices. Rivals start
    from their given prices, then from where they were at the candidate before. Each world is a draw in which rivals
    know demand and answer it.

    source: draws from `draw_utilities` choose their number, seed and scale. prices: ascending, within the tested range.
    game, worlds, level, progress: as for `equilibrium`.
    Raises DataError with everything that is wrong.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    board, index = _checked(source, offers, (offer, prices, worlds), game)
    drawn, rng = draw_demand(source), np.random.default_rng(0)
    candidates = np.array(prices, dtype=np.float64)
    demand = demand_of(board.scene, drawn, board.paths, most=MOST_PEOPLE, rng=rng)
    mean = _reactions(board, demand, index, candidates)
    chosen = world_draws(drawn, worlds)
    found = []
    for number, world in enumerate(chosen):
        possible = demand_of(board.scene, world, board.paths, most=WORLD_PEOPLE, rng=rng)
        found.append(_reactions(board, possible, index, candidates))
        if progress is not None:
            progress((number + 1) / len(chosen))
    spread = _spread([game.audience * one.profits for one in found if one.converged.all()], candidates.size, level)
    return PriceReaction(
        prices=frozen(candidates),
        before=frozen(game.audience * mean.profits[0]),
        before_low=spread.low[0],
        before_high=spread.high[0],
        after=frozen(game.audience * mean.profits[1]),
        after_low=spread.low[1],
        after_high=spread.high[1],
        rival_prices={board.scene.names[place]: frozen(mean.prices[:, place]) for place in board.players.tolist()},
        at_bound=tuple(bound_flags(board, row) for row in mean.prices),
        converged=frozen(mean.converged),
        chance_best=spread.chance_best,
        regret=_regret(game.audience * mean.profits, spread, level),
        worlds=len(spread.profits),
        unsettled=len(chosen) - len(spread.profits),
        level=level,
        extrapolated=board.scene.extrapolated,
        sample_size=drawn.sample_size,
    )


@dataclass(frozen=True, eq=False)
class _Spread:
    """Over worlds. profits: (worlds, 2, points), before and after. low, high: (2, points). chance_best: (points,)."""

    profits: FloatArray
    low: FloatArray
    high: FloatArray
    chance_best: FloatArray


def _spread(found: list[FloatArray], points: int, level: float) -> _Spread:
    profits = np.array(found).reshape(-1, 2, points)
    if not found:
        nothing = np.full(profits.shape[1:], np.nan)
        return _Spread(profits, nothing, nothing, nothing[1])
    low, high = interval(profits.reshape(len(profits), -1), level)
    best = np.bincount(profits[:, 1].argmax(axis=1), minlength=profits.shape[2]) / len(profits)
    shape = profits.shape[1:]
    return _Spread(profits, frozen(low.reshape(shape)), frozen(high.reshape(shape)), frozen(best))


def _regret(known: FloatArray, spread: _Spread, level: float) -> Estimate:
    """What the price that is best before misses after; (2, points) profits of the mean demand, paired over worlds."""
    first, last = (int(side.argmax()) for side in known)
    value = float(known[1, last] - known[1, first])
    if not len(spread.profits):
        return Estimate(value, math.nan, math.nan)
    return replace(estimate(spread.profits[:, 1, last] - spread.profits[:, 1, first], level), value=value)


@dataclass(frozen=True, eq=False)
class _Reactions:
    """profits: (2, points) of our firm, before and after. prices: (points, offers) after. converged: (points,)."""

    profits: FloatArray
    prices: FloatArray
    converged: BoolArray


def _reactions(board: Board, demand: PricedDemand, index: int, candidates: FloatArray) -> _Reactions:
    firm = int(board.sellers.owner[index])
    profits, prices, converged = [], [], []
    answered = board.start
    for candidate in candidates.tolist():
        given = board.start.copy()
        given[index] = candidate
        start = answered.copy()
        start[index] = candidate
        settled = settle(demand, board.sellers, board.players, start)
        answered = settled.prices
        profits.append([float(board.sellers.profits(row, demand.shares(row))[firm]) for row in (given, answered)])
        prices.append(answered)
        converged.append(settled.converged)
    return _Reactions(np.array(profits).T, np.array(prices), np.array(converged))


def _checked(
    source: MarketSource, offers: Mapping[str, Offer], asked: tuple[str, Sequence[float], int], game: PriceGame
) -> tuple[Board, int]:
    """The board with only the rivals of our firm as players, and the place of our offer."""
    offer, prices, worlds = asked
    problems: list[Problem] = []
    if offer not in offers:
        problems.append(Problem(f"offer='{offer}'", "no such offer", nearest(offer, offers), "name one of the offers"))
    elif offer not in game.owners:
        problems.append(Problem(f"offer='{offer}'", "has no owner", "an owned offer", "name its firm in owners"))
    elif set(game.owners.values()) == {game.owners[offer]}:
        do = "name the owners of rival offers, or use price_curve"
        problems.append(Problem("owners", "name no rival", "another firm that can answer", do))
    if worlds < 1:
        problems.append(Problem("worlds", f"is {worlds}", "at least 1", "correct it"))
    points = np.array(prices, dtype=np.float64)
    if not points.size or not np.isfinite(points).all() or (np.diff(points) <= 0).any():
        problems.append(Problem("prices", "are none, not finite or not ascending", "ascending numbers", "sort them"))
    else:
        # What is wrong with the attribute itself is told by the board.
        check_tested("prices", tuple(points.tolist()), price_term(source.coding, game.price, []), problems)
    board = board_of(source, offers, game, problems)
    index = board.scene.names.index(offer)
    rivals = board.sellers.owner[board.players] != board.sellers.owner[index]
    return replace(board, players=board.players[rivals]), index
