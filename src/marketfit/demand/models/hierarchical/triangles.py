"""Cholesky roots and inverses of small lower triangles, straight from LAPACK.

An iteration takes a dozen of them, of matrices so small that numpy's checks around each cost ten times its work.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from marketfit.demand.arrays import FloatArray


def lower_root(matrix: FloatArray) -> FloatArray:
    """(columns, columns) lower triangle L with L Lᵀ = matrix. Raises LinAlgError where there is none.

    >>> lower_root(np.array([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    root, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    lower: FloatArray = root
    return lower


def lower_inverse(triangle: FloatArray, *, unit: bool = False) -> FloatArray:
    """Inverse of a lower triangle whose upper part is 0; where it has none, not finite instead of an error.

    unit: whether its diagonal is 1.

    >>> lower_inverse(np.array([[2.0, 0.0], [1.0, 1.0]])).tolist()
    [[0.5, 0.0], [-0.5, 1.0]]
    """
    inverse, singular = dtrtri(triangle, lower=1, unitdiag=int(unit))
    lower: FloatArray = np.full_like(triangle, np.nan) if singular else inverse
    return lower
