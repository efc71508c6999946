"""Newton's method for a concave function on a box (Bertsekas 1982: projected Newton); without bounds, plain Newton."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.models.likelihood import Evaluation, Likelihood

MOST_STEPS = 100
MOST_HALVINGS = 40
TOLERANCE = 1e-12  # of half the squared Newton decrement, relative to the value: the gain that is still to be had


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended. at_bound: (columns,) coefficients that a bound holds.

    information: (columns, columns) minus the Hessian there.
    """

    coefficients: FloatArray
    value: float
    information: FloatArray
    at_bound: BoolArray
    converged: bool
    steps: int


def maximise(
    likelihood: Likelihood, lower: FloatArray, upper: FloatArray, *, scales: FloatArray | None = None
) -> Optimum:
    """Maximise the log-likelihood subject to lower ≤ coefficients ≤ upper, (columns,) each, 0 or infinite.

    The search starts at 0. Steps are halved until the likelihood rises enough (Armijo).
    scales: (columns,) how much each column varies (default: all alike); they level the equations to be solved.
    """
    scales = np.ones(lower.size) if scales is None else scales
    point, here = np.zeros(lower.size), likelihood.at_zero
    for step in range(1, MOST_STEPS + 1):
        held = held_at(point, here.gradient, lower, upper)
        level = here.information / np.outer(scales, scales)
        direction = ascent(here.gradient / scales, level, held) / scales
        gain = float(here.gradient @ direction) / 2
        if gain <= TOLERANCE * max(1.0, abs(here.value)):
            # The gain is below the rounding of the value: take the last step unchecked, it only polishes.
            point = np.clip(point + direction, lower, upper)
            return _optimum(likelihood.evaluate(point), point, (lower, upper), step, converged=True)
        moved = _halve(likelihood, point, here, direction, (lower, upper))
        if moved is None:
            break
        point, here = moved
    return _optimum(here, point, (lower, upper), step, converged=False)


def _optimum(
    here: Evaluation, point: FloatArray, bounds: tuple[FloatArray, FloatArray], steps: int, *, converged: bool
) -> Optimum:
    at_bound = (point <= bounds[0]) | (point >= bounds[1])
    return Optimum(point, here.value, here.information, at_bound, converged, steps)


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
    here: Evaluation,
    direction: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, Evaluation] | None:
    """The first of the full, half, quarter … step that raises the likelihood enough; None when none does."""
    length = 1.0
    for _ in range(MOST_HALVINGS):
        trial = np.clip(point + length * direction, *bounds)
        reached = likelihood.evaluate(trial)
        if reached.value >= here.value + 1e-4 * float(here.gradient @ (trial - point)):
            return trial, reached
        length /= 2
    return None
