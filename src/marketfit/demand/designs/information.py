"""The information that answers to tasks carry on the coefficients of a multinomial logit, over draws of the latter.

For one task with alternatives x_j chosen with probability p_j it is Σ p_j (x_j − x̄)(x_j − x̄)ᵀ with x̄ = Σ p_j x_j
(McFadden 1974). Alternatives are measured from the none option where there is one, whose own row is then 0.
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray

BLOCK = 1 << 21  # numbers that are held at once


def probabilities(rows: FloatArray, draws: FloatArray, *, none: bool) -> FloatArray:
    """(draws, tasks, alternatives) the chance of every alternative but none; with none they sum to less than 1.

    rows: (tasks, alternatives, columns), draws: (draws, columns).
    """
    utilities = np.tensordot(draws, rows, axes=(1, 2))
    highest = utilities.max(axis=-1, keepdims=True)
    if none:
        highest = np.maximum(highest, 0.0)
    odds = np.exp(utilities - highest)
    total = odds.sum(axis=-1, keepdims=True)
    if none:
        total = total + np.exp(-highest)
    return np.asarray(odds / total)


def information(rows: FloatArray, draws: FloatArray, *, none: bool) -> FloatArray:
    """(draws, columns, columns) the information of all tasks together, at every draw.

    rows: (tasks, alternatives, columns); draws: (draws, columns).
    """
    tasks, alternatives, columns = rows.shape
    found = np.empty((draws.shape[0], columns, columns))
    flat = rows.reshape(-1, columns)
    step = max(1, BLOCK // max(1, tasks * (alternatives + 1) * columns))
    for begin in range(0, draws.shape[0], step):
        chances = probabilities(rows, draws[begin : begin + step], none=none)
        # Around the task's mean, with the none option at 0 where it is: sums of squares, so never indefinite.
        means = np.einsum("rtj,tjk->rtk", chances, rows)
        spread = rows[None] - means[:, :, None]
        spread *= np.sqrt(chances)[..., None]
        spread = spread.reshape(spread.shape[0], *flat.shape)
        block = spread.transpose(0, 2, 1) @ spread
        if none:
            means *= np.sqrt(np.clip(1.0 - chances.sum(axis=-1), 0.0, None))[..., None]
            block += means.transpose(0, 2, 1) @ means
        found[begin : begin + step] = block
    return found


def log_determinants(matrices: FloatArray) -> FloatArray:
    """(…,) log determinants of symmetric matrices; −inf where one is singular to rounding."""
    scales = np.sqrt(np.einsum("...kk->...k", matrices))
    usable = (scales > 0).all(axis=-1)
    safe = np.where(scales > 0, scales, 1.0)
    eigenvalues = np.linalg.eigvalsh(matrices / (safe[..., :, None] * safe[..., None, :]))
    usable &= eigenvalues[..., 0] > 1e-11 * matrices.shape[-1]
    logs = np.log(np.clip(eigenvalues, 1e-300, None)).sum(axis=-1) + 2 * np.log(safe).sum(axis=-1)
    return np.asarray(np.where(usable, logs, -np.inf))


def mean_d_error(log_determinant: FloatArray, columns: int) -> float:
    """The mean over draws of det(information)^(−1/columns): the D_B-error of Sándor & Wedel (2001)."""
    with np.errstate(over="ignore"):
        return float(np.exp(-log_determinant / columns).mean())
