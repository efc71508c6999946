"""A choice design: the one form in which level codes leave this package, checked against every prohibition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, IntArray, frozen, label
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.rules import prohibition_table
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.printing import Printed, table_rows
from marketfit.errors import DataError, Problem

SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class ChoiceDesign(Printed):
    """What every version shows in every task.

    codes: (versions, tasks, alternatives, attributes) places in the levels of each attribute; read-only.

    No design with a prohibited alternative can exist: the constructor raises DataError for it, naming each by its
    version, task and alternative, as it does for codes of another shape or beyond the levels.
    """

    space: DesignSpace
    codes: IntArray

    def __post_init__(self) -> None:
        # A copy, locked before a view of it is given away: nobody can change the codes that were checked.
        codes = np.array(self.codes, dtype=np.int64)
        codes.flags.writeable = False
        object.__setattr__(self, "codes", frozen(codes))
        if codes.shape != self.space.shape:
            found, do = f"has shape {codes.shape}", "give one code per version, task, alternative and attribute"
            raise DataError([Problem("choice design", found, str(self.space.shape), do)])
        check_alternatives(self.space, codes)

    def offers(self, version: int, task: int) -> tuple[Offer, ...]:
        """The alternatives of a task, both counted from 0: attribute → level."""
        return offers_of(self.space, self.codes[version, task])

    def __str__(self) -> str:
        versions, tasks, alternatives, _ = self.codes.shape
        rows = [
            (f"{task + 1}.{place + 1}", *(label(offer[name]) for name in self.space.names))
            for task in range(min(tasks, SHOWN))
            for place, offer in enumerate(self.offers(0, task))
        ]
        what = f"{alternatives} alternatives{' and none' if self.space.none else ''}"
        lines = table_rows(("task", *self.space.names), rows) if versions else []
        more = ["…"] if versions > 1 or tasks > SHOWN else []
        return "\n".join([f"Choice design: {versions} versions of {tasks} tasks of {what}", *lines, *more])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChoiceDesign):
            return NotImplemented
        return self.space == other.space and np.array_equal(self.codes, other.codes)

    def __hash__(self) -> int:
        return hash(self.codes.tobytes())


def offers_of(space: DesignSpace, task: IntArray) -> tuple[Offer, ...]:
    """The alternatives of one task, (alternatives, attributes) codes: attribute → level."""
    named = list(space.levels.items())
    return tuple(
        {name: levels[code] for (name, levels), code in zip(named, codes, strict=True)} for codes in task.tolist()
    )


def check_alternatives(space: DesignSpace, codes: IntArray) -> None:
    """Raise DataError unless the space allows all alternatives, (versions, tasks, alternatives, attributes)."""
    problems: list[Problem] = []
    for index, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        beyond = (codes[..., index] < 0) | (codes[..., index] >= size)
        for where, _ in _places(beyond):
            problems.append(Problem(where, f"'{name}' has a code beyond its levels", f"0 to {size - 1}", "correct it"))
    if problems:
        raise DataError(problems)
    for place, prohibition in enumerate(space.prohibited):
        attributes, table = prohibition_table(space, prohibition)
        held = table[tuple(codes[..., attribute] for attribute in attributes)]
        allowed = f"alternatives that {space.name_of(place)} allows"
        for where, at in _places(held):
            shown = offers_of(space, codes[at][None])[0]
            levels = ", ".join(f"{space.names[a]} {label(shown[space.names[a]])}" for a in attributes)
            problems.append(Problem(where, f"is prohibited: {levels}", allowed, "change a level or the prohibition"))
    if problems:
        raise DataError(problems)


def _places(where: BoolArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The places of a design, (versions, tasks, alternatives), as text counted from 1 and as an index.

    The first few; the last of them says how many more there are.
    """
    found = [tuple(place) for place in np.argwhere(where).tolist()]
    for number, (version, task, alternative) in enumerate(found[:SHOWN], start=1):
        more = f" and {len(found) - SHOWN} more" if number == SHOWN < len(found) else ""
        text = f"version {version + 1}, task {task + 1}, alternative {alternative + 1}{more}"
        yield text, (version, task, alternative)
