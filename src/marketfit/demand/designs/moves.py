"""The changes that a search may try on one version of a design: which tasks they make of which alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marketfit.demand.arrays import IntArray
from marketfit.demand.designs.deal import Unit


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
class Moves:
    """The values that the units of a version may take.

    values: per unit, (values, attributes of the unit): all levels of a single attribute; for attributes that are tied
    together, what each alternative of the version has. starts: per unit, the place of its first value among all
    `count`. own: per unit, (tasks, alternatives) the place of the value that each alternative has.
    """

    units: tuple[Unit, ...]
    values: tuple[IntArray, ...]
    starts: tuple[int, ...]
    count: int
    own: tuple[IntArray, ...]

    @classmethod
    def of(cls, version: IntArray, units: tuple[Unit, ...], sizes: tuple[int, ...]) -> Moves:
        """The moves of (tasks, alternatives, attributes) codes."""
        values, starts, own, start = [], [], [], 0
        cells = version.reshape(-1, version.shape[-1])
        for unit in units:
            single = len(unit) == 1
            taken = np.arange(sizes[unit[0]])[:, None] if single else cells[:, unit]
            places = cells[:, unit[0]] if single else np.arange(len(cells))
            values.append(taken)
            starts.append(start)
            own.append((places + start).reshape(version.shape[:2]))
            start += len(taken)
        return cls(units, tuple(values), tuple(starts), start, tuple(own))

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
