"""How much the answers to a design will tell of the coefficients, and which of them it cannot tell apart."""

from __future__ import annotations

import math

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.information import information, log_determinants, mean_d_error
from marketfit.demand.designs.prior import Prior
from marketfit.demand.models.identification import DEPENDENT
from marketfit.errors import DataError, Problem


def d_error(design: ChoiceDesign, prior: Prior) -> float:
    """det(information per respondent)^(−1/columns), the mean over the prior's draws (Sándor & Wedel 2001).

    A respondent answers one version; the information is the average over versions. Smaller is better: half the error
    is worth twice the respondents. Infinite when the design cannot tell all coefficients apart.
    """
    rows = Rows.of(design.space, prior.coding)
    if unidentified_columns(design, rows):
        return math.inf
    return mean_d_error(log_determinants(per_respondent(design, rows, prior.draws)), len(prior.coding.columns))


def per_respondent(design: ChoiceDesign, rows: Rows, draws: FloatArray) -> FloatArray:
    """(draws, columns, columns) the information that one respondent's answers carry, the average over versions."""
    tasks = design.codes.reshape(-1, *design.codes.shape[2:])
    return information(rows(tasks), draws, none=design.space.none) / design.space.versions


def variances(matrices: FloatArray) -> FloatArray:
    """(draws, columns) the variance of every coefficient, from information (draws, columns, columns)."""
    return np.asarray(np.diagonal(np.linalg.inv(matrices), axis1=1, axis2=2))


def unidentified_columns(design: ChoiceDesign, rows: Rows) -> tuple[str, ...]:
    """Columns that do not vary within tasks, or depend on each other there; no number of answers tells them apart.

    Which ones does not depend on the coefficients, since every alternative has some chance of being chosen.
    """
    columns = rows.coding.columns
    matrix = per_respondent(design, rows, np.zeros((1, len(columns))))[0]
    return tuple(columns[index] for index in np.flatnonzero(_tied(matrix, rows.spans())).tolist())


def _tied(matrix: FloatArray, spans: FloatArray) -> BoolArray:
    """(columns,) whether a column is constant or takes part in a linear dependence."""
    variance = np.diag(matrix)
    tied = np.asarray(variance <= 1e-20 * spans**2, dtype=np.bool_)
    varied = np.flatnonzero(~tied)
    scales = np.sqrt(variance[varied])
    eigenvalues, vectors = np.linalg.eigh(matrix[np.ix_(varied, varied)] / np.outer(scales, scales))
    tied[varied] = np.abs(vectors[:, eigenvalues < DEPENDENT]).max(axis=1, initial=0.0) > 1e-4
    return tied


def interaction_identified(design: ChoiceDesign, rows: Rows, pair: tuple[str, str]) -> bool:
    """Whether the two-way interaction of two attributes, one coefficient for each pair of levels but the first ones,
    can be told apart from the effects of the coding.
    """
    one, other = (design.space.names.index(name) for name in pair)
    tasks = design.codes.reshape(-1, *design.codes.shape[2:])
    levels = [np.arange(1, design.space.sizes[index]) for index in (one, other)]
    products = (tasks[..., one, None] == levels[0])[..., :, None] & (tasks[..., other, None] == levels[1])[..., None, :]
    every = np.concatenate([rows(tasks) / rows.spans(), products.reshape(*tasks.shape[:2], -1)], axis=-1)
    matrix = information(every, np.zeros((1, every.shape[-1])), none=design.space.none)[0]
    return not _tied(matrix, np.ones(len(matrix)))[len(rows.coding.columns) :].any()


def check_identified(design: ChoiceDesign, rows: Rows) -> None:
    """Raise DataError when the design cannot tell all coefficients apart."""
    tied = unidentified_columns(design, rows)
    if tied:
        raise DataError(
            [
                Problem(
                    where=f"columns {', '.join(tied)}",
                    found="cannot be told apart by the best design that was found",
                    allowed="coefficients that vary independently within tasks",
                    do="prohibit less, code these attributes more simply, or drop one of them",
                )
            ]
        )


def check_room(shape: tuple[int, int, int, int], columns: tuple[str, ...], *, none: bool) -> None:
    """Raise DataError when the tasks are too few for the coefficients, whatever they show."""
    versions, tasks, alternatives, _ = shape
    comparisons = versions * tasks * (alternatives - 1 + none)
    if comparisons < len(columns):
        found = f"compare alternatives {comparisons} times, for {len(columns)} coefficients"
        do = "ask more tasks or versions, or code attributes more simply"
        raise DataError([Problem("tasks", found, "at least one comparison for each coefficient", do)])
