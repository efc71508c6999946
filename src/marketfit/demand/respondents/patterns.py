"""Answers that follow a pattern of the page and not of the products: one position always, positions in turn, copies."""

from __future__ import annotations

import hashlib

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData

FEWEST_TASKS = 5
"""With fewer tasks, honest answers fall into a pattern too often."""
LONGEST_TURN = 4
"""Patterns such as 1, 2, 3, 1, 2, 3 are looked for up to this length."""
SPEED = 0.4
"""A speeder takes less than this share of the median respondent's time for a question."""


def starts_of(data: ChoiceData) -> tuple[IntArray, IntArray]:
    """(respondents,) the first task of each person, and how many they have."""
    assert data.respondent is not None, "people are known"
    first = np.flatnonzero(np.diff(data.respondent, prepend=-1))
    return first, np.diff(np.append(first, data.tasks))


def straight_lining(data: ChoiceData) -> BoolArray:
    """(respondents,) whether the same position is chosen in all of five or more tasks, or positions take turns.

    Positions count among the alternatives in their order; to choose nothing every time is no pattern but a taste.
    """
    first, counts = starts_of(data)
    position = data.chosen - data.starts
    nothing = data.is_none[data.chosen]
    found = np.zeros(first.size, dtype=np.bool_)
    for person, (begin, count) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
        places = position[begin : begin + count]
        if count >= FEWEST_TASKS and not nothing[begin : begin + count].all():
            found[person] = any(_repeats(places, length) for length in range(1, LONGEST_TURN + 1))
    return found


def _repeats(places: IntArray, length: int) -> bool:
    """Whether the sequence is one turn of this length over and over, at least two and a half times."""
    if places.size < max(FEWEST_TASKS, 2.5 * length):
        return False
    turn = places[:length]
    if length > 1 and (np.unique(turn).size < length):
        return False  # only turns through different positions: others happen by chance
    return bool((places == turn[np.arange(places.size) % length]).all())


def cheapest_only(data: ChoiceData, price: str) -> BoolArray:
    """(respondents,) whether the single lowest price is chosen in all tasks that have one, five or more."""
    first, _ = starts_of(data)
    attribute = next((item for item in data.attributes if item.name == price), None)
    if attribute is None or attribute.levels is not None:
        return np.zeros(first.size, dtype=np.bool_)
    prices = np.where(data.is_none, np.inf, attribute.numbers)
    lowest = np.minimum.reduceat(prices, data.starts)
    ties = np.add.reduceat((prices == np.repeat(lowest, data.sizes)).astype(np.int64), data.starts)
    telling = ties == 1
    cheapest = prices[data.chosen] == lowest
    asked = np.add.reduceat(telling.astype(np.int64), first)
    taken = np.add.reduceat((telling & cheapest).astype(np.int64), first)
    found: BoolArray = (asked >= FEWEST_TASKS) & (taken == asked)
    return found


def duplicates(data: ChoiceData) -> IntArray:
    """(respondents,) the earlier person with the same tasks and the same answers, or −1; five tasks at least."""
    first, counts = starts_of(data)
    seen: dict[bytes, int] = {}
    found = np.full(first.size, -1, dtype=np.int64)
    content = np.stack([data.alternative, *(item.codes if item.levels else item.numbers for item in data.attributes)])
    ends = np.append(data.starts, data.rows)
    for person, (begin, count) in enumerate(zip(first.tolist(), counts.tolist(), strict=True)):
        if count < FEWEST_TASKS:
            continue
        rows = content[:, ends[begin] : ends[begin + count]]
        answers = data.chosen[begin : begin + count] - ends[begin]
        key = hashlib.sha256(np.ascontiguousarray(rows).tobytes() + answers.tobytes()).digest()
        found[person] = seen.setdefault(key, person) if key in seen else -1
        seen.setdefault(key, person)
    return found


def speeders(seconds: FloatArray, answered: FloatArray | IntArray) -> BoolArray:
    """(respondents,) whether a person takes less than 40 % of the median time for a question; unknown times (NaN) do
    not.

    seconds: (respondents,) for all questions together; answered: (respondents,) how many these are.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = np.where(answered > 0, seconds / answered, np.nan)
    known = np.isfinite(pace)
    if not known.any():
        return np.zeros(pace.size, dtype=np.bool_)
    found: BoolArray = known & (pace < SPEED * np.median(pace[known]))
    return found
