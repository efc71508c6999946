"""Draws of utility coefficients: the one thing that the share simulator asks of a choice model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.kinds import wrong_kind
from marketfit.errors import DataError, Problem

DRAWS = 2000
"""Draws when none are asked for: the ends of a 95 % interval then rest on 50 draws each."""


@dataclass(frozen=True, eq=False)
class UtilityDraws:
    """Draws of coefficients with the coding that they belong to.

    values: (draws, people, columns). Shares are averaged over the people of a draw; draws make the interval.
    A model without taste differences has one person per draw. sample_size: people behind the fit.
    weights: (draws, people), or (people,) for the same in every draw: how much each person counts in the average of a
    draw (default: all alike). They are scaled to sum to 1 in every draw.
    """

    values: FloatArray
    coding: Coding
    sample_size: int
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        values = values[:, None, :] if values.ndim == 2 else values
        columns = len(self.coding.columns)
        if values.ndim != 3 or values.shape[2] != columns or not values.size or not np.isfinite(values).all():
            found = f"has shape {np.shape(self.values)}, or values that are not finite"
            allowed = f"finite (draws, {columns}) or (draws, people, {columns})"
            raise DataError([Problem("utility draws", found, allowed, "give draws of every column of the coding")])
        object.__setattr__(self, "values", frozen(values))
        if self.weights is not None:
            object.__setattr__(self, "weights", frozen(_person_weights(self.weights, values.shape[:2])))

    def average(self, of_people: FloatArray) -> FloatArray:
        """(draws,) the weighted average over the people of each draw of something (draws, people)."""
        if self.weights is None:
            return np.asarray(of_people.mean(axis=1))
        return np.asarray((self.weights * of_people).sum(axis=1))


class UtilityModel(Protocol):
    """What the market asks of a fitted choice model: draws of what people want."""

    @property
    def coding(self) -> Coding:
        """How offers become columns."""

    @property
    def sample_size(self) -> int:
        """People (or choices, where people are not known) behind the fit."""

    def utility_draws(self, count: int, rng: np.random.Generator) -> UtilityDraws:
        """`count` draws. Where tastes differ, each is a population of new people, so that intervals carry the error
        of having asked these people and not others.
        """


class ChoiceModel(UtilityModel, Protocol):
    """A fitted choice model, whatever its kind."""

    @property
    def coefficients(self) -> dict[str, float]:
        """Name → value, in utility per unit; spreads of tastes have names of their own, such as `sd_price`."""

    @property
    def standard_errors(self) -> dict[str, float]:
        """Name → standard error; NaN where a coefficient has none."""

    @property
    def means(self) -> FloatArray:
        """(columns,) the average coefficient of each column of the coding over the population."""

    def mean_draws(self, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, columns) draws of `means`: how far they are known."""

    @property
    def log_likelihood(self) -> float:
        """Of the data that the model was fitted on."""

    def predict(self, data: ChoiceData, *, scale: float = 1.0) -> FloatArray:
        """(rows,) the probability of each alternative in its task, in the order of the source table's rows.

        `ChoiceData` has another order, by task: `data.in_task_order` puts them beside `data.starts` and `data.chosen`.
        """


UtilitySource: TypeAlias = UtilityModel | UtilityDraws


def draw_utilities(source: UtilitySource, *, draws: int = DRAWS, rng: Rng = 0, scale: float = 1.0) -> UtilityDraws:
    """Draw the coefficients of a model; draws that are given stay as they are, but for the scale.

    scale: factor on all utilities; above 1 the market is more decided than the answers, below 1 less.
    Raises DataError for a count below 1 or a scale that is not above 0.
    """
    check_source(source)
    if draws < 1 or not (np.isfinite(scale) and scale > 0):
        found = f"draws={draws}, scale={scale:g}"
        raise DataError([Problem("simulation", found, "at least 1 draw, a finite scale above 0", "correct them")])
    drawn = source if isinstance(source, UtilityDraws) else source.utility_draws(draws, np.random.default_rng(rng))
    return drawn if scale == 1.0 else replace(drawn, values=drawn.values * scale)


def check_scale(scale: float) -> None:
    """Raise DataError for a factor on utilities that is not above 0."""
    if not (np.isfinite(scale) and scale > 0):
        raise DataError([Problem("scale", f"is {scale:g}", "a finite number above 0", "correct it")])


def check_source(given: object) -> None:
    """Raise DataError, with how to make it, for what is neither a fitted model nor draws of one."""
    if not isinstance(given, UtilityDraws) and not (hasattr(given, "coding") and hasattr(given, "utility_draws")):
        do = "fit one first, such as fit_mnl(data) of data = ChoiceData.from_table(table, …)"
        raise wrong_kind("the model", given, allowed="a fitted model, or draws of its coefficients", do=do)


def _person_weights(weights: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    given = np.asarray(weights, dtype=np.float64)
    usable = given.shape in (shape, shape[1:]) and bool(np.isfinite(given).all() and (given >= 0).all())
    full = np.broadcast_to(given, shape) if usable else np.zeros(shape)
    sums = full.sum(axis=1, keepdims=True)
    if not (sums > 0).all():
        found = f"have shape {given.shape}, values that are negative or not finite, or only 0 in some draw"
        allowed = f"numbers of at least 0 of the shape {shape} or {shape[1:]}"
        raise DataError([Problem("weights of utility draws", found, allowed, "give a weight to each person")])
    return np.asarray(full / sums)
