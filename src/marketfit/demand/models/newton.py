"""Newton's method for a concave function on a box (Bertsekas 1982: projected Newton); without bounds, plain Newton."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.models.likelihood import Likelihood

MOST_STEPS = 100
MOST_HALVINGS = 40
TOLERANCE = 1e-12  # of half the squared Newton decrement, relative to the value: the gain that is still to be had


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended. at_bound: (columns,) coefficients that a bound holds."""

    coefficients: FloatArray
    value: float
    at_bound: BoolArray
    converged: bool
    steps: int


def maximise(likelihood: Likelihood, lower: FloatArray, upper: FloatArray) -> Optimum:
    """Maximise the log-likelihood subject to lower ≤ coefficients ≤ upper, (columns,) each, with 0 inside.

    Steps are halved until the likelihood rises enough (Armijo). Columns should be of like scale.
    """
    point = np.zeros(lower.size)
    value = likelihood.value(point)
    for step in range(1, MOST_STEPS + 1):
        gradient, information = likelihood.derivatives(point)
        held = held_at(point, gradient, lower, upper)
        direction = ascent(gradient, information, held)
        gain = float(gradient @ direction) / 2
        if gain <= TOLERANCE * max(1.0, abs(value)):
            # The gain is below the rounding of the value: take the last step unchecked, it only polishes.
            point = np.clip(point + direction, lower, upper)
            at_bound = (point <= lower) | (point >= upper)
            return Optimum(point, likelihood.value(point), at_bound, True, step)
        moved = _halve(likelihood, point, value, gradient, direction, (lower, upper))
        if moved is None:
            break
        point, value = moved
    return Optimum(point, value, (point <= lower) | (point >= upper), False, step)


def held_at(point: FloatArray, gradient: FloatArray, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """(columns,) coefficients at a bound that the likelihood pushes outwards."""
    held: BoolArray = ((point <= lower) & (gradient < 0)) | ((point >= upper) & (gradient > 0))
    return held


def ascent(gradient: FloatArray, information: FloatArray, held: BoolArray) -> FloatArray:
    """(columns,) the Newton direction of the coefficients that no bound holds; 0 for the others."""
    free = ~held
    direction = np.zeros(gradient.size)
    if free.any():
        # Least squares, because under separation the information fades to zero while the search runs off.
        direction[free] = np.linalg.lstsq(information[np.ix_(free, free)], gradient[free], rcond=None)[0]
    return direction


def _halve(
    likelihood: Likelihood,
    point: FloatArray,
    value: float,
    gradient: FloatArray,
    direction: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, float] | None:
    """The first of the full, half, quarter … step that raises the likelihood enough; None when none does."""
    length = 1.0
    for _ in range(MOST_HALVINGS):
        trial = np.clip(point + length * direction, *bounds)
        reached = likelihood.value(trial)
        if reached >= value + 1e-4 * float(gradient @ (trial - point)):
            return trial, reached
        length /= 2
    return None
