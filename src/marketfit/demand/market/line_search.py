"""Product-line search: the best set of own offers among candidates, by enumeration of all sets up to a size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.intervals import Estimate, check_level, estimate
from marketfit.demand.market.candidates import LineCandidates, OfferSpace, Profit, margins
from marketfit.demand.market.line_goals import Field, Goal
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.models.utilities import UtilityDraws
from marketfit.demand.printing import (
    Printed,
    estimate_cells,
    extrapolated_lines,
    level_heads,
    percent,
    table_rows,
)
from marketfit.errors import DataError, Problem

MOST_LINES = 2_000_000
MOST_WORK = 4e10  # lines times people in all draws: some minutes


@dataclass(frozen=True, eq=False)
class Line:
    """A set of own offers.

    goal, share: expected goal and own share, all offers of the line together, with intervals at the level of the
    search. chance_best: share of draws in which no other line does better (of lines that tie, the first has it).
    regret: what it is expected to miss, compared with choosing the best line in every draw. goal_draws: (draws,).
    """

    offers: tuple[str, ...]
    goal: Estimate
    share: Estimate
    chance_best: float
    regret: float
    goal_draws: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class LineSearch(Printed):
    """The best lines. lines: by expected goal, the best first. best_of_size: number of offers → its best line.

    candidates: name → offer. enumerated: lines that were compared. extrapolated: offer → its clamped attributes.
    sample_size: people behind the fit.
    """

    lines: tuple[Line, ...]
    best_of_size: Mapping[int, Line]
    candidates: Mapping[str, Offer]
    enumerated: int
    extrapolated: Mapping[str, tuple[str, ...]]
    level: float
    sample_size: int

    def __str__(self) -> str:
        rows = [
            (" + ".join(line.offers), *estimate_cells(line.goal), percent(line.share.value), percent(line.chance_best))
            for line in self.lines
        ]
        heads = ("line", "goal", *level_heads(self.level), "share, %", "best in % of draws")
        head = f"The best {len(self.lines)} of {self.enumerated} lines, n = {self.sample_size}"
        return "\n".join([head, *table_rows(heads, rows), *extrapolated_lines(self.extrapolated)])


def search_line(
    source: MarketSource,
    rivals: Offers,
    *,
    candidates: Offers | OfferSpace | LineCandidates,
    size: int = 1,
    goal: Literal["share"] | Profit = "share",
    shown: int = 10,
    level: float = 0.95,
    progress: Callable[[float], None] | None = None,
) -> LineSearch:
    """Compare all lines of 1 to `size` candidates against rivals that stay as they are.

    Shares are shares of preference with all offers of the line in the market together, so what they take from each
    other is counted. Every draw judges every line: chance of being best and regret are over all lines. A goal of
    share always likes more offers and lower prices; `Profit` weighs them.

    source: as for `simulate`; draws from `draw_utilities` choose their number, seed and scale. Availability is of
        rivals only. The none option takes part where known.
    rivals: name → attributes; may be empty where the none option is known.
    candidates: name → attributes, or an `OfferSpace`; `LineCandidates` also says which lines may be.
    shown: lines to describe, besides the best of each size.
    level: of the intervals. progress: called with the part that is done.

    Raises DataError with everything that is wrong, or when there are too many lines to compare, with what to do.
    """
    check_level(level)
    allowed = candidates.allowed if isinstance(candidates, LineCandidates) else None
    named = candidates.offers if isinstance(candidates, LineCandidates) else candidates
    coding = market_of(source).coding
    offers = named.candidates() if isinstance(named, OfferSpace) else named_offers(named, coding)
    rivals = named_offers(rivals, coding)
    scene, margin = _checked(source, rivals, offers, size, goal, shown)
    drawn = draw_demand(source)
    count = sum(math.comb(len(offers), own) for own in range(1, size + 1))
    _check_work(count, drawn)
    may = _allowed_lines(list(offers), size, allowed)
    field = Field(scene, drawn, first=len(rivals), count=len(offers))
    target = Goal(margin, goal.audience, goal.offer_cost) if isinstance(goal, Profit) else Goal(None)
    judged = _judge(field, target, (size, may), progress or (lambda _: None))
    best_of_size = {own: _best(judged.expected, len(offers), own) for own in range(1, size + 1)}
    best_of_size = {own: index for own, index in best_of_size.items() if may[index]}
    top = np.argsort(-judged.expected, kind="stable")[: min(shown, int(may.sum()))].tolist()
    described = _describe(field, target, judged, sorted({*top, *best_of_size.values()}), (list(offers), size, level))
    return LineSearch(
        lines=tuple(described[index] for index in top),
        best_of_size={own: described[index] for own, index in best_of_size.items()},
        candidates=offers,
        enumerated=int(may.sum()),
        extrapolated=scene.extrapolated,
        level=level,
        sample_size=drawn.sample_size,
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """expected: (lines,) mean goal. wins: (lines,) draws in which a line is best. ideal: the draws' best, mean."""

    expected: FloatArray
    wins: FloatArray
    ideal: float


def _allowed_lines(names: Sequence[str], size: int, allowed: Callable[[tuple[str, ...]], bool] | None) -> BoolArray:
    """(lines,) whether each may be. Raises DataError where none may."""
    count = sum(math.comb(len(names), own) for own in range(1, size + 1))
    if allowed is None:
        return np.ones(count, dtype=np.bool_)
    lines = itertools.chain.from_iterable(itertools.combinations(names, own) for own in range(1, size + 1))
    may = np.fromiter((allowed(line) for line in lines), dtype=np.bool_, count=count)
    if not may.any():
        raise DataError([Problem("allowed", "leaves no line", "at least one", "allow more")])
    return may


def _judge(field: Field, goal: Goal, lines: tuple[int, BoolArray], progress: Callable[[float], None]) -> _Judged:
    """One pass over the draws; in each block all lines are compared, so that memory stays at a block and two lists."""
    size, may = lines
    count = may.size
    expected, wins, ideal, done = np.zeros(count), np.zeros(count), 0.0, 0
    for block in field.blocks():
        best = np.full(block.draws, -np.inf)
        winner = np.zeros(block.draws, dtype=np.int64)
        begin = 0
        for prefix, first in _prefixes(field.count, size):
            values = goal.of(block, prefix, range(first, field.count))
            values[~may[begin : begin + len(values)]] = -np.inf
            ahead = values.argmax(axis=0)
            reached = values[ahead, np.arange(block.draws)]
            better = reached > best
            best[better], winner[better] = reached[better], begin + ahead[better]
            end = begin + len(values)
            expected[begin:end] += values.sum(axis=1)
            begin = end
        wins += np.bincount(winner, minlength=count)
        ideal += float(best.sum())
        done += block.draws
        progress(done / field.draws)
    return _Judged(expected / field.draws, wins, ideal / field.draws)


def _prefixes(count: int, size: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """All but the last candidate of lines, and the first that may be the last: together in order of combinations."""
    for own in range(1, size + 1):
        for prefix in itertools.combinations(range(count), own - 1):
            first = prefix[-1] + 1 if prefix else 0
            if first < count:
                yield prefix, first


def _best(expected: FloatArray, count: int, own: int) -> int:
    begin = sum(math.comb(count, smaller) for smaller in range(1, own))
    return begin + int(expected[begin : begin + math.comb(count, own)].argmax())


def _describe(
    field: Field, goal: Goal, judged: _Judged, indices: Sequence[int], told: tuple[list[str], int, float]
) -> dict[int, Line]:
    names, size, level = told
    combinations = itertools.chain.from_iterable(
        itertools.combinations(range(field.count), own) for own in range(1, size + 1)
    )
    wanted = set(indices)
    found = {index: line for index, line in enumerate(combinations) if index in wanted}
    described = {}
    for index in indices:
        line = found[index]
        goals = np.concatenate([goal.of(block, line[:-1], (line[-1],))[0] for block in field.blocks()])
        shares = np.concatenate([Goal(None).of(block, line[:-1], (line[-1],))[0] for block in field.blocks()])
        described[index] = Line(
            offers=tuple(names[place] for place in line),
            goal=replace(estimate(goals, level), value=float(judged.expected[index])),
            share=estimate(shares, level),
            chance_best=float(judged.wins[index]) / field.draws,
            regret=max(0.0, judged.ideal - float(judged.expected[index])),
            goal_draws=frozen(goals),
        )
    return described


def _checked(
    source: MarketSource,
    rivals: Mapping[str, Offer],
    candidates: Mapping[str, Offer],
    size: int,
    goal: Literal["share"] | Profit,
    shown: int,
) -> tuple[Scene, FloatArray | None]:
    """The scene of rivals and candidates, and the candidates' margins; problems are told together."""
    problems = [
        Problem(f"candidate '{name}'", "has the name of a rival", "another name", "rename one of them")
        for name in candidates
        if name in rivals
    ]
    problems += [
        Problem(f"availability of '{name}'", "is given for a candidate", "of rivals only", "drop it")
        for name in candidates
        if market_of(source).availability.get(name, 1.0) != 1
    ]
    if not 1 <= size <= len(candidates):
        problems.append(Problem("size", f"is {size}", f"1 to {len(candidates)} (the candidates)", "correct it"))
    if shown < 1:
        problems.append(Problem("shown", f"is {shown}", "at least 1", "correct it"))
    if not isinstance(goal, Profit) and str(goal) != "share":
        problems.append(Problem("goal", f"is {goal!r}", "'share' or Profit(…)", "use one of these"))
    if not rivals and source.coding.none is None:
        do = "name a rival, or fit on data with a none option"
        problems.append(Problem("rivals", "there are none", "an offer to compare with", do))
    scene, margin = None, None
    try:
        scene = scene_of(source, {**rivals, **candidates})
    except DataError as error:
        problems += error.problems
    if isinstance(goal, Profit):
        try:
            margin = margins(goal, candidates)
        except DataError as error:
            problems += error.problems
        found = "the price lies beyond the tested range, where demand is held at its end"
        problems += [
            Problem(f"candidate '{name}'", found, "a tested price", "drop it, or test higher prices")
            for name in candidates
            if scene is not None and goal.price in scene.extrapolated.get(name, ())
        ]
    if problems or scene is None:
        raise DataError(problems)
    return scene, margin


def _check_work(lines: int, drawn: UtilityDraws) -> None:
    people = drawn.values.shape[0] * drawn.values.shape[1]
    problems = []
    if lines > MOST_LINES:
        do = "try fewer candidates (drop what no buyer would prefer), prohibit combinations, or a smaller size"
        problems.append(Problem("candidates", f"{lines:,} lines to compare", f"at most {MOST_LINES:,}", do))
    if lines * people > MOST_WORK:
        found = f"{lines:,} lines for {people:,} people of all draws"
        do = f"draw fewer: draw_utilities(model, draws=…), {int(MOST_WORK / lines):,} people in all, or try fewer lines"
        problems.append(Problem("work", found, f"at most {MOST_WORK:.0e} of both together", do))
    if problems:
        raise DataError(problems)
