"""What a respondent's answers so far say of their coefficients: a normal approximation at the posterior mode.

Prior and covariance are carried as coefficients = mean + root · z with z standard normal, so that coefficients which
the prior fixes stay fixed.
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray

MOST_STEPS, MOST_HALVINGS, TOLERANCE = 50, 30, 1e-10


def laplace(
    mean: FloatArray, covariance: FloatArray, rows: FloatArray, chosen: IntArray, *, none: bool
) -> tuple[FloatArray, FloatArray]:
    """Mode (columns,) and covariance (columns, columns) after answers to tasks, under a normal prior.

    rows: (tasks, alternatives, columns), from the none option where there is one; chosen: (tasks,) places, the none
    option after the last. Newton's method on the log posterior, which is concave; the covariance is the inverse of
    its curvature there (Tierney & Kadane 1986).
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-12 * max(float(values.max(initial=0.0)), 1e-300)
    root = vectors[:, kept] * np.sqrt(values[kept])
    if none:  # a row of its own, so that it can be chosen
        rows = np.concatenate([rows, np.zeros((len(rows), 1, rows.shape[2]))], axis=1)
    at_mean, design = rows @ mean, rows @ root
    point = np.zeros(root.shape[1])
    value, gradient, curvature = _derivatives(point, at_mean, design, chosen)
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < TOLERANCE:
            break
        length = 1.0
        for _ in range(MOST_HALVINGS):
            reached = _derivatives(point + length * step, at_mean, design, chosen)
            if reached[0] >= value:
                break
            length /= 2
        point = point + length * step
        value, gradient, curvature = reached
    return mean + root @ point, root @ np.linalg.solve(curvature, root.T)


def _derivatives(
    point: FloatArray, at_mean: FloatArray, design: FloatArray, chosen: IntArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log posterior, gradient, and minus the Hessian, in standard coordinates."""
    utilities = at_mean + design @ point
    utilities = utilities - utilities.max(axis=1, keepdims=True)
    odds = np.exp(utilities)
    chances = odds / odds.sum(axis=1, keepdims=True)
    every = np.arange(len(chosen))
    value = float(np.log(chances[every, chosen]).sum() - point @ point / 2)
    means = np.einsum("tj,tjk->tk", chances, design)
    gradient = (design[every, chosen] - means).sum(axis=0) - point
    spread = (np.sqrt(chances)[..., None] * (design - means[:, None])).reshape(-1, point.size)
    return value, gradient, spread.T @ spread + np.eye(point.size)
