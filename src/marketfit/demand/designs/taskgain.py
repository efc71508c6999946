"""The expected D-error of a design when one task is changed, for many changes of that task at once.

By the matrix determinant lemma, det(A + ZᵀZ) = det(A) · det(I + Z A⁻¹ Zᵀ): with A the information of all other tasks,
inverted once, a change of the task costs a determinant as small as the task.
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray


def d_errors(rows: FloatArray, tasks: IntArray, draws: FloatArray, others: FloatArray, *, none: bool) -> FloatArray:
    """(tasks,) the D_B-error of the other tasks together with each of these tasks.

    rows: (rows, columns) of alternatives; tasks: (tasks, alternatives) places in `rows`; draws: (draws, columns);
    others: (draws, columns, columns) the information of the other tasks, which must not be singular.
    """
    inverses = np.asarray(np.linalg.inv(others), dtype=np.float64)
    logs = np.linalg.slogdet(others)[1][:, None] + log_gains(rows, tasks, draws, inverses, none=none)
    return np.asarray(np.exp(-logs / draws.shape[1]).mean(axis=0))


def log_gains(rows: FloatArray, tasks: IntArray, draws: FloatArray, inverses: FloatArray, *, none: bool) -> FloatArray:
    """(draws, tasks) by how much each task raises the log determinant of the information.

    inverses: (draws, columns, columns), of the information so far; the other arguments as in `d_errors`.
    """
    count = tasks.shape[1]
    chances = _chances(draws @ rows.T, tasks, none=none)
    products = rows @ inverses  # (draws, rows, columns)
    # Inner products of the alternatives of each task, G = X A⁻¹ Xᵀ, by pairs: each entry is (draws, tasks).
    inner = [
        [np.einsum("rtk,tk->rt", products[:, tasks[:, j]], rows[tasks[:, i]]) for i in range(j + 1)]
        for j in range(count)
    ]
    full = [[inner[max(i, j)][min(i, j)] for i in range(count)] for j in range(count)]
    with_mean = [sum(chances[i] * full[j][i] for i in range(count)) for j in range(count)]
    mean = sum(chances[j] * with_mean[j] for j in range(count))
    roots = [np.sqrt(chance) for chance in chances]
    # I + Z G Zᵀ with rows of Z centred at the task's mean and weighted by the roots of the chances.
    matrix = [
        [roots[i] * roots[j] * (full[j][i] - with_mean[i] - with_mean[j] + mean) + (i == j) for i in range(j + 1)]
        for j in range(count)
    ]
    if none:  # the none option is at 0, so that its products with all alternatives are 0 before centring
        root = np.sqrt(np.clip(1.0 - sum(chances), 0.0, None))
        matrix.append([*(roots[i] * root * (mean - with_mean[i]) for i in range(count)), root * root * mean + 1.0])
    return _log_determinant(matrix)


def _chances(utilities: FloatArray, tasks: IntArray, *, none: bool) -> list[FloatArray]:
    """Per alternative, (draws, tasks) the chance that it is chosen; utilities: (draws, rows)."""
    own = [utilities[:, tasks[:, place]] for place in range(tasks.shape[1])]
    highest = own[0] if not none else np.maximum(own[0], 0.0)
    for utility in own[1:]:
        highest = np.maximum(highest, utility)
    odds = [np.exp(utility - highest) for utility in own]
    total = sum(odds[1:], odds[0]) if not none else sum(odds, np.exp(-highest))
    return [odd / total for odd in odds]


def _log_determinant(lower: list[list[FloatArray]]) -> FloatArray:
    """Log determinant of positive definite matrices, given and destroyed as lists of entries of the lower triangle."""
    log = np.zeros_like(lower[0][0])
    for k, row in enumerate(lower):
        pivot = row[k]
        log += np.log(pivot)
        for j in range(k + 1, len(lower)):
            factor = lower[j][k] / pivot
            for i in range(k + 1, j + 1):
                lower[j][i] = lower[j][i] - factor * lower[i][k]
    return log
