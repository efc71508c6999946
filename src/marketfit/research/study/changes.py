"""What if one attribute of our offer changed: share won or lost, and the price at which it would be as before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from marketfit.demand import Change, ChoiceData, CompetitiveValue, UtilityDraws, competitive_value, what_if
from marketfit.demand.arrays import label
from marketfit.demand.market.importance import tested_values
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.research.study.offer import clamped_notes
from marketfit.research.study.stage import Stage, money, percent, tested_range

_MOST_LEVELS = 12
"""Of an attribute with more tested numbers, the ends and the bends of the estimate stand for all."""

Levels = Mapping[str, Sequence[float | str]]


def levels_shown(data: ChoiceData, drawn: UtilityDraws) -> dict[str, tuple[float | str, ...]]:
    """Attribute → the levels that people were shown, numbers ascending."""
    found: dict[str, tuple[float | str, ...]] = {}
    terms = {term.attribute: term for term in drawn.coding.terms}
    for attribute in data.attributes:
        if attribute.levels is not None:
            found[attribute.name] = tuple(attribute.levels)
            continue
        numbers = np.unique(attribute.numbers[~data.is_none])
        if numbers.size > _MOST_LEVELS and attribute.name in terms:
            numbers = tested_values(terms[attribute.name])
        found[attribute.name] = tuple(numbers.tolist())
    return found


def change_finding(stage: Stage, levels: Levels, *, tasks: int) -> Finding | None:
    """Each attribute of our offer set to each tested level, alone: our share, and what that is worth in the market."""
    changes = list(_changes(stage, levels))
    if stage.alone or not changes:
        return None
    table, best, notes = _shares(stage, changes)
    worths, said = _worths(stage, [change for change in changes if change.attribute != stage.market.price])
    return Finding(
        instrument="what-if",
        title="What if our offer changed",
        respondents=stage.drawn.sample_size,
        answers=tasks,
        simulated=stage.market.simulated,
        lead=best,
        tables=(table, *([worths] if worths else [])),
        notes=(*notes, *said),
    )


def change_words(stage: Stage, change: Change) -> str:
    """A change of an offer in words, such as `price: 2 → 4`."""
    return f"{change.attribute}: {label(stage.offers[change.offer][change.attribute])} → {label(change.value)}"


def worth_words(stage: Stage, changes: Sequence[Change]) -> tuple[str, ...]:
    """The price at which our share is as before all these changes, in a sentence; nothing where no price can say it."""
    market, price = stage.market, stage.price
    low, high = tested_range(stage.drawn.coding, market.price)
    ours = all(change.offer == stage.product and change.attribute != market.price for change in changes)
    if not changes or not ours or stage.alone or price is None or not low <= price <= high or not low < high:
        return ()
    change = {one.attribute: one.value for one in changes}
    found = competitive_value(stage.demand, stage.offers, offer=stage.product, change=change, price=market.price)
    remark = _remark(found, price)
    if math.isinf(found.value.value):
        return (f"No tested {market.price} brings our share back to what it was: {remark}.",)
    ends = [money(price + end) for end in (found.value.low, found.value.high)]
    reach = f"95 % interval {ends[0]} to {ends[1]}" if None not in ends else remark or "no interval"
    return (f"At a {market.price} of {money(price + found.value.value)} ({reach}) our share would be as before.",)


def _changes(stage: Stage, levels: Levels) -> Iterator[Change]:
    for name, values in levels.items():
        for value in values:
            if name in stage.own and label(value) != label(stage.own[name]):
                yield Change(stage.product, name, value)


def _shares(stage: Stage, changes: Sequence[Change]) -> tuple[FindingTable, str, list[str]]:
    """The table, the change that wins most in a sentence, and notes."""
    rows: list[tuple[float | str | None, ...]] = []
    base, clamped = "", dict[str, tuple[str, ...]]()
    for change in changes:
        found = what_if(stage.demand, stage.offers, changes=[change])
        place = found.before.offers.index(stage.product)
        before = found.before
        base = f"{percent(before.share[place])} % ({percent(before.low[place])} to {percent(before.high[place])})"
        clamped |= {name: tuple(names) for name, names in before.extrapolated.items()}
        rows.append(
            (
                change_words(stage, change),
                percent(found.after.share[place]),
                percent(found.difference[place]),
                percent(found.difference_low[place]),
                percent(found.difference_high[place]),
            )
        )
    words, _, gain, low, high = max(rows, key=lambda row: float(row[2] or 0))
    reach = "no interval" if low is None or high is None else f"95 % interval {low} to {high}"
    table = FindingTable(
        title="Our share when one attribute alone is changed, the others keeping their offers",
        columns=("change", "share then, %", "change in points", "low", "high"),
        rows=tuple(rows),
        note=f"Our share is {base} now. Low and high: 95 % interval of the change itself, before and after on the same "
        f"draws; {stage.people}.",
        drawing=Drawing(kind="intervals", x="change in points", label="change", low="low", high="high", marks=(0.0,)),
    )
    return table, f"Of single changes, {words} adds most to our share: {gain} points ({reach}).", clamped_notes(clamped)


def _worths(stage: Stage, changes: Sequence[Change]) -> tuple[FindingTable | None, list[str]]:
    """Competitive willingness to pay for each change; None, with the reason, where no price can answer it."""
    market, price = stage.market, stage.price
    low, high = tested_range(stage.drawn.coding, market.price)
    if not changes:
        return None, []
    if price is None or not low <= price <= high or not low < high:
        return None, [f"Changes are not expressed in money: our {market.price} is no number that people were shown."]
    rows: list[tuple[float | str | None, ...]] = []
    for change in changes:
        found = competitive_value(
            stage.demand, stage.offers, offer=stage.product, change={change.attribute: change.value}, price=market.price
        )
        value = found.value
        rows.append(
            (
                change_words(stage, change),
                money(price + value.value),
                money(price + value.low),
                money(price + value.high),
                money(value.value),
                _remark(found, price),
            )
        )
    return FindingTable(
        title=f"The {market.price} at which our share is what it is now, after each change",
        columns=("change", f"{market.price} then", "low", "high", "worth", "remark"),
        rows=tuple(rows),
        note=f"Our {market.price} is {price:g}, and all others, and taking none, stay as they are. Worth: how much "
        f"more (or, below 0, less) can be asked for the changed offer without losing share. 95 % intervals; "
        f"{stage.people}. Prices were tested from {low:g} to {high:g}; where none of them answers, none is given.",
        drawing=Drawing(
            kind="intervals", x=f"{market.price} then", label="change", low="low", high="high", marks=(price,)
        ),
    ), []


def _remark(found: CompetitiveValue, price: float) -> str:
    """Which part of the answer lies beyond the tested prices."""
    lowest, highest = price + found.lowest, price + found.highest
    if found.value.value == math.inf:
        return f"share stays higher even at {highest:g}: worth more than {found.highest:g}"
    if found.value.value == -math.inf:
        return f"share stays lower even at {lowest:g}: costs more than {-found.lowest:g}"
    open_ends = [
        words
        for end, words in ((found.value.low, f"below {lowest:g}"), (found.value.high, f"above {highest:g}"))
        if math.isinf(end)
    ]
    return f"interval ends {' and '.join(open_ends)}, beyond what was tested" if open_ends else ""
