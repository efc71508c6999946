"""How one attribute enters utility: linear, piecewise linear between tested levels, or by levels.

Each term turns values into its columns of the design and clamps numbers to the tested range, because the data say
nothing of what lies beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, label
from marketfit.demand.choices.attribute import Attribute
from marketfit.errors import Problem, nearest

Value: TypeAlias = float | str


@dataclass(frozen=True)
class LinearTerm:
    """Utility is proportional to the number. `low` and `high` bound the tested range."""

    kind: ClassVar[str] = "linear"
    attribute: str
    low: float
    high: float

    @property
    def columns(self) -> tuple[str, ...]:
        """One column, with the attribute's name."""
        return (self.attribute,)

    def encode(self, numbers: FloatArray) -> FloatArray:
        """(rows,) numbers → (rows, 1), clamped to the tested range."""
        return np.clip(numbers, self.low, self.high)[:, None]

    def outside(self, numbers: FloatArray) -> BoolArray:
        """(rows,) whether a number lies beyond the tested range."""
        return (numbers < self.low) | (numbers > self.high)


@dataclass(frozen=True)
class PiecewiseTerm:
    """Utility is linear between neighbouring knots: one slope per segment, zero utility at the first knot.

    Slopes rather than part-worths, so that a monotone attribute is one sign on every column.
    """

    kind: ClassVar[str] = "piecewise"
    attribute: str
    knots: tuple[float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """One column per segment, such as `price_1_to_2`."""
        ends = zip(self.knots[:-1], self.knots[1:], strict=True)
        return tuple(f"{self.attribute}_{low:.15g}_to_{high:.15g}" for low, high in ends)

    def encode(self, numbers: FloatArray) -> FloatArray:
        """(rows,) numbers → (rows, segments): how much of each segment lies below the number."""
        lower, upper = np.array(self.knots[:-1]), np.array(self.knots[1:])
        lengths: FloatArray = np.clip(numbers[:, None], lower, upper) - lower
        return lengths

    def outside(self, numbers: FloatArray) -> BoolArray:
        """(rows,) whether a number lies beyond the outer knots."""
        return (numbers < self.knots[0]) | (numbers > self.knots[-1])


@dataclass(frozen=True)
class LevelsTerm:
    """Each level has its own utility, relative to the base level (dummy coding)."""

    kind: ClassVar[str] = "levels"
    attribute: str
    levels: tuple[str, ...]
    base: str

    @property
    def columns(self) -> tuple[str, ...]:
        """One column per level other than the base, such as `brand_hiland`."""
        return tuple(f"{self.attribute}_{level}" for level in self.levels if level != self.base)

    def encode(self, codes: FloatArray) -> FloatArray:
        """(rows,) codes into `levels` → (rows, levels − 1) of zeros and ones."""
        others = [code for code, level in enumerate(self.levels) if level != self.base]
        matches: BoolArray = codes[:, None] == np.array(others, dtype=np.float64)
        return matches.astype(np.float64)

    def outside(self, codes: FloatArray) -> BoolArray:
        """(rows,) never: an unknown level is an error, not an extrapolation."""
        return np.zeros(codes.size, dtype=np.bool_)


Term: TypeAlias = LinearTerm | PiecewiseTerm | LevelsTerm


def term_input(term: Term, attribute: Attribute, used: BoolArray, problems: list[Problem]) -> FloatArray:
    """(rows,) what `term.encode` takes, from an attribute of choice data; mismatches are added to `problems`.

    used: (rows,) rows that have attributes, that is, all but those of the none option.
    """
    if not isinstance(term, LevelsTerm):
        if attribute.levels is None:
            return attribute.numbers
        problems.append(_not_a_number(f"attribute '{attribute.name}'", "holds text", term.kind))
        return np.full(attribute.values.size, np.nan)
    if attribute.levels is not None:
        names, codes = attribute.levels, attribute.codes
    else:
        distinct, codes = np.unique(attribute.numbers, return_inverse=True)
        names = tuple(label(number) for number in distinct.tolist())
    unknown = [names[code] for code in np.unique(codes[used]).tolist() if names[code] not in term.levels]
    problems.extend(_unknown_level(f"attribute '{attribute.name}'", name, term) for name in unknown)
    # The extra slot at the end is for code −1, the cell of a none option.
    lookup = [float(term.levels.index(name)) if name in term.levels else -1.0 for name in names]
    return np.array([*lookup, -1.0])[codes]


def offer_input(term: Term, value: Value, where: str, problems: list[Problem]) -> float:
    """What `term.encode` takes, from one value of an offer; a value that it cannot take is added to `problems`."""
    if isinstance(term, LevelsTerm):
        name = label(value)
        if name in term.levels:
            return float(term.levels.index(name))
        problems.append(_unknown_level(where, name, term))
        return -1.0
    if isinstance(value, str) or not math.isfinite(value):
        problems.append(_not_a_number(where, f"is {value!r}", term.kind))
        return math.nan
    return float(value)


def _unknown_level(where: str, name: str, term: LevelsTerm) -> Problem:
    return Problem(where, f"unknown level '{name}'", nearest(name, term.levels), "use a level that was tested")


def _not_a_number(where: str, found: str, kind: str) -> Problem:
    return Problem(where, found, f"finite numbers: the attribute is coded '{kind}'", "give a number")
