"""Product lines: which of our possible offers to have together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Literal

from marketfit.demand import Line, LineCandidates, LineSearch, Profit, search_line
from marketfit.demand.arrays import label
from marketfit.errors import DataError, Problem
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.research.dominance import Direction, dominated_offers
from marketfit.research.study.offer import clamped_notes
from marketfit.research.study.stage import Stage, Values, money, percent

_SHOWN = 5

Cells = tuple[float | str | None, ...]


def line_finding(
    stage: Stage,
    *,
    size: int,
    offered: Mapping[str, Sequence[float | str]],
    tasks: int,
    progress: Callable[[float], None] | None = None,
) -> Finding:
    """The best lines of up to `size` of our possible offers, against rivals that stay as they are.

    offered: attribute → the values that we could offer. No offer of a line may be beaten by another of it in all
    that has a direction, such as the price, while they are else the same: nobody would take it, but shares of
    preference give it buyers.

    Raises:
        DataError: there are fewer offers than `size`, or too many lines to compare.
    """
    market = stage.market
    candidates = possible_offers(stage, offered)
    if not 1 <= size <= len(candidates):
        do = "ask for fewer, or name more values to offer: in the brief, or by --offer"
        raise DataError([Problem("size of the line", f"is {size}", f"1 to {len(candidates)} (our offers)", do)])
    earning = Profit(market.unit_cost or 0.0, audience=market.audience or 1.0, price=market.price)
    goal: Literal["share"] | Profit = earning if market.goal == "profit" else "share"
    beaten = _beaten(stage, candidates)
    found = search_line(
        stage.demand,
        stage.rivals,
        candidates=LineCandidates(candidates, lambda line: not any(pair in beaten for pair in permutations(line, 2))),
        size=size,
        goal=goal,
        shown=_SHOWN,
        progress=progress,
    )
    tables = [_table(stage, found.lines, f"The best of {found.enumerated:,} lines of up to {max(found.best_of_size)}")]
    if len(found.best_of_size) > 1:
        tables.append(_table(stage, tuple(found.best_of_size.values()), "The best line of each size"))
    return Finding(
        instrument="product-line",
        title="Product line",
        respondents=found.sample_size,
        answers=tasks,
        simulated=market.simulated,
        lead=_lead(stage, found.lines[0]),
        tables=tuple(tables),
        notes=tuple(_notes(stage, found, size)),
    )


def possible_offers(stage: Stage, offered: Mapping[str, Sequence[float | str]]) -> dict[str, Values]:
    """Name → offer: every combination of the values that may be offered; all else is as in our offer."""
    several = [name for name, values in offered.items() if len(values) > 1]
    own = stage.own | {name: values[0] for name, values in offered.items() if len(values) == 1}
    named: dict[str, Values] = {}
    for combination in itertools.product(*(offered[name] for name in several)):
        chosen = dict(zip(several, combination, strict=True))
        words = ", ".join(f"{name} {label(value)}" for name, value in chosen.items())
        named[words or stage.product] = {**own, **chosen}
    return named


def _beaten(stage: Stage, candidates: Mapping[str, Values]) -> set[tuple[str, str]]:
    """Pairs of our offers of which the first is worse in something, better in nothing, and else the same."""
    price = stage.market.price
    numbers = all(isinstance(offer.get(price), float) for offer in candidates.values())
    better: dict[str, Direction] = {price: "lower"} if numbers else {}
    better |= {name: spec.better for name, spec in stage.market.attributes.items() if spec.better is not None}
    return {(lost.offer, lost.by) for lost in dominated_offers(candidates, better)}


def _lead(stage: Stage, best: Line) -> str:
    aim = f"earns {best.goal.value:,.0f} a month" if stage.market.goal == "profit" else "wins most"
    won = f"{percent(best.share.value)} % of those who choose"
    sure = f"{100 * best.chance_best:.0f} % of draws"
    return f"Best is {' + '.join(best.offers)}: it {aim} with {won}, and is best in {sure}."


def _table(stage: Stage, lines: Sequence[Line], title: str) -> FindingTable:
    profit = stage.market.goal == "profit"
    told = money if profit else percent
    aim = "profit a month" if profit else "our share, %"
    rows: list[Cells] = []
    for line in lines:
        goal: Cells = (told(line.goal.value), told(line.goal.low), told(line.goal.high))
        share: Cells = (percent(line.share.value), percent(line.share.low), percent(line.share.high)) if profit else ()
        rows.append((" + ".join(line.offers), *goal, *share, percent(line.chance_best), told(line.regret)))
    shares = ("our share, %", "share low", "share high") if profit else ()
    return FindingTable(
        title=title,
        columns=("line", aim, "low", "high", *shares, "best, % of draws", "regret"),
        rows=tuple(rows),
        note=f"95 % intervals; {stage.people}. All offers of a line compete with each other, the rivals and none. "
        "Regret: what choosing this line is expected to miss, compared with knowing the best.",
        drawing=Drawing(kind="intervals", x=aim, label="line", low="low", high="high"),
    )


def _notes(stage: Stage, found: LineSearch, size: int) -> list[str]:
    price, notes = stage.market.price, list[str]()
    largest = max(found.best_of_size)
    if largest < size:
        notes.append(
            f"No line of more than {largest}: one of our offers would then be beaten by another in all that has a "
            f"direction, such as the {price}, and nobody takes it. Name more values to offer: in the brief, or by "
            "--offer."
        )
    if stage.market.goal == "profit":
        notes.append("What it costs to have one more offer is not in the profit: a longer line must earn that on top.")
    else:
        notes.append("A goal of share always likes more offers and lower prices; goal: profit weighs them.")
    offers = list(found.candidates.values())
    alike = [
        f"{name} {label(value)}" for name, value in offers[0].items() if len({label(o[name]) for o in offers}) == 1
    ]
    if alike:
        notes.append(f"All our offers: {', '.join(alike)}.")
    return notes + clamped_notes(found.extrapolated)
