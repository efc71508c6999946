"""Whether the data can tell the coefficients apart, and whether the best ones are finite."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.likelihood import Likelihood
from marketfit.demand.models.newton import Optimum
from marketfit.errors import DataError, Problem

DEPENDENT = 1e-9
"""Smallest eigenvalue, of a correlation matrix, below which its columns count as dependent."""
SUSPICIOUS = 1e-6
"""Fall of the smallest eigenvalue of the information, against that at zero, that calls for the exact check."""


def column_scales(likelihood: Likelihood, columns: tuple[str, ...]) -> FloatArray:
    """(columns,) the root mean square by which each column varies within tasks.

    Raises DataError for columns that do not vary within any task, and for columns that depend on each other there:
    only differences within a task can explain a choice (Train 2009, section 2.5).
    """
    information = likelihood.at_zero.information / likelihood.weights.sum()
    variances = np.diag(information)
    sizes = np.einsum("rk,rk->k", likelihood.design, likelihood.design) / likelihood.design.shape[0]
    constant = variances <= 1e-20 * sizes
    problems = [
        Problem(
            where=f"column '{name}'",
            found="does not vary within any task, so no choice depends on it",
            allowed="columns that differ between the alternatives of a task",
            do="drop it, or cross it with something that varies",
        )
        for name, same in zip(columns, constant, strict=True)
        if same
    ]
    scales = np.sqrt(np.where(constant, 1.0, variances))
    varied = np.flatnonzero(~constant)
    correlation = (information / np.outer(scales, scales))[np.ix_(varied, varied)]
    eigenvalues, vectors = np.linalg.eigh(correlation)
    tied = np.abs(vectors[:, eigenvalues < DEPENDENT]).max(axis=1, initial=0.0) > 1e-4
    if tied.any():
        names = ", ".join(f"'{columns[index]}'" for index in varied[tied].tolist())
        problems.append(
            Problem(
                where=f"columns {names}",
                found="are linearly dependent within the tasks, so their effects cannot be told apart",
                allowed="independent columns",
                do="drop one of them (a constant for each brand and brand levels say the same)",
            )
        )
    if problems:
        raise DataError(problems)
    return scales


def check_finite(
    likelihood: Likelihood, optimum: Optimum, columns: tuple[str, ...], bounds: tuple[FloatArray, FloatArray]
) -> None:
    """Raise DataError when some columns predict choices without exception, so that no best coefficient is finite.

    The information at the estimate has then all but vanished in some direction; only then is the exact check run.
    bounds: lower and upper, (columns,) each.
    """
    start, end = likelihood.at_zero.information, optimum.information
    scales = np.sqrt(np.diag(start))
    smallest = [np.linalg.eigvalsh(matrix / np.outer(scales, scales))[0] for matrix in (start, end)]
    if smallest[1] <= SUSPICIOUS * smallest[0]:
        raise_if_separated(likelihood.scaled(scales / np.sqrt(likelihood.weights.sum())), columns, bounds)


def raise_if_separated(likelihood: Likelihood, columns: tuple[str, ...], bounds: tuple[FloatArray, FloatArray]) -> None:
    """Exact check for (quasi-)complete separation by a linear programme (Albert & Anderson 1984; Konis 2007).

    It looks for a direction in which no chosen alternative falls behind and some get ahead for ever.
    likelihood: with columns of like scale.
    """
    from scipy import optimize

    ahead = np.repeat(likelihood.design[likelihood.chosen], likelihood.sizes, axis=0) - likelihood.design
    counted = np.repeat(likelihood.weights > 0, likelihood.sizes)
    ahead = np.unique(ahead[counted], axis=0)
    lower, upper = (np.clip(bound, -1.0, 1.0) for bound in bounds)
    result = optimize.linprog(
        -ahead.sum(axis=0),
        A_ub=-ahead,
        b_ub=np.zeros(ahead.shape[0]),
        bounds=list(zip(lower.tolist(), upper.tolist(), strict=True)),
        method="highs",
    )
    if result.x is None or result.fun is None or -result.fun < 1e-7:
        return
    problems = [
        Problem(
            where=f"column '{name}'",
            found="together with the other columns named here, it predicts choices without exception, "
            "so its best coefficient is infinite",
            allowed="columns with some choices for and some against",
            do="drop or merge it, bound it by `signs`, or collect more answers",
        )
        for name, part in zip(columns, result.x, strict=True)
        if abs(part) > 1e-7
    ]
    raise DataError(problems)
