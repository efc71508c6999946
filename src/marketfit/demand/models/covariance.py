"""Covariance of the coefficients: classical, robust to misspecification, and clustered by respondent.

Which kind is used where is the same for every fit by maximum likelihood. `standard_errors` are classical, as published
tables print them, unless `errors` asks for another kind. What decides rests on the most cautious kind that the data
allow, clustered before robust before classical, because the tasks of one person are not independent: `mean_covariance`,
`mean_draws` and `utility_draws`, hence willingness to pay, shares, prices and segments. A summary shows both kinds.
`errors` makes both the same. A result names them: `errors` and `interval_errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.errors import DataError, Problem

Errors: TypeAlias = Literal["classical", "robust", "clustered"]


def covariances(
    information: FloatArray, scores: FloatArray, respondent: IntArray | None, free: BoolArray
) -> Mapping[Errors, FloatArray]:
    """The covariance matrices, (columns, columns) each; rows and columns of coefficients that are not free are 0.

    information: (columns, columns); scores: (tasks, columns); respondent: (tasks,) sorted, or None, which gives
    no clustered one; free: (columns,).

    With H the information and s_g the summed score of group g of G: H⁻¹, and H⁻¹ [G/(G−1) Σ s_g s_gᵀ] H⁻¹, where the
    groups are tasks (robust: Huber 1967; White 1982) or respondents (clustered: Liang & Zeger 1986).
    """
    bread = np.asarray(np.linalg.inv(information[np.ix_(free, free)]), dtype=np.float64)
    found: dict[Errors, FloatArray] = {"classical": bread}
    if scores.shape[0] > 1:
        found["robust"] = _sandwich(bread, scores[:, free])
    if respondent is not None:
        first = np.flatnonzero(np.diff(respondent, prepend=-1))
        if first.size > 1:
            found["clustered"] = _sandwich(bread, np.add.reduceat(scores[:, free], first, axis=0))
    return {kind: _spread(matrix, free) for kind, matrix in found.items()}


def error_kinds(found: Mapping[Errors, FloatArray], wanted: Errors | None) -> tuple[Errors, Errors]:
    """The kinds of `standard_errors` and of what decides. Raises DataError when the wanted one is not to be had."""
    if wanted is None:
        order: tuple[Errors, ...] = ("clustered", "robust", "classical")
        return "classical", next(kind for kind in order if kind in found)
    if wanted not in found:
        allowed = "allowed here: " + ", ".join(found)
        do = "name the respondent column, or ask for another kind"
        raise DataError([Problem("errors", f"{wanted!r} is not to be had from these data", allowed, do)])
    return wanted, wanted


def _sandwich(bread: FloatArray, group_scores: FloatArray) -> FloatArray:
    groups = group_scores.shape[0]
    half = group_scores @ bread
    covariance: FloatArray = groups / (groups - 1) * (half.T @ half)
    return covariance


def _spread(matrix: FloatArray, free: BoolArray) -> FloatArray:
    full = np.zeros((free.size, free.size))
    full[np.ix_(free, free)] = (matrix + matrix.T) / 2
    return full


def normal_draws(mean: FloatArray, covariance: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """(count, columns) draws from a normal distribution; a covariance that is singular is no obstacle."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    drawn = mean + rng.standard_normal((count, mean.size)) @ root.T
    # What has no variance stays where it is, to the last bit: a coefficient at its bound.
    return np.where(np.diag(covariance) > 0, drawn, mean)
