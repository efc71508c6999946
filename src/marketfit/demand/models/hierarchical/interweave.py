"""Moves of the population that take everybody along, in place of waiting until everybody has moved by themselves.

Given everybody's coefficients, Gibbs moves the population by little, and given the population nobody moves far: with
few tasks per person the two hold each other back. Here people keep their places within it, θ_n in β_n = b + s ∘ U θ_n,
while the means b, the spreads s and the unit lower triangle U move, with W = (diag(s) U)(diag(s) U)ᵀ: the answers and
the priors decide. Alternating with the Gibbs draws, this is the interweaving of Yu & Meng (2011); the moves are
Hamiltonian steps, as those of people. A spread may cross 0, where a chain in its logarithm would get lost (Frühwirth-
Schnatter & Wagner 2010). The scales a of W's prior are integrated out and drawn afresh after each move: given them, a
spread could move by a fifth at a time, and they by a third given it. Above MOST_COLUMNS columns U stays: its curvature
would cost too much. Where people's own answers tell most of them, a move every other iteration is enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.models.hierarchical.people import ACCEPTANCE, PeopleSampler
from marketfit.demand.models.hierarchical.population import DEGREES, MEAN_SPREAD, SPREAD, Population, draw_scales
from marketfit.demand.models.hierarchical.triangles import lower_inverse

MOST_COLUMNS = 30
LENGTH, MOST_LEAPS = 2.7, 10
"""How far a move goes, where half of the turn of a standard normal density is π: leaps are as many as its step needs.
On ten surveys of 3 to 20 columns most effective draws per second, or nearly, came at 2 to 3.5; at 6 (3 to 8
columns), half as many."""
EVERY = 2
"""Iterations from move to move where people answered at least as many tasks as there are columns. Per second that gave
a fifth to a half more effective draws there than a move at each; with 3 tasks and 4 columns a sixth fewer."""
LEAST = 1e-6
"""A spread closer to 0 than this is refused: W could not be inverted."""


class Interweaver:
    """Moves of b, s and the lower entries of U, one coordinate each, given everybody's θ."""

    def __init__(self, columns: int, tasks_per_person: float) -> None:
        self._every = EVERY if tasks_per_person >= columns else 1
        below = np.tril_indices(columns, -1)
        self._below = below if columns <= MOST_COLUMNS else (below[0][:0], below[1][:0])
        self._flat = np.ravel_multi_index(self._below, (columns, columns))
        size = 2 * columns + self._below[0].size
        self._step = 1.0
        self._leaps = _leaps(self._step)
        self._factor = np.eye(size) / 10
        self._sum = np.zeros((size, size))
        self._looks = 0
        self._log_ratio = 0.0

    def due(self, iteration: int) -> bool:
        """Whether this iteration has a move."""
        return iteration % self._every == 0

    def look(self, sampler: PeopleSampler, population: Population) -> None:
        """Note the curvature of the answers and of the prior here, where people's own was noted."""
        place = _Place.of(population)
        columns = population.mean.size
        theta = place.theta(sampler.latent)
        within = (sampler.latent - place.means[:, None]) / place.spreads[:, None]
        rows = np.concatenate([np.arange(columns), np.arange(columns), self._below[0]])
        lower = place.spreads[self._below[0], None] * theta[self._below[1]]
        slopes = np.concatenate([np.ones_like(within), within, lower])
        for one in range(columns):
            mine = np.flatnonzero(rows == one)
            # einsum rather than @: the same numbers whatever the number of threads that a product may use.
            self._sum[mine] += np.einsum("an,bn->ab", slopes[mine], slopes * sampler.seen[:, one, rows].T)
        prior = [np.full(columns, MEAN_SPREAD**-2), place.held, place.pulls[self._below[1]]]
        self._sum += np.diag(np.concatenate(prior))
        self._looks += 1

    def shape(self) -> None:
        """Shape the proposals anew by the mean of what was noted: at one draw some spread may be next to nothing.

        And let them go as far as they should with the step of now.
        """
        self._leaps = _leaps(self._step)
        self._factor = np.linalg.cholesky(np.linalg.inv(self._sum / self._looks))
        self._sum[:] = 0
        self._looks = 0

    def move(self, sampler: PeopleSampler, population: Population, rng: np.random.Generator) -> Population:
        """One Metropolis step for the population, with everybody in it."""
        place = _Place.of(population)
        theta = place.theta(sampler.latent).astype(np.float32)
        momentum = rng.standard_normal(len(self._factor))
        before = self._density(place, sampler.value) - float(momentum @ momentum) / 2
        momentum += self._step / 2 * self._slopes(place, sampler.gradient, theta)
        for leap in range(self._leaps):
            place = place.moved(np.einsum("ij,j->i", self._factor, self._step * momentum), self._flat)
            latent = place.latent(theta)
            if leap < self._leaps - 1:
                momentum += self._step * self._slopes(place, sampler.gradient_at(latent), theta)
        own, gradient = sampler.likelihood_at(latent)
        momentum += self._step / 2 * self._slopes(place, gradient, theta)
        self._log_ratio = self._density(place, own) - float(momentum @ momentum) / 2 - before
        if not self._log_ratio > -rng.standard_exponential() or np.abs(place.spreads).min() < LEAST:
            return population
        sampler.place(latent, own, gradient)
        return place.population(rng)

    def adapt(self, speed: float) -> None:
        """The step size towards the wanted acceptance; speed: how fast."""
        chance = math.exp(min(self._log_ratio, 0.0)) if not math.isnan(self._log_ratio) else 0.0
        self._step *= math.exp(speed * (chance - ACCEPTANCE))

    def _density(self, place: _Place, values: SingleArray) -> float:
        """Log density of b, s and U given θ. values: (people,) of the log-likelihood there."""
        value = values.sum(dtype=np.float64) - place.means @ place.means / (2 * MEAN_SPREAD**2)
        # Of W's prior, and of the change from W to s and U: what is left of either at s_k = 0 cancels.
        value -= (DEGREES + place.means.size) / 2 * np.log(place.squares).sum()
        return float(value)

    def _slopes(self, place: _Place, gradient: SingleArray, theta: SingleArray) -> FloatArray:
        """Its gradient in the coordinates of the momentum. gradient: (columns, people) of the log-likelihood."""
        across = np.einsum("in,jn->ij", gradient, theta)
        by_mean = gradient.sum(axis=1) - place.means / MEAN_SPREAD**2
        by_spread = (across * place.triangle).sum(axis=1) - place.held * place.spreads
        inverse = place.inverse
        by_triangle = place.spreads[:, None] * across + (inverse * place.pulls @ inverse.T @ inverse).T
        slopes = np.concatenate([by_mean, by_spread, by_triangle.take(self._flat)])
        turned: FloatArray = np.einsum("i,ij->j", slopes, self._factor)
        return turned


def _leaps(step: float) -> int:
    """How many steps go far enough."""
    return min(max(round(LENGTH / step), 1), MOST_LEAPS)


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the population stands: means (columns,), spreads s (columns,) of either sign, U (columns, columns), U⁻¹."""

    means: FloatArray
    spreads: FloatArray
    triangle: FloatArray
    inverse: FloatArray

    @classmethod
    def of(cls, population: Population) -> _Place:
        root = population.root
        spreads: FloatArray = np.diagonal(root).astype(np.float64)
        triangle = root / spreads[:, None]
        return cls(population.mean, spreads, triangle, lower_inverse(triangle, unit=True))

    def theta(self, latent: SingleArray) -> FloatArray:
        """(columns, people) everybody's places within the population."""
        away = (latent - self.means[:, None]) / self.spreads[:, None]
        places: FloatArray = np.einsum("ij,jn->in", self.inverse, away)
        return places

    def latent(self, theta: SingleArray) -> SingleArray:
        """(columns, people) coefficients of the people at θ."""
        root = (self.spreads[:, None] * self.triangle).astype(np.float32)
        latent: SingleArray = np.einsum("ij,jn->in", root, theta)
        latent += self.means.astype(np.float32)[:, None]
        return latent

    def moved(self, by: FloatArray, below: IntArray) -> _Place:
        """Each coordinate by so much. below: places of the entries of U in the flat matrix."""
        columns = self.means.size
        triangle = self.triangle.copy()
        triangle.reshape(-1)[below] += by[2 * columns :]
        spreads = self.spreads + by[columns : 2 * columns]
        return _Place(self.means + by[:columns], spreads, triangle, lower_inverse(triangle, unit=True))

    @cached_property
    def squares(self) -> FloatArray:
        """(columns,) s_k² (1 + DEGREES SPREAD² (W⁻¹)_kk), of which W's prior is a power once its scales are gone."""
        lengths: FloatArray = (self.inverse**2).sum(axis=0)
        return self.spreads**2 + DEGREES * SPREAD**2 * lengths

    @cached_property
    def held(self) -> FloatArray:
        """(columns,) how hard the prior holds each spread, per unit."""
        return (DEGREES + self.means.size) / self.squares

    @property
    def pulls(self) -> FloatArray:
        """(columns,) the same for the squared lengths of the columns of U⁻¹."""
        return DEGREES * SPREAD**2 * self.held

    def population(self, rng: np.random.Generator) -> Population:
        root = self.spreads[:, None] * self.triangle
        inverse = self.inverse / self.spreads
        precision = inverse.T @ inverse
        return Population(self.means, root @ root.T, precision, draw_scales(precision, rng))
