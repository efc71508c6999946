"""What no alternative and no task of a design may be, checked on level codes of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.demand.designs.space import Combination, DesignSpace, Prohibition, listed


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a space, ready for use.

    tables: attributes → a table over their levels, True where a prohibition holds.
    worth: per attribute, (levels,) numbers that are better when higher; signed: whether all people agree on that.
    """

    tables: Mapping[tuple[int, ...], BoolArray]
    worth: tuple[FloatArray, ...]
    signed: tuple[bool, ...]

    @classmethod
    def of(cls, space: DesignSpace) -> Rules:
        """The rules of a space."""
        worth = []
        for name, levels in space.levels.items():
            direction = {"higher": 1.0, "lower": -1.0}.get(space.better.get(name, ""), 0.0)
            numbers = [direction * float(level) if direction else code for code, level in enumerate(levels)]
            worth.append(np.array(numbers, dtype=np.float64))
        tables: dict[tuple[int, ...], BoolArray] = {}
        for prohibition in space.prohibited:
            attributes, table = prohibition_table(space, prohibition)
            tables[attributes] = tables.get(attributes, np.zeros_like(table)) | table
        return cls(tables, tuple(worth), tuple(name in space.better for name in space.names))

    def prohibited(self, codes: IntArray) -> BoolArray:
        """(…,) whether an alternative, (…, attributes) level codes, has a prohibited combination."""
        found = np.zeros(codes.shape[:-1], dtype=np.bool_)
        for attributes, table in self.tables.items():
            found |= table[tuple(codes[..., attribute] for attribute in attributes)]
        return found

    def dominated(self, tasks: IntArray) -> BoolArray:
        """(…,) whether a task, (…, alternatives, attributes), shows an alternative that is nowhere better than another.

        Where people may differ (no direction in `better`), only an equal level is no advantage to somebody. Equal
        alternatives count: neither is better than the other.
        """
        count = tasks.shape[-2]
        nowhere_better = ~np.broadcast_to(np.eye(count, dtype=np.bool_), (*tasks.shape[:-2], count, count))
        for attribute, (numbers, signed) in enumerate(zip(self.worth, self.signed, strict=True)):
            worth = numbers[tasks[..., attribute]]
            one, other = worth[..., :, None], worth[..., None, :]
            nowhere_better = nowhere_better & (one <= other if signed else one == other)
        return np.asarray(nowhere_better.any(axis=(-2, -1)), dtype=np.bool_)

    def broken(self, tasks: IntArray) -> BoolArray:
        """(…,) whether a task has a prohibited alternative, or one that is equal to or dominated by another."""
        return np.asarray(self.dominated(tasks) | self.prohibited(tasks).any(axis=-1), dtype=np.bool_)


def prohibition_table(space: DesignSpace, prohibition: Prohibition) -> tuple[tuple[int, ...], BoolArray]:
    """The attributes that a prohibition names, and a table over their levels: True where it holds."""
    names = [name for name in space.names if name in prohibition.levels or name in prohibition.unless]
    attributes = tuple(space.names.index(name) for name in names)
    held = _held(space, names, prohibition.levels)
    excused = _held(space, names, prohibition.unless) if prohibition.unless else np.zeros_like(held)
    return attributes, held & ~excused


def _held(space: DesignSpace, names: list[str], combination: Combination) -> BoolArray:
    """A table over the levels of the named attributes: True where every attribute has a level of the combination."""
    held = np.ones((), dtype=np.bool_)
    for name in names:
        own = np.ones(len(space.levels[name]), dtype=np.bool_)
        if name in combination:
            own[:] = False
            own[[space.code(name, level) for level in listed(combination[name])]] = True
        held = held[..., None] & own
    return np.asarray(held, dtype=np.bool_)
