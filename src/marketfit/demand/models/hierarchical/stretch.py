"""Moves of the whole population with its people: they stretch together, about the mean or about 0.

Given everybody's coefficients, Gibbs moves a spread by little, and given the spread nobody moves far: with few tasks
per person the two hold each other back. Stretching both at once (a move along a group's orbit, Liu & Wu 1999;
interweaving, Yu & Meng 2011) leaves the density of people given the population as it is, so that the answers decide.
"""

from __future__ import annotations

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.hierarchical.people import PeopleSampler
from marketfit.demand.models.hierarchical.population import DEGREES, MEAN_SPREAD, Population

ACCEPTANCE = 0.4
"""The best rate of random walks in one dimension (Gelman, Gilks & Roberts 1997)."""


class Stretcher:
    """Stretches of one column about the mean, and of all columns about 0, in turn. Steps adapt during burn-in."""

    def __init__(self) -> None:
        self._steps = np.array([0.1, 0.1])
        self._turn = 0

    def move(
        self, sampler: PeopleSampler, population: Population, rng: np.random.Generator, adapt: float
    ) -> Population:
        """One Metropolis step for the population and everybody in it. adapt: how fast the step size changes, or 0."""
        turn = self._turn
        self._turn = 1 - turn
        length = self._steps[turn] * rng.standard_normal()
        columns = population.mean.size
        logs = np.full(columns, length)
        centre = np.zeros(columns)
        if turn == 0:
            logs[np.arange(columns) != rng.integers(columns)] = 0.0
            centre = population.mean
        change = log_ratio(population, logs, centre)
        accepted = sampler.transform(np.exp(logs), centre, change, rng.standard_exponential())
        self._steps[turn] *= np.exp(adapt * (accepted - ACCEPTANCE))
        return stretched(population, logs, centre) if accepted else population


def stretched(population: Population, logs: FloatArray, centre: FloatArray) -> Population:
    """The population whose coefficients lie exp(logs) times as far from a centre; all (columns,)."""
    factors = np.exp(logs)
    return Population(
        centre + factors * (population.mean - centre),
        population.covariance * np.outer(factors, factors),
        population.precision / np.outer(factors, factors),
        population.scales,
    )


def log_ratio(population: Population, logs: FloatArray, centre: FloatArray) -> float:
    """What the stretch changes in the log density of the population's prior, with the Jacobian of its move."""
    columns = logs.size
    after = centre + np.exp(logs) * (population.mean - centre)
    mean = (
        np.where(centre == population.mean, 0.0, logs) - (after**2 - population.mean**2) / (2 * MEAN_SPREAD**2)
    ).sum()
    pulls = DEGREES * np.diag(population.precision) / population.scales
    return float(mean + (1 - DEGREES - columns) * logs.sum() - pulls @ np.expm1(-2 * logs))
