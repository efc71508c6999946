"""What a choice design may show: attributes with their levels, the size of the survey, and what is prohibited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from marketfit.demand.arrays import label
from marketfit.errors import DataError, Problem, nearest

Level: TypeAlias = float | str
Combination: TypeAlias = Mapping[str, Level | tuple[Level, ...]]
"""Attribute → the level, or any of the levels, that it has."""

COLUMNS = ("version", "task", "alternative")
"""Names that the columns of a design's table have; no attribute may have them."""


@dataclass(frozen=True)
class Prohibition:
    """No alternative may have all of `levels`, unless it has all of `unless` too.

    Prohibition({"brand": "a", "price": (1.0, 2.0)}) keeps brand a from the prices 1 and 2;
    Prohibition({"brand": "a"}, unless={"price": 3.0}) lets brand a appear at the price 3 only.
    `name` is what messages call it (default: its place among the prohibitions).
    """

    levels: Combination
    unless: Combination = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class DesignSpace:
    """What a design may show, and how much of it.

    levels: attribute → its levels, numbers or names (of which the first is the base of `space_coding`). A task shows
    `alternatives` of them, and the option to take none where `none`; a respondent answers the `tasks` of one of the
    `versions` (blocks).
    prohibited: combinations of levels that no alternative may have. better: attribute of numbers → which way everybody
    likes it; no task then shows an alternative that is dominated, that is, nowhere better than another of the task.

    Raises DataError with everything in which these contradict each other.
    """

    levels: Mapping[str, tuple[Level, ...]]
    alternatives: int = 3
    tasks: int = 8
    versions: int = 1
    none: bool = True
    prohibited: tuple[Prohibition, ...] = ()
    better: Mapping[str, Literal["higher", "lower"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        levels = {name: tuple(_plain(level) for level in given) for name, given in self.levels.items()}
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "prohibited", tuple(self.prohibited))
        problems = [*_level_problems(self), *_size_problems(self), *_better_problems(self)]
        for place, prohibition in enumerate(self.prohibited):
            problems.extend(_prohibition_problems(self, prohibition, self.name_of(place)))
        if problems:
            raise DataError(problems)

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes, in order."""
        return tuple(self.levels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of levels of each attribute."""
        return tuple(len(levels) for levels in self.levels.values())

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(versions, tasks, alternatives, attributes): the shape of the level codes of a design."""
        return self.versions, self.tasks, self.alternatives, len(self.levels)

    def is_number(self, name: str) -> bool:
        """Whether the levels of an attribute are numbers."""
        return not any(isinstance(level, str) for level in self.levels[name])

    def code(self, name: str, level: Level) -> int:
        """The place of a level among those of its attribute; 2 and 2.0 are the same. Raises ValueError without one."""
        return [label(known) for known in self.levels[name]].index(label(level))

    def name_of(self, place: int) -> str:
        """What messages call a prohibition."""
        return self.prohibited[place].name or f"prohibited[{place}]"


def listed(levels: Level | tuple[Level, ...]) -> tuple[Level, ...]:
    """One level or several, as several."""
    return levels if isinstance(levels, tuple) else (levels,)


def _plain(level: Level) -> Level:
    return level if isinstance(level, str) else float(level)


def _level_problems(space: DesignSpace) -> Iterator[Problem]:
    if not space.levels:
        yield Problem("levels", "there are none", "at least one attribute", "name what the alternatives differ in")
    for name, levels in space.levels.items():
        where = f"levels.{name}"
        if name in COLUMNS:
            yield Problem(where, "is a column of the design's table", "another name", "rename the attribute")
        if len(levels) < 2 or len({label(level) for level in levels}) < len(levels):
            yield Problem(where, "are fewer than two, or one is there twice", "two or more levels", "correct them")
        if any(level.strip() == "" if isinstance(level, str) else not math.isfinite(level) for level in levels):
            yield Problem(where, "hold an empty name or a number that is not finite", "levels to show", "correct them")


def _size_problems(space: DesignSpace) -> Iterator[Problem]:
    least = {"alternatives": 1 if space.none else 2, "tasks": 1, "versions": 1}
    for name, bound in least.items():
        value = getattr(space, name)
        if value < bound:
            yield Problem(name, f"is {value}", f"at least {bound}", "ask for more")


def _better_problems(space: DesignSpace) -> Iterator[Problem]:
    for name, direction in space.better.items():
        if name not in space.levels:
            yield Problem(f"better.{name}", "no such attribute", nearest(name, space.levels), "rename it")
        elif not space.is_number(name):
            yield Problem(f"better.{name}", "its levels are names", "numbers", "drop the direction or give numbers")
        if direction not in ("higher", "lower"):
            yield Problem(f"better.{name}", f"is {direction!r}", "higher or lower", "say which way people like it")


def _prohibition_problems(space: DesignSpace, prohibition: Prohibition, where: str) -> Iterator[Problem]:
    if not prohibition.levels:
        yield Problem(where, "is empty, which forbids everything", "levels", "fill or drop it")
    for name, levels in _parts(prohibition):
        if name not in space.levels:
            yield Problem(f"{where}.{name}", "no such attribute", nearest(name, space.levels), "rename it")
            continue
        known = [label(level) for level in space.levels[name]]
        for level in levels:
            if label(level) not in known:
                do = "name a level of the attribute"
                yield Problem(f"{where}.{name}", f"no such level {level!r}", nearest(label(level), known), do)


def _parts(prohibition: Prohibition) -> Iterable[tuple[str, tuple[Level, ...]]]:
    for combination in (prohibition.levels, prohibition.unless):
        for name, levels in combination.items():
            yield name, listed(levels)
