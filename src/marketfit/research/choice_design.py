"""A random balanced choice design: levels shown equally often, no task with a duplicate or a dominated alternative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Limits

from marketfit.errors import DataError, Problem, nearest
from marketfit.records import Record
from marketfit.records.questionnaire import Cell

Codes = NDArray[np.int64]  # (tasks, alternatives, attributes), codes into the levels of each attribute

_SWAPS, _STARTS = 4000, 10


class ChoicePlan(Record):
    """A choice survey: `levels` of each attribute, and which way `better` goes for those where all people agree.

    `prohibited` lists combinations of levels that no alternative may have. `none` adds the option to take nothing.
    """

    levels: Mapping[str, tuple[Cell, ...]] = Limits(min_length=1)
    better: Mapping[str, Literal["higher", "lower"]] = {}
    respondents: Annotated[int, Limits(ge=1)]
    tasks: Annotated[int, Limits(ge=1)] = 8
    alternatives: Annotated[int, Limits(ge=2)] = 3
    none: bool = True
    prohibited: tuple[Mapping[str, Cell], ...] = ()


def balanced_design(plan: ChoicePlan, *, seed: int) -> Iterator[Codes]:
    """One (tasks, alternatives, attributes) array of level codes for each respondent.

    Each level of an attribute is shown to a respondent as often as any other, and over all respondents too, up to
    one. Levels are dealt at random; tasks that break a rule are mended by swapping levels between tasks, which keeps
    the balance (in the manner of Huber & Zwerina 1996, without priors on utilities).

    Raises:
        DataError: the plan contradicts itself, or no design keeps its rules.
    """
    problems = list(_problems(plan))
    if problems:
        raise DataError(problems)
    rng = np.random.default_rng(seed)
    sizes = [len(levels) for levels in plan.levels.values()]
    cells = plan.tasks * plan.alternatives
    # A deal goes on where the last respondent's ended, over a random order of the levels.
    orders = [rng.permutation(size) for size in sizes]
    rules = _Rules(plan)
    for person in range(plan.respondents):
        places = np.arange(person * cells, (person + 1) * cells)
        deal = [order[places % order.size] for order in orders]
        yield _mended(deal, plan, rules, rng)


class _Rules:
    """Which tasks break a rule."""

    def __init__(self, plan: ChoicePlan) -> None:
        self._signs: list[int] = []
        self._ranks: list[NDArray[np.float64]] = []
        for name, levels in plan.levels.items():
            direction = plan.better.get(name)
            self._signs.append(1 if direction == "higher" else -1 if direction == "lower" else 0)
            numbers = [float(level) if direction else float(code) for code, level in enumerate(levels)]
            self._ranks.append(np.array(numbers))
        names = list(plan.levels)
        self._prohibited = [
            [(names.index(name), plan.levels[name].index(level)) for name, level in combination.items()]
            for combination in plan.prohibited
        ]

    def broken(self, design: Codes) -> NDArray[np.bool_]:
        """(tasks,) whether a task has a prohibited alternative or one that is equal to or dominated by another."""
        count = design.shape[1]
        nowhere_better = np.ones((design.shape[0], count, count), dtype=np.bool_)  # task, alternative, other one
        for index, sign in enumerate(self._signs):
            worth = self._ranks[index][design[:, :, index]] * (sign or 1)
            one, other = worth[:, :, None], worth[:, None, :]
            # Where tastes differ, only an equal level is no advantage to somebody.
            nowhere_better &= one <= other if sign else one == other
        nowhere_better[:, np.arange(count), np.arange(count)] = False
        bad = np.asarray(nowhere_better.any(axis=(1, 2)), dtype=np.bool_)
        for combination in self._prohibited:
            held = np.ones(design.shape[:2], dtype=np.bool_)
            for attribute, level in combination:
                held &= design[:, :, attribute] == level
            bad |= held.any(axis=1)
        return bad


def _mended(deal: list[NDArray[np.int64]], plan: ChoicePlan, rules: _Rules, rng: np.random.Generator) -> Codes:
    shape = (plan.tasks, plan.alternatives)
    for _ in range(_STARTS):
        design = np.stack([rng.permutation(levels).reshape(shape) for levels in deal], axis=2)
        bad = rules.broken(design)
        for _ in range(_SWAPS):
            if not bad.any():
                return design
            task = rng.choice(np.flatnonzero(bad))
            attribute = rng.integers(len(deal))
            here = (task, rng.integers(plan.alternatives), attribute)
            there = (rng.integers(plan.tasks), rng.integers(plan.alternatives), attribute)
            design[here], design[there] = design[there], design[here]
            after = rules.broken(design)
            if after.sum() <= bad.sum():
                bad = after
            else:
                design[here], design[there] = design[there], design[here]
    found = f"no balanced design of {plan.tasks} tasks with {plan.alternatives} alternatives keeps the rules"
    do = "show fewer alternatives or prohibit less; give 'better' only where everybody agrees"
    raise DataError([Problem("choice design", found, "tasks without duplicate, dominated or prohibited ones", do)])


def _problems(plan: ChoicePlan) -> Iterator[Problem]:
    for name, levels in plan.levels.items():
        where = f"levels.{name}"
        if len(levels) < 2 or len(set(levels)) < len(levels):
            yield Problem(where, "are fewer than two, or one is there twice", "two or more levels", "correct them")
        if name in plan.better and not all(isinstance(level, float) for level in levels):
            yield Problem(f"better.{name}", "its levels are names", "numbers", "drop the direction or give numbers")
    for name in plan.better:
        if name not in plan.levels:
            yield Problem(f"better.{name}", "no such attribute", nearest(name, plan.levels), "rename it")
    yield from _prohibition_problems(plan)


def _prohibition_problems(plan: ChoicePlan) -> Iterator[Problem]:
    for number, combination in enumerate(plan.prohibited):
        for name, level in combination.items():
            where = f"prohibited[{number}].{name}"
            if name not in plan.levels:
                yield Problem(where, "no such attribute", nearest(name, plan.levels), "rename it")
            elif level not in plan.levels[name]:
                known = [str(known) for known in plan.levels[name]]
                yield Problem(where, f"no such level {level!r}", nearest(str(level), known), "name a level")
        if not combination:
            yield Problem(f"prohibited[{number}]", "is empty, which forbids everything", "levels", "fill or drop it")
