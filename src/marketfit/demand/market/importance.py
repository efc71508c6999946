"""Importance of attributes: how far each moves utility over its tested levels, in percent of all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm, Term
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.models.utilities import DRAWS, UtilityDraws, UtilitySource, draw_utilities
from marketfit.demand.printing import Printed, level_heads, share_cells, table_rows


@dataclass(frozen=True, eq=False, repr=False)
class Importance(Printed):
    """Importance of each attribute, in percent; all attributes together are 100.

    interactions: what is left out, see `importance`.
    percent_draws: (draws, attributes), each row sums to 100. percent, low, high: (attributes,) mean over draws and ends
    of the interval at `level`; NaN with too few draws for one. sample_size: people behind the fit.
    """

    attributes: tuple[str, ...]
    interactions: tuple[str, ...]
    percent_draws: FloatArray
    percent: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    sample_size: int

    @property
    def mean(self) -> dict[str, float]:
        """Attribute → percent."""
        return dict(zip(self.attributes, self.percent.tolist(), strict=True))

    def __str__(self) -> str:
        ends = (self.percent, self.low, self.high)
        told = zip(*((end / 100).tolist() for end in ends), strict=True)
        rows = [(name, *share_cells(*one)) for name, one in zip(self.attributes, told, strict=True)]
        table = table_rows(("attribute", "importance, %", *level_heads(self.level)), rows)
        lines = [f"Importance of attributes, n = {self.sample_size}", *table]
        if self.interactions:
            lines.append(f"interactions are left out: {', '.join(self.interactions)}")
        return "\n".join(lines)


def importance(source: UtilitySource, *, draws: int = DRAWS, rng: Rng = 0, level: float = 0.95) -> Importance:
    """Range of the part-worths of each attribute over its tested levels, as a share of the sum of all ranges.

    It is taken person by person and then averaged over the people of a draw (Orme 2010, chapter 9), so that people who
    want opposite things do not cancel out. It depends on what was tested: a wider range of prices makes price matter
    more. Constants and the none option are no attributes. Who is indifferent to everything counts all attributes alike.
    An attribute that does not matter has an importance above 0 in every draw: read the interval against the others.

    An attribute that is split by alternatives has a range in each alternative that it counts for, and the average of
    these ranges is its own. Interactions are left out: an attribute that takes part in one has the range that it has
    where the others are 0 or at their base level. The result names them.

    source: a fitted model, or draws of its coefficients (then `draws` and `rng` play no part). level: of the interval.
    """
    check_level(level)
    drawn = draw_utilities(source, draws=draws, rng=rng)
    coding = drawn.coding
    ranges = [_range(drawn, term) for term in coding.terms]
    total = np.sum(ranges, axis=0)
    parts = [np.where(total > 0, part / np.where(total > 0, total, 1.0), 1 / len(ranges)) for part in ranges]
    percent = 100 * np.stack([drawn.average(part) for part in parts], axis=1)
    low, high = interval(percent, level)
    return Importance(
        attributes=coding.attributes,
        interactions=tuple(":".join(names) for names in coding.interactions),
        percent_draws=frozen(percent),
        percent=frozen(percent.mean(axis=0)),
        low=frozen(low),
        high=frozen(high),
        level=level,
        sample_size=drawn.sample_size,
    )


def _range(drawn: UtilityDraws, term: Term) -> FloatArray:
    """(draws, people) of the part-worths of an attribute; of a split one, averaged over its alternatives."""
    columns = drawn.coding.columns_of(term.attribute)
    places = np.array([drawn.coding.columns.index(name) for name in columns])
    # A split column stands once for each alternative before the next one does.
    groups = places.reshape(len(term.columns), -1).T
    tested = term.encode(tested_values(term)).T
    return np.asarray(np.mean([np.ptp(drawn.values[:, :, group] @ tested, axis=2) for group in groups], axis=0))


def tested_values(term: Term) -> FloatArray:
    """Inputs of `term.encode` between which its utility takes all its tested values: ends, knots or levels."""
    match term:
        case LinearTerm():
            return np.array([term.low, term.high])
        case PiecewiseTerm():
            return np.array(term.knots)
        case LevelsTerm():
            return np.arange(len(term.levels), dtype=np.float64)
        case _:
            assert_never(term)
