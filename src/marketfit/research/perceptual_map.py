"""Perceptual maps: offers and attributes as points of one picture.

Correspondence analysis (Greenacre 1984) of a table of counts: offers lie near each other when their counts have like
profiles. PCA biplot (Gabriel 1971) of numbers, each attribute standardised: an attribute is an arrow with its
correlations with the axes, and offers lie far along the arrows of what they have much of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.errors import DataError, Problem
from marketfit.research.given import Flags, Floats

_NOTHING = 1e-12  # share of the total below which an axis is rounding


@dataclass(frozen=True, eq=False)
class PerceptualMap:
    """Points of the rows (rows, axes) and columns (columns, axes) of a table, and the inertia (axes,) of each axis.

    Axes go by falling inertia; the column that is farthest out on an axis is on its positive side, so that the same
    table always gives the same picture. A table of rows is standardised and multiplied by `loadings` to be placed.
    """

    rows: Floats
    columns: Floats
    inertia: Floats
    loadings: Floats
    centre: Floats
    scale: Floats
    profiles: bool

    @property
    def explained(self) -> Floats:
        """(axes,) the share of each axis in the total inertia, or variance."""
        return np.asarray(self.inertia / self.inertia.sum())

    def place(self, table: Floats) -> Floats:
        """(…, axes) where other rows (…, columns) of the same columns lie, without any say in the axes."""
        known = table / table.sum(axis=-1, keepdims=True) if self.profiles else (table - self.centre) / self.scale
        return np.asarray(known @ self.loadings)


def correspondence_analysis(table: Floats) -> PerceptualMap:
    """Map a table (rows, columns) of counts, rows and columns both in principal coordinates.

    Staff of a firm by how much they smoke (Greenacre 1984, table 3.1):

    >>> smokers = np.array([[4, 2, 3, 2], [4, 3, 7, 4], [25, 10, 12, 4], [18, 24, 33, 13], [10, 6, 7, 2.0]])
    >>> found = correspondence_analysis(smokers)
    >>> found.inertia.round(4), found.explained.round(3)
    (array([0.0748, 0.01  , 0.0004]), array([0.878, 0.118, 0.005]))

    Raises:
        DataError: every row and column without a count, negative numbers, or rows that all have the same profile.
    """
    problems = []
    if not (np.isfinite(table).all() and (table >= 0).all()):
        problems.append(Problem("table of counts", "holds negative or missing numbers", "counts", "correct them"))
    for axis, kind in ((1, "row"), (0, "column")):
        problems += [
            Problem(f"table of counts, {kind} {number + 1}", "has no counts", "at least one", "drop it")
            for number in np.flatnonzero(np.nansum(np.abs(table), axis=axis) == 0).tolist()
        ]
    if problems:
        raise DataError(problems)
    shares = table / table.sum()
    row, column = shares.sum(axis=1), shares.sum(axis=0)
    residual = (shares - np.outer(row, column)) / np.sqrt(np.outer(row, column))
    left, values, right = _axes(residual, "all rows have the same profile")
    standard = right / np.sqrt(column)[:, None]
    signs = _signs(standard * values)
    standard = standard * signs
    return PerceptualMap(
        rows=left * signs / np.sqrt(row)[:, None] * values,
        columns=standard * values,
        inertia=values**2,
        loadings=standard,
        centre=np.zeros(column.size),
        scale=np.ones(column.size),
        profiles=True,
    )


def pca_biplot(table: Floats) -> PerceptualMap:
    """Map a table (rows, columns) of numbers: columns are correlations, rows have a variance of 1 on every axis.

    >>> found = pca_biplot(np.array([[1.0, 10], [2, 30], [3, 20]]))  # a correlation of 1/2: variances 1 ± 1/2 of 2
    >>> found.explained
    array([0.75, 0.25])

    Raises:
        DataError: fewer than two rows, and every column that has the same number everywhere.
    """
    still = np.flatnonzero(~varying(table))
    if still.size:
        allowed, do = "numbers that differ between rows", "drop the column"
        raise DataError(
            [
                Problem(f"table, column {number + 1}", "has the same number everywhere", allowed, do)
                for number in still.tolist()
            ]
        )
    centre, spread = table.mean(axis=0), table.std(axis=0, ddof=1)
    standardised = (table - centre) / spread
    degrees = np.sqrt(len(table) - 1)
    left, values, right = _axes(standardised, "all rows are the same")
    signs = _signs(right * values)
    return PerceptualMap(
        rows=left * signs * degrees,
        columns=right * signs * values / degrees,
        inertia=values**2 / degrees**2,
        loadings=right * signs / values * degrees,
        centre=centre,
        scale=spread,
        profiles=False,
    )


def varying(table: Floats) -> Flags:
    """(columns,) whether a column has numbers that differ by more than rounding.

    >>> varying(np.array([[1.0, 2.0], [1.0, 3.0]]))
    array([False,  True])
    """
    return np.asarray(np.ptp(table, axis=0) > _NOTHING * np.abs(table).max(axis=0))


def _axes(matrix: Floats, nothing: str) -> tuple[Floats, Floats, Floats]:
    """Left vectors (rows, axes), singular values (axes,) and right vectors (columns, axes), of axes that carry any."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values**2 > _NOTHING * max(float((values**2).sum()), _NOTHING)
    if not kept.any():
        raise DataError([Problem("table", nothing, "rows that differ", "there is nothing to map")])
    return left[:, kept], values[kept], right[kept].T


def _signs(columns: Floats) -> Floats:
    """(axes,) 1 or −1, so that the column that is farthest out comes to the positive side; of equal ones the first."""
    size = np.abs(columns)
    first = (size > size.max(axis=0) * (1 - 1e-9)).argmax(axis=0)
    return np.asarray(np.where(columns[first, np.arange(columns.shape[1])] < 0, -1.0, 1.0))
