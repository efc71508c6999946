"""How tastes differ: the distribution of each random coefficient, and what parameters describe it.

A coefficient is T(mean + spread · draw). The draw is a standard normal (`normal`, `log-normal`), or symmetric on
[−1, 1]: triangular or uniform, so that the coefficient lies within mean ± spread (Train 2009, 6.5 and 9.2). T is the
identity, or ± exp for the log-normal, whose mean and spread are then those of the logarithm. These are the parameters
of R's mlogit and of xlogit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray

Distribution: TypeAlias = Literal["normal", "log-normal", "triangular", "uniform"]
"""How a coefficient is distributed over people."""

DISTRIBUTIONS: tuple[Distribution, ...] = ("normal", "log-normal", "triangular", "uniform")
CORRELATED: tuple[Distribution, ...] = ("normal", "log-normal")
"""The distributions whose draws may be correlated."""
HIGHEST_LOG = 200.0
"""Logarithms of coefficients above this are taken as this, so that a bad step of the search does not overflow."""


@dataclass(frozen=True, eq=False)
class Tastes:
    """The random coefficients of a model, and the order of its parameters.

    columns: of the design. random: column → distribution. signs: 1 or −1 for each log-normal column.
    correlated: whether the draws of all (log-)normal columns depend on each other, by a lower-triangular factor.

    Parameters: a mean for each column (of a column that is not random: its coefficient), then the spreads: row by row
    the entries of the factor, which is diagonal where draws are independent. A *base* is (…, 1 + random columns,
    draws): a row of ones, then the draws of each random column.
    """

    columns: tuple[str, ...]
    random: Mapping[str, Distribution]
    signs: Mapping[str, int]
    correlated: bool

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The random columns, in the order of the columns."""
        return tuple(name for name in self.columns if name in self.random)

    @cached_property
    def positions(self) -> IntArray:
        """(random columns,) where they are among the columns."""
        return np.array([self.columns.index(name) for name in self.names], dtype=np.int64)

    @cached_property
    def spread_entries(self) -> tuple[tuple[int, int], ...]:
        """Row and column in the factor of each spread parameter; both number the random columns."""
        entries = []
        tied: list[int] = []
        for row, name in enumerate(self.names):
            if self.correlated and self.random[name] in CORRELATED:
                entries += [(row, column) for column in tied]
                tied.append(row)
            entries.append((row, row))
        return tuple(entries)

    @property
    def parameters(self) -> int:
        """How many there are."""
        return len(self.columns) + len(self.spread_entries)

    @cached_property
    def log_normal(self) -> tuple[int, ...]:
        """The log-normal ones among the random columns, by number."""
        return tuple(row for row, name in enumerate(self.names) if self.random[name] == "log-normal")

    @cached_property
    def log_signs(self) -> FloatArray:
        """(log-normal columns,) the sign of each."""
        return np.array([float(self.signs[self.names[row]]) for row in self.log_normal])

    def base(self, uniforms: FloatArray) -> FloatArray:
        """(…, 1 + random columns, draws) the base that belongs to uniform numbers (…, random columns, draws)."""
        ones = np.ones((*uniforms.shape[:-2], 1, uniforms.shape[-1]))
        base = np.concatenate([ones, uniforms], axis=-2)
        for row, name in enumerate(self.names):
            base[..., 1 + row, :] = _draws(self.random[name], uniforms[..., row, :])
        return base

    def matrix(self, parameters: FloatArray) -> FloatArray:
        """(…, random columns, 1 + random columns) the means, then the factor, from parameters (…, parameters)."""
        size = self.positions.size
        matrix = np.zeros((*parameters.shape[:-1], size, 1 + size))
        matrix[..., 0] = parameters[..., self.positions]
        for number, (row, column) in enumerate(self.spread_entries, start=len(self.columns)):
            matrix[..., row, 1 + column] = parameters[..., number]
        return matrix

    def transform(self, coefficients: FloatArray) -> FloatArray:
        """Apply T in place to (…, random columns, draws)."""
        for row, sign in zip(self.log_normal, self.log_signs.tolist(), strict=True):
            own = coefficients[..., row, :]
            np.exp(np.minimum(own, HIGHEST_LOG), out=own)
            own *= sign
        return coefficients

    def people(self, parameters: FloatArray, base: FloatArray) -> FloatArray:
        """(…, draws, columns) the coefficients of people, from parameters (…, parameters) and a base."""
        random = self.transform(np.matmul(self.matrix(parameters), base))
        fixed = parameters[..., None, : len(self.columns)]
        everybody = np.repeat(fixed, base.shape[-1], axis=-2)
        everybody[..., self.positions] = np.swapaxes(random, -1, -2)
        return everybody

    def means(self, parameters: FloatArray) -> FloatArray:
        """(…, columns) the mean of every coefficient over people; exp(mean + spread² / 2) for a log-normal."""
        means = parameters[..., : len(self.columns)].copy()
        matrix = self.matrix(parameters)
        for row, sign in zip(self.log_normal, self.log_signs.tolist(), strict=True):
            variance = (matrix[..., row, 1:] ** 2).sum(axis=-1)
            means[..., self.positions[row]] = sign * np.exp(matrix[..., row, 0] + variance / 2)
        return means

    def mean_slopes(self, parameters: FloatArray) -> FloatArray:
        """(columns, parameters) the derivatives of `means`."""
        slopes = np.eye(len(self.columns), self.parameters)
        means = self.means(parameters)
        for row in self.log_normal:
            column = int(self.positions[row])
            slopes[column, column] = means[column]
            for number, (entry, _) in enumerate(self.spread_entries, start=len(self.columns)):
                if entry == row:
                    slopes[column, number] = means[column] * parameters[number]
        return slopes

    def turns(self, parameters: FloatArray) -> FloatArray:
        """(parameters,) 1 or −1: factors that give the same distribution with diagonals of the factor of at least 0.

        All draws are symmetric, so that a whole column of the factor may change its sign.
        """
        spreads = parameters[len(self.columns) :].tolist()
        entries = list(zip(self.spread_entries, spreads, strict=True))
        negative = {column for (row, column), spread in entries if row == column and spread < 0}
        signs = [-1.0 if column in negative else 1.0 for (_, column), _ in entries]
        return np.array([1.0] * len(self.columns) + signs)


def _draws(distribution: Distribution, uniforms: FloatArray) -> FloatArray:
    """Draws of mean 0, from uniform numbers inside (0, 1)."""
    if distribution in CORRELATED:
        return np.asarray(special.ndtri(uniforms))
    if distribution == "uniform":
        return np.asarray(2 * uniforms - 1)
    rising = np.sqrt(2 * uniforms) - 1
    return np.where(uniforms < 0.5, rising, 1 - np.sqrt(2 * (1 - uniforms)))
