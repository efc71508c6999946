"""Spreads and correlations of tastes, from the factor of their covariance, with derivatives."""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.mixed.tastes import Tastes


def spread_names(tastes: Tastes) -> tuple[str, ...]:
    """`sd_<column>` for each random column, then `cor_<column>:<column>` for each pair that may be correlated."""
    names = tastes.names
    pairs = [(row, column) for row, column in tastes.spread_entries if row != column]
    return (*(f"sd_{name}" for name in names), *(f"cor_{names[column]}:{names[row]}" for row, column in pairs))


def spreads_of(tastes: Tastes, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(spreads,) in the order of `spread_names`, and (spreads, spreads) their derivatives by the spread parameters.

    A spread is the length of a row of the factor; a correlation is the cosine between two rows.
    """
    factor = tastes.matrix(parameters)[:, 1:]
    lengths = np.sqrt(np.maximum((factor**2).sum(axis=1), np.finfo(np.float64).tiny))
    rows = factor / lengths[:, None]
    entries = tastes.spread_entries
    pairs = [(row, column) for row, column in entries if row != column]
    size = len(lengths)
    values = np.concatenate([lengths, [rows[one] @ rows[two] for one, two in pairs]])
    slopes = np.zeros((values.size, len(entries)))
    for number, (row, column) in enumerate(entries):
        slopes[row, number] = rows[row, column]
        for place, (one, two) in enumerate(pairs, start=size):
            if row in (one, two):
                other = two if row == one else one
                slopes[place, number] = (rows[other, column] - values[place] * rows[row, column]) / lengths[row]
    return values, slopes
