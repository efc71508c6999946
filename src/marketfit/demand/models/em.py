"""Run EM on a mixture of logits, and climb the last stretch by Newton's method on the mixture itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.models.mixture import (
    Bounds,
    Mixture,
    bounds_of_all,
    derivatives,
    em_step,
    moved,
    newton_step,
    parameters_of,
)
from marketfit.demand.models.newton import MOST_HALVINGS, TOLERANCE, held_at
from marketfit.demand.models.panel import Panel
from marketfit.errors import RunError

SLOW = 1e-6  # gain of an EM step, relative to the log-likelihood, below which Newton's method takes over
MOST_EM_STEPS = 1000
MOST_CLIMBS = 200  # steps, of Newton's method and of EM where that leads nowhere
FLAT = 1e-8  # least curvature, of parameters scaled to unit curvature, that a step divides by
LONGEST = 8.0  # change of a coefficient, of a column of unit scale, in one step
ROUNDING = 1e-10  # of the log-likelihood, relative: what a fall may be for no other reason
STANDSTILL, STILL = 1e-13, 10  # gain, relative, and climbs in a row that gain no more: on a ridge without an end
EM_BETWEEN = 10  # steps of EM where Newton's leads nowhere, which takes as long to find out


@dataclass(frozen=True, eq=False)
class Run:
    """A run from one start. path: log-likelihood after each step; it never falls."""

    mixture: Mixture
    path: tuple[float, ...]
    converged: bool


def begin(panel: Panel, membership: FloatArray, coefficients: FloatArray, bounds: Bounds) -> Run:
    """The mixture that follows from a first membership (classes, people): an M step from coefficients (columns,)."""
    weights = membership * panel.weights
    same = np.tile(coefficients, (membership.shape[0], 1))
    stepped = newton_step(panel, same, panel.chances(same), weights, bounds)
    mixture = Mixture.at(panel, stepped, weights.sum(axis=1) / panel.weights.sum())
    return Run(mixture, (mixture.log_likelihood,), False)


def run_em(panel: Panel, run: Run, bounds: Bounds, *, most: int, slow: float = SLOW) -> Run:
    """Continue with at most `most` steps of EM, until a step gains little."""
    mixture, path = run.mixture, list(run.path)
    for _ in range(most):
        mixture = em_step(panel, mixture, bounds)
        _append(path, mixture.log_likelihood)
        if path[-1] - path[-2] <= slow * abs(path[-1]):
            break
    return Run(mixture, tuple(path), False)


def climb(panel: Panel, run: Run, bounds: Bounds) -> Run:
    """Continue to the maximum by Newton's method on the mixture itself, with an EM step where that leads nowhere.

    EM alone crawls at the end: its steps gain a constant fraction of what is left. Converged is where the mixture is
    concave and half the squared Newton decrement is below the rounding of the log-likelihood. A search that has come to
    a standstill elsewhere, on a ridge of a mixture that the choices do not tell apart, ends without having converged.
    """
    mixture, path = run.mixture, list(run.path)
    length, still, most = 1.0, 0, len(path) + MOST_CLIMBS
    while len(path) < most and mixture.shares.all():  # one that has died out has no log-odds
        scores, information = derivatives(panel, mixture)
        gradient, point = scores.sum(axis=0), parameters_of(mixture)
        lower, upper = bounds_of_all(mixture, bounds)
        direction, concave = _ascent(gradient, information, ~held_at(point, gradient, lower, upper))
        if concave and float(gradient @ direction) / 2 <= TOLERANCE * max(1.0, abs(path[-1])):
            polished = moved(panel, mixture, np.clip(point + direction, lower, upper))
            if polished.log_likelihood >= path[-1]:  # on a ridge that is concave by its last bits, the step leads off
                mixture = polished
                path.append(mixture.log_likelihood)
            return Run(mixture, tuple(path), True)
        reached, length = _halve(panel, mixture, gradient, direction, (lower, upper), length)
        for _ in range(EM_BETWEEN if reached is None else 1):
            risen = em_step(panel, mixture, bounds) if reached is None else reached
            gain = risen.log_likelihood - path[-1]
            still = still + 1 if gain <= STANDSTILL * abs(path[-1]) else 0
            if still == STILL or (gain < 0 and still > 1):  # twice not even EM found a way up: the last bits decide
                return Run(mixture, tuple(path), False)
            mixture = risen
            _append(path, mixture.log_likelihood)
    return Run(mixture, tuple(path), False)


def _append(path: list[float], value: float) -> None:
    if not value >= path[-1] - ROUNDING * abs(path[-1]):
        raise RunError(
            f"a step of EM lowered the log-likelihood from {path[-1]!r} to {value!r}: this is a fault of ours"
        )
    path.append(value)


def _ascent(gradient: FloatArray, information: FloatArray, free: BoolArray) -> tuple[FloatArray, bool]:
    """The Newton direction of the free parameters, and whether the mixture is concave in them.

    Where it is not, curvatures count by their size, so that the direction leads up and away from a saddle (Nocedal &
    Wright 2006, section 3.4). They are those of parameters scaled to unit curvature.
    """
    sizes = np.sqrt(np.abs(np.diag(information)[free]))
    scales = 1 / np.where(sizes > 0, sizes, 1.0)
    curvatures, vectors = np.linalg.eigh(information[np.ix_(free, free)] * np.outer(scales, scales))
    along = vectors.T @ (gradient[free] * scales)
    direction = np.zeros(gradient.size)
    direction[free] = scales * (vectors @ (along / np.maximum(np.abs(curvatures), FLAT)))
    longest = float(np.abs(direction).max(initial=0.0))
    return direction * min(1.0, LONGEST / max(longest, LONGEST)), bool(curvatures.min(initial=1.0) > 0)


def _halve(
    panel: Panel, mixture: Mixture, gradient: FloatArray, direction: FloatArray, bounds: Bounds, length: float
) -> tuple[Mixture | None, float]:
    """The first of the steps of this length, half of it, … that raises the likelihood enough, or None when none does;
    and how long the next step may be: on a ridge the full one leads nowhere, time after time.
    """
    point = parameters_of(mixture)
    for _ in range(MOST_HALVINGS):
        trial = np.clip(point + length * direction, *bounds)
        reached = moved(panel, mixture, trial)
        if reached.log_likelihood >= mixture.log_likelihood + 1e-4 * float(gradient @ (trial - point)):
            return reached, min(1.0, 4 * length)
        length /= 2
    return None, 1.0
