"""Level codes as choice data and as rows of the design matrix, by the coding of the model that will be fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng, label
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.options import CodingOption
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.space import DesignSpace
from marketfit.errors import DataError, Problem

ALTERNATIVE = "alternative"
NONE = "none"  # as a choice table calls it, of which this module would load the reader
PROBED = 50  # alternatives on which rows made from parts are held against the coding itself


def as_choices(
    space: DesignSpace, tasks: IntArray, *, chosen: IntArray | None = None, respondent: IntArray | None = None
) -> ChoiceData:
    """Tasks as choice data, such as a survey would bring back.

    tasks: (tasks, alternatives, attributes) level codes. chosen: (tasks,) place of the alternative chosen; the none
    option is at the place after the last (default: the first). respondent: (tasks,) sorted codes of people.
    Alternatives are called 1, 2, …, and none.
    """
    count, alternatives, _ = tasks.shape
    size = alternatives + space.none
    is_none = np.tile(np.arange(size) == alternatives, count)
    codes = np.zeros((count, size, len(space.levels)), dtype=np.int64)
    codes[:, :alternatives] = tasks
    flat = codes.reshape(-1, len(space.levels))
    attributes = tuple(_attribute(space, name, flat[:, index], is_none) for index, name in enumerate(space.levels))
    starts = np.arange(count, dtype=np.int64) * size
    return ChoiceData(
        attributes=attributes,
        alternatives=(*(str(place + 1) for place in range(alternatives)), *([NONE] if space.none else [])),
        alternative_column=ALTERNATIVE,
        alternative=np.tile(np.arange(size, dtype=np.int64), count),
        is_none=is_none,
        none=NONE if space.none else None,
        row=np.arange(count * size, dtype=np.int64),
        starts=starts,
        sizes=np.full(count, size, dtype=np.int64),
        choices=starts if chosen is None else starts + chosen,
        weights=np.ones(count),
        respondent=respondent,
        respondent_labels=None if respondent is None else np.arange(int(respondent.max(initial=-1)) + 1),
    )


def _attribute(space: DesignSpace, name: str, codes: IntArray, is_none: BoolArray) -> Attribute:
    levels = space.levels[name]
    if space.is_number(name):
        numbers = np.array([float(level) for level in levels])
        return Attribute(name, np.where(is_none, 0.0, numbers[codes]), None)
    labels = [label(level) for level in levels]
    return Attribute(name, np.where(is_none, -1, codes), tuple(labels))


def simulate_answers(
    design: ChoiceDesign, coding: Coding, coefficients: FloatArray, *, respondents: int, rng: Rng = 0
) -> ChoiceData:
    """Answers of simulated people who choose by a logit; they get the versions in turn.

    coefficients: (columns,) for all of them, or (respondents, columns).
    """
    generator = np.random.default_rng(rng)
    people = np.arange(respondents, dtype=np.int64)
    tasks = design.codes[people % design.space.versions].reshape(-1, *design.codes.shape[2:])
    respondent = np.repeat(people, design.space.tasks)
    matrix = coding.design(as_choices(design.space, tasks)).matrix
    own = np.broadcast_to(np.asarray(coefficients), (respondents, matrix.shape[1]))[respondent]
    utilities = np.einsum("tjk,tk->tj", matrix.reshape(len(tasks), -1, matrix.shape[1]), own)
    chosen = (utilities + generator.gumbel(size=utilities.shape)).argmax(axis=1)
    return as_choices(design.space, tasks, chosen=chosen.astype(np.int64), respondent=respondent)


def space_coding(
    space: DesignSpace, options: Mapping[str, CodingOption] | None = None, *, constants: bool = False
) -> Coding:
    """The coding of a survey that shows every level of a space; options and constants as in `Coding.from_data`.

    >>> space_coding(DesignSpace({"brand": ("a", "b"), "price": (1.0, 2.0, 4.0)}), {"price": "piecewise"}).columns
    ('brand_b', 'price_1_to_2', 'price_2_to_4', 'none')
    """
    longest = max(space.sizes)
    every = np.array([[place % size for size in space.sizes] for place in range(longest)], dtype=np.int64)
    tasks = np.repeat(every[:, None], space.alternatives, axis=1)
    return Coding.from_data(as_choices(space, tasks), options=options, constants=constants)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of the design matrix of any alternatives, as sums of parts that are looked up: what a search needs.

    base: (alternatives, columns) the row of the first levels, at each place of a task. main: per attribute,
    (levels, alternatives, columns) what its level adds. pairs: what two levels add together, for attributes that
    interact, (levels, levels, alternatives, columns). Where there is a none option its row is taken off all others,
    so that it is 0 and need not be carried along.
    """

    coding: Coding
    none: bool
    base: FloatArray
    main: tuple[FloatArray, ...]
    pairs: Mapping[tuple[int, int], FloatArray]

    @classmethod
    def of(cls, space: DesignSpace, coding: Coding) -> Rows:
        """Take the parts from the coding, by coding alternatives that differ from the first levels in one or two.

        Raises DataError when the coding does not fit the space: unknown attributes or levels, levels beyond the range
        that it was made for, or effects of three attributes at once.
        """
        sizes = space.sizes
        both = list(combinations(range(len(sizes)), 2))
        parts: list[list[dict[int, int]]] = [[{}]]
        parts += [[{attribute: level} for level in range(size)] for attribute, size in enumerate(sizes)]
        parts += [[{a: level, b: also} for level in range(sizes[a]) for also in range(sizes[b])] for a, b in both]
        # All in one go: coding has a price per call.
        coded = _coded(space, coding, _profiles(space, [change for part in parts for change in part]))
        rest = np.split(coded, np.cumsum([len(part) for part in parts])[:-1])
        base = rest[0][0]
        main = [rows - base for rows in rest[1 : 1 + len(sizes)]]
        pairs = {}
        for (a, b), rows in zip(both, rest[1 + len(sizes) :], strict=True):
            together = rows.reshape(sizes[a], sizes[b], *base.shape) - base - main[a][:, None] - main[b][None]
            if np.abs(together).max() > 1e-9 * max(1.0, np.abs(rows).max()):
                pairs[a, b] = together
        found = cls(coding, space.none, base, tuple(main), pairs)
        found._check(space)
        return found

    def __call__(self, codes: IntArray) -> FloatArray:
        """(…, alternatives, columns) the rows of tasks (…, alternatives, attributes)."""
        return self.at(codes, np.arange(codes.shape[-2]))

    def at(self, codes: IntArray, places: IntArray) -> FloatArray:
        """(…, columns) the rows of alternatives (…, attributes) that stand at these places of their task, (…,)."""
        rows = self.base[places]
        for attribute, part in enumerate(self.main):
            rows = rows + part[codes[..., attribute], places]
        for (one, other), together in self.pairs.items():
            rows = rows + together[codes[..., one], codes[..., other], places]
        return rows

    @property
    def by_place(self) -> bool:
        """Whether it matters at which place of its task an alternative stands."""
        parts = (self.base, *self.main, *self.pairs.values())
        return any(bool(np.ptp(part, axis=-2).any()) for part in parts)

    def spans(self) -> FloatArray:
        """(columns,) how far each column reaches over the alternatives; 1 for those that never vary."""
        extremes = [np.abs(self.base).max(axis=0)]
        extremes += [np.ptp(part.reshape(-1, part.shape[-1]), axis=0) for part in self.main]
        extremes += [np.ptp(part.reshape(-1, part.shape[-1]), axis=0) for part in self.pairs.values()]
        widest = np.max(extremes, axis=0)
        return np.where(widest > 0, widest, 1.0)

    def _check(self, space: DesignSpace) -> None:
        rng = np.random.default_rng(0)
        codes = np.stack([rng.integers(size, size=(PROBED, space.alternatives)) for size in space.sizes], axis=-1)
        told = _coded(space, self.coding, codes)
        if np.abs(self(codes) - told).max() > 1e-6 * max(1.0, np.abs(told).max()):
            found = "has columns in which three or more attributes work together"
            raise DataError([Problem("coding", found, "effects of one or two attributes", "leave such columns out")])


def _profiles(space: DesignSpace, changes: list[dict[int, int]]) -> IntArray:
    """(changes, alternatives, attributes): tasks of equal alternatives, of the first levels but for the changes."""
    tasks = np.zeros((len(changes), space.alternatives, len(space.levels)), dtype=np.int64)
    for task, change in zip(tasks, changes, strict=True):
        for attribute, level in change.items():
            task[:, attribute] = level
    return tasks


def _coded(space: DesignSpace, coding: Coding, tasks: IntArray) -> FloatArray:
    """(tasks, alternatives, columns) by the coding itself, relative to the row of the none option."""
    if coding.none is not None and not space.none:
        found, do = "has a none option, which the design does not offer", "offer it, or fit without it"
        raise DataError([Problem("coding", found, "a coding of what is asked", do)])
    coded = coding.design(as_choices(space, tasks))
    if coded.extrapolated:
        found = f"the coding was made for a smaller range of {', '.join(coded.extrapolated)}"
        do = "use a coding of this space (space_coding), or drop the levels beyond the range"
        raise DataError([Problem("coding", found, "levels within the range of the coding", do)])
    rows = coded.matrix.reshape(tasks.shape[0], -1, coded.matrix.shape[1])
    return rows[:, : space.alternatives] - rows[:, space.alternatives :] if space.none else rows
