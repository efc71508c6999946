"""Designs of best–worst tasks: items equally often, pairs as evenly as can be, every item in every place.

Within a version each item is shown as often as any other (up to one) and stands in each place of a task as often as
in any other (up to one). Pairs are evened out by swaps between tasks, first within the version and then over all of
them; where a balanced incomplete block design exists and is small, this finds one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field as Limits

from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.research.given import Ints

_SWEEPS, _STARTS = 40, 6
_FIRST = 1000  # evenness within a version counts so much more than evenness over all


class MaxDiffPlan(Record):
    """A best–worst survey of `items`, `shown` of them in each task.

    tasks: of each respondent; None: so many that each item is shown three times. versions: how many different designs
    the respondents take in turn.
    """

    items: tuple[str, ...]
    respondents: Annotated[int, Limits(ge=1)]
    shown: Annotated[int, Limits(ge=3, le=8)] = 4
    tasks: Annotated[int, Limits(ge=1)] | None = None
    versions: Annotated[int, Limits(ge=1)] = 10

    @property
    def task_count(self) -> int:
        """How many tasks a respondent answers."""
        return math.ceil(3 * len(self.items) / self.shown) if self.tasks is None else self.tasks


def best_worst_design(plan: MaxDiffPlan, *, seed: int) -> Iterator[Ints]:
    """One (tasks, shown) array of places in `plan.items` for each version.

    Raises:
        DataError: everything that makes the plan impossible.
    """
    problems = list(_problems(plan))
    if problems:
        raise DataError(problems)
    rng = np.random.default_rng(seed)
    items = len(plan.items)
    together = np.zeros((items, items), dtype=np.int64)
    shown = np.zeros(items, dtype=np.int64)
    for _ in range(min(plan.versions, plan.respondents)):
        tasks = _even_pairs(plan, shown, together, rng)
        for task in tasks:
            together[np.ix_(task, task)] += 1
            shown[list(task)] += 1
        yield _placed(tasks, items, rng)


def _problems(plan: MaxDiffPlan) -> Iterator[Problem]:
    items, cells = len(plan.items), plan.task_count * plan.shown
    if len(set(plan.items)) < items:
        yield Problem("items", f"{items - len(set(plan.items))} are there twice", "every item once", "drop the copies")
    if items < plan.shown:
        yield Problem("shown", f"is {plan.shown} of {items} items", f"at most {items}", "show fewer or add items")
    if cells < items:
        found = f"{plan.task_count} tasks of {plan.shown} leave some of the {items} items out"
        yield Problem("tasks", found, f"at least {math.ceil(items / plan.shown)}", "ask more tasks")


def _even_pairs(plan: MaxDiffPlan, shown: Ints, together: Ints, rng: np.random.Generator) -> list[list[int]]:
    """The best of some starts, each improved by swaps until none helps."""
    best: tuple[int, list[list[int]]] | None = None
    for _ in range(_STARTS):
        tasks = _dealt(plan, shown, rng)
        pairs = _Pairs(tasks, together)
        for _ in range(_SWEEPS):
            if not pairs.sweep(tasks, rng):
                break
        if best is None or pairs.cost < best[0]:
            best = pairs.cost, tasks
        if pairs.perfect:
            break
    return [] if best is None else best[1]


def _dealt(plan: MaxDiffPlan, shown: Ints, rng: np.random.Generator) -> list[list[int]]:
    """Tasks of different items: each takes those that have most showings left, ties drawn."""
    items = len(plan.items)
    most, extra = divmod(plan.task_count * plan.shown, items)
    left = np.full(items, most)
    left[np.lexsort((rng.random(items), shown))[:extra]] += 1  # one more for those shown least so far
    tasks = []
    for _ in range(plan.task_count):
        task = np.lexsort((rng.random(items), -left))[: plan.shown]
        left[task] -= 1
        tasks.append([int(item) for item in task])
    return tasks


class _Pairs:
    """How often each two items meet in a version, and before; lists, because single entries are looked up."""

    def __init__(self, tasks: list[list[int]], before: Ints) -> None:
        items = before.shape[0]
        now = np.zeros_like(before)
        for task in tasks:
            now[np.ix_(task, task)] += 1
        self._now: list[list[int]] = now.tolist()
        self._all: list[list[int]] = (now + before).tolist()
        met = now[np.triu_indices(items, 1)]
        self._least = _sum_of_squares(int(met.sum()), met.size)
        self._squares = int((met**2).sum())
        self.cost = _FIRST * self._squares + int(((now + before)[np.triu_indices(items, 1)] ** 2).sum())

    @property
    def perfect(self) -> bool:
        """Whether the pairs of the version are as even as any design could make them."""
        return self._squares == self._least

    def sweep(self, tasks: list[list[int]], rng: np.random.Generator) -> bool:
        """Try all swaps between two tasks, in random order, and make those that help."""
        helped = False
        order = rng.permutation(len(tasks)).tolist()
        for place, first in enumerate(order):
            for second in order[:place]:
                helped |= self._swap_between(tasks[first], tasks[second])
        return helped

    def _swap_between(self, one: list[int], other: list[int]) -> bool:
        helped = False
        for i in range(len(one)):
            for j in range(len(other)):
                a, b = one[i], other[j]
                if a in other or b in one:
                    continue
                with_a = [item for item in one if item != a and item not in other]
                with_b = [item for item in other if item != b and item not in one]
                gain, first = self._change(a, b, with_a, with_b)
                if gain < 0:
                    self.cost += gain
                    self._squares += first
                    self._move(a, b, with_a)
                    self._move(b, a, with_b)
                    one[i], other[j] = b, a
                    helped = True
        return helped

    def _change(self, a: int, b: int, with_a: list[int], with_b: list[int]) -> tuple[int, int]:
        """How the cost, and the squares within the version, change when a and b change places."""
        parts = []
        for met in (self._now, self._all):
            of_a, of_b = met[a], met[b]
            part = sum(of_b[item] - of_a[item] + 1 for item in with_a)
            parts.append(2 * (part + sum(of_a[item] - of_b[item] + 1 for item in with_b)))
        return _FIRST * parts[0] + parts[1], parts[0]

    def _move(self, leaves: int, comes: int, others: list[int]) -> None:
        for met in (self._now, self._all):
            for item in others:
                met[leaves][item] -= 1
                met[item][leaves] -= 1
                met[comes][item] += 1
                met[item][comes] += 1


def _sum_of_squares(total: int, parts: int) -> int:
    """The least sum of squares of whole numbers with that total."""
    even, more = divmod(total, parts)
    return parts * even**2 + more * (2 * even + 1)


def _placed(tasks: list[list[int]], items: int, rng: np.random.Generator) -> Ints:
    """Order each task so that an item stands in each place as often as in any other, up to one.

    The showings of an item are cut into groups of at most `shown`, and the showings of a group get different places:
    a proper edge colouring of the bipartite graph of groups and tasks, whose degrees are at most `shown` (König 1916).
    Each place is a matching that takes every task, and every group with as many showings left as places.
    """
    size = len(tasks[0])
    edge = np.zeros((len(tasks), 0), dtype=np.bool_)
    from scipy.optimize import linear_sum_assignment

    owner: list[int] = []
    for item in range(items):
        having = rng.permutation([number for number, task in enumerate(tasks) if item in task])
        for start in range(0, having.size, size):
            column = np.zeros((len(tasks), 1), dtype=np.bool_)
            column[having[start : start + size]] = True
            edge = np.hstack([edge, column])
            owner.append(item)
    placed = np.zeros((len(tasks), size), dtype=np.int64)
    for left, place in zip(range(size, 0, -1), rng.permutation(size).tolist(), strict=True):
        urgent = edge.sum(axis=0) == left
        cost = np.where(edge, np.where(urgent, 0.0, 1.0) + 0.01 * rng.random(edge.shape) / len(tasks), 1e6)
        rows, groups = linear_sum_assignment(cost)
        placed[rows, place] = np.array(owner)[groups]
        edge[rows, groups] = False
    return placed
