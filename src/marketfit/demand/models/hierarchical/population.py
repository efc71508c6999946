"""The population that people's coefficients come from: a normal distribution, its prior, and draws of both.

Person n has the coefficients β_n ~ N(b, W). b has the prior N(0, MEAN_SPREAD² I). W has the hierarchical
inverse-Wishart prior of Huang & Wand (2013): W | a ~ IW(DEGREES + K − 1, 2 DEGREES diag(1/a)), a_k ~ inverse
gamma(1/2, 1/SPREAD²). Each standard deviation is then half-t with DEGREES degrees of freedom and scale SPREAD, and with
2 degrees each correlation is uniform. A plain inverse-Wishart of K + 5 degrees ties spreads to a prior variance, and
small ones to the correlations (Akinc & Vandebroek 2018). All of it holds for columns scaled to vary by 1 within tasks,
so that units play no part.

Where a column has a sign, the coefficient is the nearest one with that sign, min or max(0, β): a censored normal
(Train & Sonnier 2005). Those whom the attribute leaves cold share the value 0, and no tail grows without bound, as that
of a log-normal does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray

MEAN_SPREAD = 10.0
DEGREES = 2.0
SPREAD = 2.5

Bounds = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class Population:
    """One draw: mean (columns,), covariance and its inverse (columns, columns), before any sign is imposed.

    scales: (columns,) the a of the prior.
    """

    mean: FloatArray
    covariance: FloatArray
    precision: FloatArray
    scales: FloatArray

    @classmethod
    def around(cls, mean: FloatArray) -> Population:
        """Where a chain begins: unit spread around a mean."""
        one = np.eye(mean.size)
        return cls(mean, one, one, np.ones(mean.size))

    def redrawn(self, people: FloatArray, weights: FloatArray, rng: np.random.Generator) -> Population:
        """The next draw given everybody's coefficients (columns, people): b, then W, then a, each given the others.

        weights: (people,) how many people each stands for.
        """
        columns, total = self.mean.size, float(weights.sum())
        spread = np.linalg.inv(total * self.precision + np.eye(columns) / MEAN_SPREAD**2)
        centre = spread @ (self.precision @ (people @ weights))
        mean = centre + np.linalg.cholesky(spread) @ rng.standard_normal(columns)
        centred = people - mean[:, None]
        squares = (centred * weights) @ centred.T + np.diag(2 * DEGREES / self.scales)
        covariance, precision = _inverse_wishart(squares, DEGREES + columns - 1 + total, rng)
        rates = DEGREES * np.diag(precision) + 1 / SPREAD**2
        scales = rates / rng.standard_gamma((DEGREES + columns) / 2, columns)
        return Population(mean, covariance, precision, scales)


def _inverse_wishart(squares: FloatArray, degrees: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A draw of W ~ IW(degrees, squares) and its inverse, by Bartlett's decomposition."""
    columns = squares.shape[0]
    triangle = np.tril(rng.standard_normal((columns, columns)), -1)
    triangle[np.diag_indices(columns)] = np.sqrt(rng.chisquare(degrees - np.arange(columns)))
    root = np.linalg.cholesky(squares)
    half = np.linalg.inv(triangle) @ root.T
    other = np.linalg.inv(root).T @ triangle
    return half.T @ half, other @ other.T


def moments(means: FloatArray, variances: FloatArray, bounds: Bounds) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each coefficient over the population, (…, columns) each, with signs imposed.

    means, variances: (…, columns) of the normal. bounds: lower and upper, (columns,) each, 0 or infinite.
    """
    lower, upper = bounds
    spreads = np.sqrt(variances)
    direction = np.where(upper == 0, -1.0, 1.0)
    ratio = direction * means / spreads
    above, density = special.ndtr(ratio), np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
    first = spreads * (ratio * above + density)
    second = variances * ((ratio**2 + 1) * above + ratio * density)
    free = np.isinf(lower) & np.isinf(upper)
    spread = np.sqrt(np.clip(second - first**2, 0.0, None))
    return np.where(free, means, direction * first), np.where(free, spreads, spread)


def new_people(
    means: FloatArray, covariances: FloatArray, people: int, bounds: Bounds, rng: np.random.Generator
) -> FloatArray:
    """(draws, people, columns) coefficients of people whom nobody asked, from populations (draws, columns, …).

    Every coordinate of a draw is a Latin hypercube sample (McKay, Beckman & Conover 1979): one person in each of
    `people` equally likely strata. Shares then vary between draws because the population is uncertain, and little
    because a few hundred people stand for it.
    """
    draws, columns = means.shape
    strata = special.ndtri((np.arange(people) + 0.5) / people)
    strata /= strata.std() if people > 1 else 1.0
    normal = rng.permuted(np.tile(strata, (draws, columns, 1)), axis=2)
    values = means[:, :, None] + np.linalg.cholesky(covariances) @ normal
    drawn: FloatArray = np.clip(values.transpose(0, 2, 1), *bounds)
    return drawn
