"""Product lines: which of the offers that the brief allows to have together."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

from marketfit.brief import MarketSpec
from marketfit.demand import Line, LineSearch, Profit, search_line
from marketfit.demand.arrays import label
from marketfit.errors import DataError, Problem
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.research.study.offer import clamped_notes
from marketfit.research.study.stage import Stage, Values, money, percent

_SHOWN = 5

Cells = tuple[float | str | None, ...]


def line_finding(stage: Stage, *, size: int, tasks: int, progress: Callable[[float], None] | None = None) -> Finding:
    """The best lines of up to `size` of the offers that the brief allows, against rivals that stay as they are.

    Raises:
        DataError: the brief allows fewer offers than `size`, or too many lines to compare.
    """
    market = stage.market
    candidates = allowed_offers(stage)
    if not 1 <= size <= len(candidates):
        do = "give fewer, or offer several values of an attribute in the brief"
        raise DataError([Problem(f"--line {size}", f"the brief allows {len(candidates)} offers", "no more", do)])
    profit = market.goal == "profit"
    earning = Profit(market.unit_cost or 0.0, audience=market.audience or 1.0, price=market.price)
    goal: Literal["share"] | Profit = earning if profit else "share"
    found = search_line(
        stage.demand, stage.rivals, candidates=candidates, size=size, goal=goal, shown=_SHOWN, progress=progress
    )
    tables = [_table(stage, found.lines, f"The best of {found.enumerated:,} lines of up to {size}", profit)]
    if size > 1:
        tables.append(_table(stage, tuple(found.best_of_size.values()), "The best line of each size", profit))
    return Finding(
        instrument="product-line",
        title="Product line",
        respondents=found.sample_size,
        answers=tasks,
        simulated=market.simulated,
        tables=tuple(tables),
        notes=tuple(_notes(stage, found, profit)),
    )


def allowed_offers(stage: Stage) -> dict[str, Values]:
    """Name → offer: every combination of the values that the brief offers; measured attributes as promised."""
    several = _several(stage.market)
    values = [stage.market.attributes[name].offer for name in several]
    named: dict[str, Values] = {}
    for combination in itertools.product(*values):
        chosen = dict(zip(several, combination, strict=True))
        words = ", ".join(f"{name} {label(value)}" for name, value in chosen.items())
        named[words or stage.product] = {**stage.own, **chosen}
    return named


def _several(market: MarketSpec) -> list[str]:
    return [name for name, spec in market.attributes.items() if len(spec.offer) > 1]


def _table(stage: Stage, lines: tuple[Line, ...], title: str, profit: bool) -> FindingTable:
    told = money if profit else percent
    aim = "profit a month" if profit else "share, %"
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


def _notes(stage: Stage, found: LineSearch, profit: bool) -> list[str]:
    notes = []
    if profit:
        notes.append("What it costs to have one more offer is not in the profit: a longer line must earn that on top.")
    else:
        notes.append("A goal of share always likes more offers and lower prices; goal: profit weighs them.")
    if stage.assumed:
        notes.append(f"All our offers: {', '.join(stage.assumed[: _measured(stage)]) or 'as the brief sets them'}.")
    return notes + clamped_notes(found.extrapolated)


def _measured(stage: Stage) -> int:
    return sum(spec.metric is not None for spec in stage.market.attributes.values())
