"""How one attribute enters utility: linear, piecewise linear between tested levels, or by levels.

Each term turns values into its columns of the design and clamps numbers to the tested range, because the data say
nothing of what lies beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray

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


def describe(term: Term) -> str:
    """What was observed, in words.

    >>> describe(LinearTerm("income", 2.0, 72.0)), describe(LevelsTerm("group", ("new", "old"), "new"))
    ('from 2 to 72', 'one of: new, old')
    """
    if isinstance(term, LevelsTerm):
        return "one of: " + ", ".join(term.levels)
    low, high = (term.low, term.high) if isinstance(term, LinearTerm) else (term.knots[0], term.knots[-1])
    return f"from {low:g} to {high:g}"
