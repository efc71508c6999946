"""The changes that a search may try on one version of a design: which tasks they make of which alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.deal import Unit, units_of
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace

MOST_LISTED = 1 << 16  # combinations of a unit's levels that are looked through


@dataclass(frozen=True, eq=False)
class Changes:
    """What may become of one task.

    variants: (alternatives · values, attributes) the alternatives with one unit changed to each of its values.
    singles: (alternatives · values, alternatives) tasks, as places in `variants`, with one alternative changed;
    swaps: (swaps, alternatives) tasks in which two alternatives swapped a unit.
    """

    variants: IntArray
    singles: IntArray
    swaps: IntArray


@dataclass(frozen=True, eq=False)
class Options:
    """What one unit may become in any task: values, (values, attributes of the unit) level codes.

    place: table over the levels of the unit's attributes, the place of each combination among the values. Both are
    None where there are too many combinations: then only those that a version has are tried.
    """

    unit: Unit
    values: IntArray | None
    place: IntArray | None

    @classmethod
    def of(cls, space: DesignSpace, rules: Rules, unit: Unit) -> Options:
        """All that the rules allow, as long as that is no more than a version shows alternatives."""
        sizes = [space.sizes[attribute] for attribute in unit]
        if len(unit) > 1 and np.prod(sizes, dtype=float) > MOST_LISTED:
            return cls(unit, None, None)
        levels = np.indices(sizes)
        allowed = np.ones(sizes, dtype=np.bool_)
        for attributes, table in rules.tables.items():
            if len(unit) > 1 and set(attributes) <= set(unit):
                allowed &= ~table[tuple(levels[unit.index(attribute)] for attribute in attributes)]
        if len(unit) > 1 and allowed.sum() > space.tasks * space.alternatives:
            return cls(unit, None, None)
        place = np.cumsum(allowed.ravel()).reshape(sizes) - 1
        return cls(unit, np.argwhere(allowed), place)


def options_of(space: DesignSpace, rules: Rules) -> tuple[Options, ...]:
    """The options of all units of a space."""
    return tuple(Options.of(space, rules, unit) for unit in units_of(space))


@dataclass(frozen=True, eq=False)
class Moves:
    """The values that the units of a version may take.

    values: per unit, (values, attributes of the unit). starts: per unit, the place of its first value among all
    `count`. own: per unit, (tasks, alternatives) the place of the value that each alternative has.
    """

    units: tuple[Unit, ...]
    values: tuple[IntArray, ...]
    starts: tuple[int, ...]
    count: int
    own: tuple[IntArray, ...]

    @classmethod
    def of(cls, version: IntArray, options: tuple[Options, ...]) -> Moves:
        """The moves of (tasks, alternatives, attributes) codes."""
        values, starts, own, start = [], [], [], 0
        cells = version.reshape(-1, version.shape[-1])
        for option in options:
            held = cells[:, option.unit]
            if option.values is None or option.place is None:
                taken, places = held, np.arange(len(cells))
            else:
                taken, places = option.values, option.place[tuple(held.T)]
            values.append(taken)
            starts.append(start)
            own.append((places + start).reshape(version.shape[:2]))
            start += len(taken)
        return cls(tuple(option.unit for option in options), tuple(values), tuple(starts), start, tuple(own))

    def changes(self, task: IntArray, place: int) -> Changes:
        """The changes of a task, (alternatives, attributes) codes, at this place of the version."""
        alternatives = len(task)
        variants = np.repeat(task[:, None], self.count, axis=1)
        for unit, values, start in zip(self.units, self.values, self.starts, strict=True):
            variants[:, start : start + len(values), unit] = values
        first = np.arange(alternatives) * self.count
        unchanged = first + self.own[0][place]
        singles = np.repeat(unchanged[None], alternatives * self.count, axis=0)
        every = np.arange(alternatives * self.count)
        singles[every, every // self.count] = every
        swaps = []
        for one, other in combinations(range(alternatives), 2):
            for own in self.own:
                swap = unchanged.copy()
                swap[one], swap[other] = first[one] + own[place, other], first[other] + own[place, one]
                swaps.append(swap)
        swapped = np.array(swaps, dtype=np.int64).reshape(-1, alternatives)
        return Changes(variants.reshape(-1, task.shape[1]), singles, swapped)

    def swapped(self, version: IntArray, unit: int, one: int, other: int) -> IntArray:
        """The version after two cells (task · alternatives + alternative) swapped a unit."""
        changed = version.reshape(-1, version.shape[-1]).copy()
        moved = list(self.units[unit])
        changed[[[one], [other]], moved] = changed[[[other], [one]], moved]
        return changed.reshape(version.shape)
