"""One attribute of the alternatives, or one covariate of those who choose, as observed in choice data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, frozen


@dataclass(frozen=True, eq=False)
class Attribute:
    """The values of one attribute, one per row, or of one covariate, one per task.

    values: (rows,) numbers in the unit of the table, or, where `levels` is given, codes into `levels`. These are in the
    order of an ordered categorical column, else sorted; levels that no row has are not among them.
    Rows of the none option hold 0 (numbers) or −1 (codes); they have no attributes.
    """

    name: str
    values: FloatArray | IntArray
    levels: tuple[str, ...] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values))

    def take(self, rows: IntArray | BoolArray) -> Attribute:
        """The same attribute on some of the rows."""
        return Attribute(self.name, self.values[rows], self.levels)

    @property
    def numbers(self) -> FloatArray:
        """(rows,) the values as floats; of use for numeric attributes."""
        return np.asarray(self.values, dtype=np.float64)

    @property
    def codes(self) -> IntArray:
        """(rows,) the values as codes into `levels`; of use for attributes with levels."""
        return np.asarray(self.values, dtype=np.int64)

    @property
    def present(self) -> tuple[str, ...]:
        """The levels that occur, in order."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels or ()))
        return tuple(level for level, count in zip(self.levels or (), counts.tolist(), strict=True) if count)
