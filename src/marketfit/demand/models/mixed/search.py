"""Maximise a simulated log-likelihood: first by the outer product of the scores (Berndt, Hall, Hall & Hausman 1974),
which is cheap and always points uphill, then by Newton's method with the exact Hessian, which ends fast."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.models.mixed.likelihood import Evaluation
from marketfit.errors import RunError

MOST_STEPS = 200
MOST_OUTER = 40
"""Steps by the outer product; when it is too large, they are too short."""
MOST_HALVINGS = 30
NEWTON_BELOW = 2.0
"""Gain (see `_Step`) from which on the exact Hessian is worth its price."""
POOR = 0.25
"""Share of the promised gain below which a step shows that the outer product is no good guide here."""
TOLERANCE = 1e-7
"""Gain that is no longer worth a step: every parameter is then within 0.0005 of its standard errors."""
DEFINITE = 1e-8
"""Smallest eigenvalue of the scaled information, against the largest, of a peak that is not flat in some direction."""
FLOOR = 1e-4
"""The least that eigenvalues, against the largest, are taken for where the information is not definite."""

Progress = Callable[[float], None]


class Objective(Protocol):
    """A log-likelihood with derivatives."""

    def evaluate(self, parameters: FloatArray, *, information: bool = False) -> Evaluation:
        """Value and scores, and the information where it is asked for."""


@dataclass(frozen=True, eq=False)
class Peak:
    """The maximum. information: (parameters, parameters) there. at_bound: (parameters,) which ones a bound holds."""

    parameters: FloatArray
    evaluation: Evaluation
    information: FloatArray
    at_bound: BoolArray


@dataclass(frozen=True, eq=False)
class _Step:
    """Where to go, and g'I⁻¹g / 2, the gain that it promises: half the gradient in the metric of the information."""

    direction: FloatArray
    gain: float
    definite: bool


def maximise(
    objective: Objective, start: FloatArray, bounds: tuple[FloatArray, FloatArray], progress: Progress
) -> Peak:
    """Maximise subject to lower ≤ parameters ≤ upper by projected steps (Bertsekas 1982), halved until the value rises
    enough (Armijo). progress: called with the fraction done.

    Raises RunError when no maximum is found, or one that is flat in some direction.
    """
    point, here = start, objective.evaluate(start)
    most, least, poor = 0.0, math.inf, False
    for number in range(MOST_STEPS):
        step = _step(point, here, bounds)
        if here.information is None and (poor or step.gain < NEWTON_BELOW or number == MOST_OUTER):
            here = objective.evaluate(point, information=True)
            step = _step(point, here, bounds)
        most, least = max(most, step.gain), min(least, step.gain)
        progress(_fraction(least, most))
        if here.information is not None and step.gain <= TOLERANCE:
            break
        moved = _climb(objective, point, here, step, bounds)
        if moved is None and here.information is not None:
            break
        poor = moved is None or moved[1].value - here.value < POOR * step.gain
        point, here = moved or (point, here)
    return _finish(objective, point, here, step, bounds)


def _finish(
    objective: Objective, point: FloatArray, here: Evaluation, step: _Step, bounds: tuple[FloatArray, FloatArray]
) -> Peak:
    """Take the last step unchecked: it only polishes."""
    if here.information is None or step.gain > TOLERANCE:
        raise RunError(
            f"the mixed logit did not converge (a step would still add {step.gain:.2g} to the log-likelihood); ask for "
            "more draws, make fewer coefficients random, or rescale attributes of extreme values"
        )
    if not step.definite:
        raise RunError(
            "the mixed logit has no single best fit: at its end the log-likelihood is flat in some direction, so these "
            "answers cannot tell all means and spreads apart; make fewer coefficients random, or ask for more draws"
        )
    parameters = np.clip(point + step.direction, *bounds)
    evaluation = objective.evaluate(parameters, information=True)
    assert evaluation.information is not None
    lower, upper = bounds
    return Peak(parameters, evaluation, evaluation.information, (parameters <= lower) | (parameters >= upper))


def _step(point: FloatArray, here: Evaluation, bounds: tuple[FloatArray, FloatArray]) -> _Step:
    """By the Hessian where it is known, else by the outer product; uphill even where the Hessian is not definite."""
    gradient = here.scores.sum(axis=0)
    lower, upper = bounds
    free = np.flatnonzero(~(((point <= lower) & (gradient < 0)) | ((point >= upper) & (gradient > 0))))
    spread = np.diag(here.outer)[free]
    unit = 1 / np.sqrt(np.maximum(spread, np.finfo(np.float64).tiny + 1e-12 * spread.max(initial=0.0)))
    information = here.outer if here.information is None else here.information
    values, vectors = np.linalg.eigh(information[np.ix_(free, free)] * np.outer(unit, unit))
    size = np.abs(values)
    definite = bool((values > DEFINITE * size.max(initial=0.0)).all())
    if not definite:
        size = np.maximum(size, FLOOR * size.max())
    direction = np.zeros(gradient.size)
    direction[free] = unit * (vectors @ ((vectors.T @ (unit * gradient[free])) / size))
    return _Step(direction, float(gradient @ direction) / 2, definite)


def _climb(
    objective: Objective, point: FloatArray, here: Evaluation, step: _Step, bounds: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, Evaluation] | None:
    """The first of the full, half, quarter … step that raises the value enough; None when none does."""
    gradient = here.scores.sum(axis=0)
    length = 1.0
    for _ in range(MOST_HALVINGS):
        trial = np.clip(point + length * step.direction, *bounds)
        there = objective.evaluate(trial, information=here.information is not None)
        if there.value >= here.value + 1e-4 * float(gradient @ (trial - point)):
            return trial, there
        length /= 2
    return None


def _fraction(gain: float, most: float) -> float:
    """How much of the way is done, when each step takes a like share of the logarithm of the gain."""
    if gain <= TOLERANCE:
        return 1.0
    return 1.0 - math.log(gain / TOLERANCE) / math.log(most / TOLERANCE)
