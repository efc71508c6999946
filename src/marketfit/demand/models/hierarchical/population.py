"""The population that people's coefficients come from: a normal distribution, its prior, and draws of both.

Person n has the latent coefficients β_n ~ N(b, W) (see `link` for signs). b has the prior N(0, MEAN_SPREAD² I). W has
the hierarchical inverse-Wishart prior of Huang & Wand (2013): W | a ~ IW(DEGREES + K − 1, 2 DEGREES diag(1/a)),
a_k ~ inverse gamma(1/2, 1/SPREAD²). Each standard deviation is then half-t with DEGREES degrees of freedom and scale
SPREAD. The K + 5 degrees of W are those usual for choices (Orme & Williams 2016), which lean correlations towards 0;
the usual plain inverse-Wishart would also tie spreads to a prior variance, and small ones to the correlations (Akinc &
Vandebroek 2018). Few tasks per person tell little of spreads: with 2 degrees, whose correlations are uniform, and a
scale of 2.5, spreads of coefficients near 0 wander through tails that no answer rules out. All of it holds for columns
scaled to vary by 1 within tasks, so that units play no part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, frozen
from marketfit.demand.models.hierarchical.triangles import lower_inverse, lower_root

MEAN_SPREAD = 5.0
DEGREES = 6.0
SPREAD = 1.0
_EDGE = 1e-9  # of the unit interval: a point on its end would be infinitely far out


@dataclass(frozen=True, eq=False)
class Population:
    """One draw: mean (columns,), covariance and its inverse (columns, columns), all of latent coefficients.

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

    @cached_property
    def root(self) -> FloatArray:
        """(columns, columns) lower triangle L with W = L Lᵀ."""
        return lower_root(self.covariance)

    def redrawn(self, people: FloatArray, weights: FloatArray, rng: np.random.Generator) -> Population:
        """The next draw given everybody's coefficients (columns, people): b, then W, then a, each given the others.

        weights: (people,) how many people each stands for.
        """
        columns, total = self.mean.size, float(weights.sum())
        given = total * self.precision
        given.flat[:: columns + 1] += 1 / MEAN_SPREAD**2
        narrow = lower_inverse(lower_root(given))  # R⁻¹ of R Rᵀ, the precision of b given the people and W
        # einsum rather than @: the same numbers whatever the number of threads that a product may use.
        pulled = narrow @ (self.precision @ np.einsum("kn,n->k", people, weights))
        mean = narrow.T @ (pulled + rng.standard_normal(columns))
        centred = people - mean[:, None]
        squares = np.einsum("in,jn->ij", centred * weights, centred)
        squares.flat[:: columns + 1] += 2 * DEGREES / self.scales
        covariance, precision = _inverse_wishart(squares, DEGREES + columns - 1 + total, rng)
        return Population(mean, covariance, precision, draw_scales(precision, rng))


def draw_scales(precision: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(columns,) the a of the prior given W⁻¹ (columns, columns)."""
    rates = DEGREES * precision.diagonal() + 1 / SPREAD**2
    scales: FloatArray = rates / rng.standard_gamma((DEGREES + len(precision)) / 2, len(precision))
    return scales


def _inverse_wishart(squares: FloatArray, degrees: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A draw of W ~ IW(degrees, squares) and its inverse, by Bartlett's decomposition."""
    columns = squares.shape[0]
    triangle = rng.standard_normal((columns, columns)) * _below(columns)
    # One call for each is faster than one for all, whose checks cost more than so few draws.
    triangle.flat[:: columns + 1] = [math.sqrt(rng.chisquare(degrees - column)) for column in range(columns)]
    root = lower_root(squares)
    half = lower_inverse(triangle) @ root.T
    other = lower_inverse(root).T @ triangle
    return half.T @ half, other @ other.T


@lru_cache
def _below(columns: int) -> FloatArray:
    """(columns, columns) 1 below the diagonal, else 0."""
    return frozen(np.tri(columns, k=-1))


def new_people(means: FloatArray, covariances: FloatArray, people: int, rng: np.random.Generator) -> FloatArray:
    """(draws, people, columns) latent coefficients of people whom nobody asked, from populations (draws, columns, …).

    They lie at scrambled Sobol points, shifted at random for each draw (Owen 1998; Cranley & Patterson 1976): shares
    then vary between draws because the population is uncertain, and little because a few hundred people stand for it:
    by a tenth (4 coefficients) to about a half (16) of what 256 people at random leave. `people` should be a power
    of two.
    """
    from scipy.stats import qmc  # slow to import, and most processes draw nobody

    points = qmc.Sobol(means.shape[1], rng=0).random_base2(max(people - 1, 1).bit_length())[:people]
    shifted = (points + rng.random((means.shape[0], 1, means.shape[1]))) % 1.0
    normal = special.ndtri(np.clip(shifted, _EDGE, 1 - _EDGE))
    normal -= normal.mean(axis=1, keepdims=True)
    if people > 1:
        normal /= normal.std(axis=1, keepdims=True)
    values: FloatArray = means[:, None, :] + normal @ np.linalg.cholesky(covariances).transpose(0, 2, 1)
    return values
