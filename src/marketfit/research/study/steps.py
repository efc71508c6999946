"""Coefficients as steps that a reader knows: from one tested level to another, in the direction that people like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from marketfit.demand import Coding
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm


@dataclass(frozen=True)
class Step:
    """One coefficient at work. words: `accuracy: 0.8 → 0.85`. factor: what the coefficient of `column` is times."""

    column: str
    attribute: str
    words: str
    factor: float

    def of(self, value: float, low: float, high: float) -> tuple[float | None, float | None, float | None]:
        """Value and ends of the step, from those of the coefficient; None where there is none.

        What its sign holds at 0 in every draw has an interval of no width, which is none.
        """
        known = math.isfinite(low + high) and low < high
        ends = sorted(end * self.factor for end in (low, high)) if known else [None, None]
        return value * self.factor, ends[0], ends[1]


def steps_of(coding: Coding, signs: Mapping[str, int]) -> tuple[Step, ...]:
    """The steps of all attributes. signs: attribute or column → −1 where less is better: its steps lead downwards.

    A straight line is one step over all that was tested; a bent one has a step between neighbouring levels; names are
    compared with the first of them.
    """
    found = []
    for term in coding.terms:
        down = signs.get(term.attribute, signs.get(term.columns[0], 1)) < 0
        if isinstance(term, LevelsTerm):
            others = [level for level in term.levels if level != term.base]
            for column, level in zip(term.columns, others, strict=True):
                found.append(Step(column, term.attribute, f"{term.attribute}: {term.base} → {level}", 1.0))
            continue
        knots = (term.low, term.high) if isinstance(term, LinearTerm) else term.knots
        for column, low, high in zip(term.columns, knots[:-1], knots[1:], strict=True):
            first, last = (high, low) if down else (low, high)
            words = f"{term.attribute}: {first:.15g} → {last:.15g}"
            found.append(Step(column, term.attribute, words, last - first))
    return tuple(found)
