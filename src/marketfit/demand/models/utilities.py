"""Draws of utility coefficients: the one thing that the share simulator asks of a choice model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.coding.coding import Coding
from marketfit.errors import DataError, Problem

DRAWS = 2000
"""Draws when none are asked for: the ends of a 95 % interval then rest on 50 draws each."""


class UtilityModel(Protocol):
    """A fitted choice model that can draw its coefficients."""

    @property
    def coding(self) -> Coding:
        """How offers become columns."""

    @property
    def sample_size(self) -> int:
        """People (or choices, where people are not known) behind the fit."""

    def draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns), or (count, people, columns) where a draw is a population of new respondents."""


@dataclass(frozen=True, eq=False)
class UtilityDraws:
    """Draws of coefficients with the coding that they belong to.

    values: (draws, people, columns). Shares are averaged over the people of a draw; draws make the interval.
    A model without taste differences has one person per draw. sample_size: people behind the fit.
    """

    values: FloatArray
    coding: Coding
    sample_size: int

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        values = values[:, None, :] if values.ndim == 2 else values
        columns = len(self.coding.columns)
        if values.ndim != 3 or values.shape[2] != columns or not values.size or not np.isfinite(values).all():
            found = f"has shape {np.shape(self.values)}, or values that are not finite"
            allowed = f"finite (draws, {columns}) or (draws, people, {columns})"
            raise DataError([Problem("utility draws", found, allowed, "give draws of every column of the coding")])
        object.__setattr__(self, "values", frozen(values))


UtilitySource: TypeAlias = UtilityModel | UtilityDraws


def draw_utilities(source: UtilitySource, *, draws: int = DRAWS, rng: Rng = 0, scale: float = 1.0) -> UtilityDraws:
    """Draw the coefficients of a model; draws that are given stay as they are, but for the scale.

    scale: factor on all utilities; above 1 the market is more decided than the answers, below 1 less.
    Raises DataError for a count below 1 or a scale that is not above 0.
    """
    if draws < 1 or not (np.isfinite(scale) and scale > 0):
        found = f"draws={draws}, scale={scale:g}"
        raise DataError([Problem("simulation", found, "at least 1 draw, a finite scale above 0", "correct them")])
    if isinstance(source, UtilityDraws):
        return source if scale == 1.0 else UtilityDraws(source.values * scale, source.coding, source.sample_size)
    values = source.draws(draws, np.random.default_rng(rng))
    return UtilityDraws(values * scale, source.coding, source.sample_size)
