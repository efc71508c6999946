"""Moves of the population that take everybody along, in place of waiting until everybody has moved by themselves.

Given everybody's coefficients, Gibbs moves the population by little, and given the population nobody moves far: with
few tasks per person the two hold each other back. Here people keep their places within it, θ_n = (β_n − b) / s with s
the spreads, while the means b and log s move: the answers and the priors decide. Alternating with the Gibbs draws, this
is the interweaving of Yu & Meng (2011); the moves are Hamiltonian steps, as those of people. It gives several times as
many effective draws of the spreads.
"""

from __future__ import annotations

import math

import numpy as np

from marketfit.demand.arrays import FloatArray, SingleArray
from marketfit.demand.models.hierarchical.people import ACCEPTANCE, PeopleSampler
from marketfit.demand.models.hierarchical.population import DEGREES, MEAN_SPREAD, Population

LEAPS = 2


class Interweaver:
    """Moves of means and log spreads, (2 × columns,) coordinates that are 0 where the population stands."""

    def __init__(self, columns: int) -> None:
        self._step = 1 / math.sqrt(LEAPS)
        self._factor = np.eye(2 * columns) / 10
        self._log_ratio = 0.0

    def shape(self, sampler: PeopleSampler, population: Population) -> None:
        """Shape the proposals by the curvature of the answers, as they were when people's own were shaped."""
        away = sampler.latent.T.astype(np.float64) - population.mean
        information = sampler.information
        cross = np.einsum("nij,nj->ij", information, away)
        spreads = np.einsum("nij,ni,nj->ij", information, away, away)
        curvature = np.block([[information.sum(axis=0), cross], [cross.T, spreads]])
        prior = np.concatenate([np.full(away.shape[1], MEAN_SPREAD**-2), 2 * DEGREES * _pulls(population)])
        self._factor = np.linalg.cholesky(np.linalg.inv(curvature + np.diag(prior)))

    def move(self, sampler: PeopleSampler, population: Population, rng: np.random.Generator) -> Population:
        """One Metropolis step for the population, with everybody in it."""
        columns = population.mean.size
        away = sampler.latent - population.mean.astype(np.float32)[:, None]
        point = np.zeros(2 * columns)
        momentum = rng.standard_normal(2 * columns)
        value, slopes = _density(population, point, sampler.value, sampler.gradient, away)
        before = value - float(momentum @ momentum) / 2
        momentum += self._step / 2 * (slopes @ self._factor)
        for leap in range(LEAPS):
            point = point + self._factor @ (self._step * momentum)
            means, factors = population.mean + point[:columns], np.exp(point[columns:])
            latent = means.astype(np.float32)[:, None] + factors.astype(np.float32)[:, None] * away
            own, gradient = sampler.likelihood_at(latent)
            value, slopes = _density(population, point, own, gradient, away)
            momentum += self._step * (1.0 if leap < LEAPS - 1 else 0.5) * (slopes @ self._factor)
        self._log_ratio = value - float(momentum @ momentum) / 2 - before
        if not self._log_ratio > -rng.standard_exponential():
            return population
        sampler.place(latent, own, gradient)
        both = np.outer(factors, factors)
        return Population(means, population.covariance * both, population.precision / both, population.scales)

    def adapt(self, speed: float) -> None:
        """The step size towards the wanted acceptance; speed: how fast."""
        chance = math.exp(min(self._log_ratio, 0.0)) if not math.isnan(self._log_ratio) else 0.0
        self._step *= math.exp(speed * (chance - ACCEPTANCE))


def _density(
    population: Population, point: FloatArray, values: SingleArray, gradient: SingleArray, away: SingleArray
) -> tuple[float, FloatArray]:
    """Log density of the means and log spreads at a point, given people's places, and its gradient.

    values, gradient: (people,) and (columns, people) of the log-likelihood there; away: (columns, people) distances
    from the means at the point 0.
    """
    columns = population.mean.size
    means, logs = population.mean + point[:columns], point[columns:]
    pulls = DEGREES * _pulls(population) * np.exp(-2 * logs)
    # Of W's inverse-Wishart density, of the spreads' part in the change from W to spreads and correlations.
    slope = 1 - DEGREES - columns
    value = values.sum(dtype=np.float64) - means @ means / (2 * MEAN_SPREAD**2) + slope * logs.sum() - pulls.sum()
    by_mean = gradient.sum(axis=1, dtype=np.float64) - means / MEAN_SPREAD**2
    by_log = np.einsum("kn,kn->k", gradient, away, dtype=np.float64) * np.exp(logs) + slope + 2 * pulls
    return float(value), np.concatenate([by_mean, by_log])


def _pulls(population: Population) -> FloatArray:
    return population.precision.diagonal() / population.scales
