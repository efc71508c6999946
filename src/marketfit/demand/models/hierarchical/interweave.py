"""Moves of the population that take everybody along, in place of waiting until everybody has moved by themselves.

Given everybody's coefficients, Gibbs moves the population by little, and given the population nobody moves far: with
few tasks per person the two hold each other back. Here people keep their places within it, θ_n in β_n = b + s ∘ U θ_n,
while the means b, the log spreads log s and the unit lower triangle U move, with W = (diag(s) U)(diag(s) U)ᵀ: the
answers and the priors decide. Alternating with the Gibbs draws, this is the interweaving of Yu & Meng (2011); the moves
are Hamiltonian steps, as those of people. Above MOST_COLUMNS columns U stays: its curvature would cost too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtri

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.models.hierarchical.people import ACCEPTANCE, PeopleSampler
from marketfit.demand.models.hierarchical.population import DEGREES, MEAN_SPREAD, Population

MOST_COLUMNS = 30
COORDINATES_PER_LEAP, MOST_LEAPS = 12, 10
"""More leaps carry many coordinates further: at equal time, ten gave several times the effective draws of two."""


class Interweaver:
    """Moves of b, log s and the lower entries of U, one coordinate each, given everybody's θ."""

    def __init__(self, columns: int) -> None:
        below = np.tril_indices(columns, -1)
        self._below = below if columns <= MOST_COLUMNS else (below[0][:0], below[1][:0])
        size = 2 * columns + self._below[0].size
        self._leaps = min(max(round(size / COORDINATES_PER_LEAP), 2), MOST_LEAPS)
        self._step = 1 / math.sqrt(self._leaps)
        self._factor = np.eye(size) / 10
        self._log_ratio = 0.0

    def shape(self, sampler: PeopleSampler, population: Population) -> None:
        """Shape the proposals by the curvature of the answers, as they were when people's own were shaped."""
        place = _Place.of(population)
        columns = population.mean.size
        theta = place.theta(sampler.latent)
        away = sampler.latent - place.means[:, None]
        rows = np.concatenate([np.arange(columns), np.arange(columns), self._below[0]])
        lower = np.exp(place.logs)[self._below[0], None] * theta[self._below[1]]
        slopes = np.concatenate([np.ones_like(away), away, lower])
        curvature = np.empty((rows.size, rows.size))
        for one in range(columns):
            mine = np.flatnonzero(rows == one)
            # einsum rather than @: the same numbers whatever the number of threads that a product may use.
            curvature[mine] = np.einsum("an,bn->ab", slopes[mine], slopes * sampler.information[:, one, rows].T)
        pulls = place.pulls(population)
        held = (place.inverse**2).sum(axis=0)
        prior = np.concatenate([np.full(columns, MEAN_SPREAD**-2), 4 * pulls * held, 2 * pulls[self._below[1]]])
        self._factor = np.linalg.cholesky(np.linalg.inv(curvature + np.diag(prior)))

    def move(self, sampler: PeopleSampler, population: Population, rng: np.random.Generator) -> Population:
        """One Metropolis step for the population, with everybody in it."""
        place = _Place.of(population)
        theta = place.theta(sampler.latent).astype(np.float32)
        momentum = rng.standard_normal(len(self._factor))
        value, slopes = self._density(population, place, sampler.value, sampler.gradient, theta)
        before = value - float(momentum @ momentum) / 2
        momentum += self._step / 2 * self._turned(slopes)
        for leap in range(self._leaps):
            place = place.moved(np.einsum("ij,j->i", self._factor, self._step * momentum), self._below)
            latent = place.latent(theta)
            own, gradient = sampler.likelihood_at(latent)
            value, slopes = self._density(population, place, own, gradient, theta)
            momentum += self._step * (1.0 if leap < self._leaps - 1 else 0.5) * self._turned(slopes)
        self._log_ratio = value - float(momentum @ momentum) / 2 - before
        if not self._log_ratio > -rng.standard_exponential():
            return population
        sampler.place(latent, own, gradient)
        return place.population(population.scales)

    def adapt(self, speed: float) -> None:
        """The step size towards the wanted acceptance; speed: how fast."""
        chance = math.exp(min(self._log_ratio, 0.0)) if not math.isnan(self._log_ratio) else 0.0
        self._step *= math.exp(speed * (chance - ACCEPTANCE))

    def _turned(self, slopes: FloatArray) -> FloatArray:
        """Slopes in the coordinates of the momentum."""
        turned: FloatArray = np.einsum("i,ij->j", slopes, self._factor)
        return turned

    def _density(
        self, population: Population, place: _Place, values: SingleArray, gradient: SingleArray, theta: SingleArray
    ) -> tuple[float, FloatArray]:
        """Log density of b, log s and U given θ, and its gradient.

        values, gradient: (people,) and (columns, people) of the log-likelihood there.
        """
        columns = place.means.size
        pulls = place.pulls(population)
        held = pulls * (place.inverse**2).sum(axis=0)
        # Of W's inverse-Wishart density, of the change from W to s and U.
        slope = 1 - DEGREES - columns
        value = values.sum(dtype=np.float64) - place.means @ place.means / (2 * MEAN_SPREAD**2)
        value += slope * place.logs.sum() - held.sum()
        spreads = np.exp(place.logs)
        across = spreads[:, None] * np.einsum("in,jn->ij", gradient, theta)
        by_mean = gradient.sum(axis=1) - place.means / MEAN_SPREAD**2
        by_log = (across * place.triangle).sum(axis=1) + slope + 2 * held
        inverse = place.inverse
        by_triangle = across + 2 * (inverse * pulls @ inverse.T @ inverse).T
        return float(value), np.concatenate([by_mean, by_log, by_triangle[self._below]])


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the population stands: means (columns,), logs of s (columns,), U and its inverse (columns, columns)."""

    means: FloatArray
    logs: FloatArray
    triangle: FloatArray
    inverse: FloatArray

    @classmethod
    def of(cls, population: Population) -> _Place:
        root = np.linalg.cholesky(population.covariance)
        spreads = root.diagonal()
        triangle = root / spreads[:, None]
        return cls(population.mean, np.log(spreads), triangle, _inverse(triangle))

    def theta(self, latent: SingleArray) -> FloatArray:
        """(columns, people) everybody's places within the population."""
        away = (latent - self.means[:, None]) / np.exp(self.logs)[:, None]
        places: FloatArray = np.einsum("ij,jn->in", self.inverse, away)
        return places

    def latent(self, theta: SingleArray) -> SingleArray:
        """(columns, people) coefficients of the people at θ."""
        root = (np.exp(self.logs)[:, None] * self.triangle).astype(np.float32)
        latent: SingleArray = np.einsum("ij,jn->in", root, theta)
        latent += self.means.astype(np.float32)[:, None]
        return latent

    def moved(self, by: FloatArray, below: tuple[IntArray, IntArray]) -> _Place:
        columns = self.means.size
        triangle = self.triangle.copy()
        triangle[below] += by[2 * columns :]
        return _Place(self.means + by[:columns], self.logs + by[columns : 2 * columns], triangle, _inverse(triangle))

    def pulls(self, population: Population) -> FloatArray:
        """(columns,) how hard the prior pulls each spread upwards."""
        return DEGREES / population.scales * np.exp(-2 * self.logs)

    def population(self, scales: FloatArray) -> Population:
        root = np.exp(self.logs)[:, None] * self.triangle
        inverse = self.inverse / np.exp(self.logs)
        return Population(self.means, root @ root.T, inverse.T @ inverse, scales)


def _inverse(triangle: FloatArray) -> FloatArray:
    """Of a unit lower triangle; where a step went astray, not finite instead of an error."""
    inverse: FloatArray = dtrtri(triangle, lower=1, unitdiag=1)[0]
    return inverse
