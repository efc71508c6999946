"""How everybody's coefficients move, given the population: a Hamiltonian step for all people at once.

A proposal is LEAPS leapfrog steps along the gradient (Neal 2011; with one step it is the Langevin proposal of Roberts &
Tweedie 1996), shaped by each person's own curvature, and is accepted or refused by each person's Metropolis rule.
"""

from __future__ import annotations

import math

import numpy as np

from marketfit.demand.arrays import BoolArray, SingleArray
from marketfit.demand.models.hierarchical.likelihood import PeopleLikelihood
from marketfit.demand.models.hierarchical.population import Bounds, Population

LEAPS = 2
ACCEPTANCE = 0.65
"""The best rate for Hamiltonian proposals (Beskos et al. 2013); a random walk's would be about 0.3."""
FIRST_SHAPE = 50
"""Iterations before the shapes are taken anew, then twice as many, and so on."""


class PeopleSampler:
    """The state of everybody: latent coefficients (columns, people), before signs are imposed, and how they move."""

    def __init__(self, likelihood: PeopleLikelihood, bounds: Bounds, start: SingleArray) -> None:
        """start: (columns, people)."""
        self._likelihood = likelihood
        lower, upper = (bound.astype(np.float32)[:, None] for bound in bounds)
        self._bounds = None if np.isinf(lower).all() and np.isinf(upper).all() else (lower, upper)
        shape = start.shape
        self.latent = start.copy()
        self._value, self._gradient = self._likelihood_at(self.latent)
        self._steps = np.full(shape[1], 1 / math.sqrt(LEAPS), dtype=np.float32)
        self._log_ratio = np.zeros(shape[1], dtype=np.float32)
        self._centre = self.latent.copy()
        self._factor = np.zeros((shape[0], shape[0], shape[1]), dtype=np.float32)
        self._next_shape = 0

    def coefficients(self, latent: SingleArray) -> SingleArray:
        """The coefficients that latent ones stand for: the nearest with the right signs."""
        return latent if self._bounds is None else np.clip(latent, *self._bounds)

    def shape(self, population: Population, iteration: int) -> None:
        """When it is due, shape each person's proposals anew by (information of the answers + precision of W)⁻¹."""
        if iteration < self._next_shape:
            return
        information = self._likelihood.information(self.coefficients(self._centre))
        if self._bounds is not None:  # beyond its bound, a latent coefficient changes nothing
            inside = self._within(self._centre).T
            information *= inside[:, :, None] & inside[:, None, :]
        roots = np.linalg.cholesky(np.linalg.inv(information + population.precision))
        self._factor = np.ascontiguousarray(roots.transpose(1, 2, 0), dtype=np.float32)
        self._next_shape = max(FIRST_SHAPE, 2 * self._next_shape)

    def move(self, population: Population, rng: np.random.Generator) -> float:
        """One Metropolis step for everybody; the share of people who moved."""
        precision = population.precision.astype(np.float32)
        mean = population.mean.astype(np.float32)[:, None]
        momentum = rng.standard_normal(self.latent.shape, dtype=np.float32)
        centred = self.latent - mean
        pull = precision @ centred
        before = self._value - _half(centred * pull) - _half(momentum * momentum)
        latent = self.latent
        momentum += self._steps / 2 * self._across(self._gradient - pull)
        for leap in range(LEAPS):
            latent = latent + np.einsum("ijn,jn->in", self._factor, self._steps * momentum)
            value, gradient = self._likelihood_at(latent)
            centred = latent - mean
            pull = precision @ centred
            momentum += (self._steps if leap < LEAPS - 1 else self._steps / 2) * self._across(gradient - pull)
        log_ratio = value - _half(centred * pull) - _half(momentum * momentum) - before
        self._log_ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)  # a step that overflowed is refused
        accept = self._log_ratio > -rng.standard_exponential(self._steps.shape, dtype=np.float32)
        np.copyto(self.latent, latent, where=accept)
        np.copyto(self._value, value, where=accept)
        np.copyto(self._gradient, gradient, where=accept)
        return float(accept.mean())

    def adapt(self, iteration: int) -> None:
        """Step sizes towards the wanted acceptance (Robbins & Monro 1951), and the centre at which shapes are taken."""
        chance = np.exp(np.minimum(self._log_ratio, 0))
        self._steps *= np.exp((chance - np.float32(ACCEPTANCE)) * np.float32(min(1.0, 20 / (iteration + 10))))
        self._centre += (self.latent - self._centre) * np.float32(max(0.02, 1 / (iteration + 1)))

    def _across(self, slopes: SingleArray) -> SingleArray:
        """Slopes in the coordinates of the momentum."""
        turned: SingleArray = np.einsum("jin,jn->in", self._factor, slopes)
        return turned

    def _likelihood_at(self, latent: SingleArray) -> tuple[SingleArray, SingleArray]:
        value, gradient = self._likelihood.value_and_gradient(self.coefficients(latent))
        if self._bounds is not None:
            gradient *= self._within(latent)
        return value, gradient

    def _within(self, latent: SingleArray) -> BoolArray:
        """(columns, people) whether a latent coefficient has the right sign."""
        lower, upper = self._bounds or (-np.inf, np.inf)
        return np.asarray((latent > lower) & (latent < upper))


def _half(products: SingleArray) -> SingleArray:
    """(people,) half of the sum over columns."""
    sums: SingleArray = products.sum(axis=0)
    return sums / np.float32(2)
