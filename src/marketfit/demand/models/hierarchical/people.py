"""How everybody's coefficients move, given the population: a Hamiltonian step for all people at once.

A proposal is LEAPS leapfrog steps along the gradient (Neal 2011; with one step it is the Langevin proposal of Roberts &
Tweedie 1996), shaped by each person's own curvature, and is accepted or refused by each person's Metropolis rule. It
moves places within the population, θ in β = b + L θ with W = L Lᵀ: there a shape that was taken some draws of W ago
still fits, however narrow the population has become in some direction.
"""

from __future__ import annotations

import math

import numpy as np

from marketfit.demand.arrays import IntArray, SingleArray
from marketfit.demand.models.hierarchical.likelihood import PeopleLikelihood
from marketfit.demand.models.hierarchical.link import softplus
from marketfit.demand.models.hierarchical.population import Population
from marketfit.demand.models.hierarchical.triangles import lower_inverse

LEAPS = 2
ACCEPTANCE = 0.65
"""The best rate for Hamiltonian proposals (Beskos et al. 2013); a random walk's would be about 0.3."""
FIRST_SHAPE = 50
"""Iterations before the shapes are taken anew, then twice as many, and so on."""
LOOK = 25
"""Iterations between draws that go into the mean information, from which shapes are taken."""


class PeopleSampler:
    """The state of everybody, and how they move.

    latent: (columns, people) coefficients; value, gradient: (people,) log-likelihood there, and (columns, people) its
    gradient. seen: (people, columns, columns) the information of the answers where it was last looked at.
    """

    def __init__(self, likelihood: PeopleLikelihood, signs: IntArray, start: SingleArray) -> None:
        """signs: (columns,) −1, 1 or 0; start: (columns, people)."""
        self._likelihood = likelihood
        self._held = np.flatnonzero(signs)
        self._signs = signs[self._held, None].astype(np.float32)
        self.latent = start.copy()
        self.value, self.gradient = self.likelihood_at(self.latent)
        columns, people = start.shape
        self._steps = np.full(people, 1 / math.sqrt(LEAPS), dtype=np.float32)
        self._log_ratio = np.zeros(people, dtype=np.float32)
        self.seen = np.zeros((people, columns, columns))
        self._sum = np.zeros((people, columns, columns))
        self._looks = 0
        self._factor = np.zeros((columns, columns, people), dtype=np.float32)
        self._next_shape = 0

    def coefficients(self) -> SingleArray:
        """(columns, people) everybody's coefficients."""
        return self._link(self.latent)[0]

    def look(self, iteration: int) -> bool:
        """When it is due, note the information of the answers at everybody's coefficients."""
        if iteration % LOOK:
            return False
        coefficients, slopes = self._link(self.latent)
        across = 1 if slopes is None else slopes.T[:, :, None] * slopes.T[:, None, :]
        self.seen = self._likelihood.information(coefficients) * across
        self._sum += self.seen
        self._looks += 1
        return True

    def shape(self, population: Population, iteration: int) -> bool:
        """When it is due, shape each person's proposals anew, by (Lᵀ information of the answers L + 1)⁻¹ for θ.

        The information is a mean over draws, because that at one draw may suit one side of a bend only.
        """
        if iteration < self._next_shape:
            return False
        root = population.root
        information = self._sum / self._looks
        roots = np.linalg.cholesky(np.linalg.inv(root.T @ information @ root + np.eye(len(root))))
        self._factor = np.ascontiguousarray(roots.transpose(1, 2, 0), dtype=np.float32)
        self._next_shape = max(FIRST_SHAPE, 2 * self._next_shape)
        self._sum[:] = 0
        self._looks = 0
        return True

    def move(self, population: Population, rng: np.random.Generator) -> float:
        """One Metropolis step for everybody; the share of people who moved."""
        mean = population.mean.astype(np.float32)[:, None]
        root = population.root.astype(np.float32)
        inverse = lower_inverse(population.root).astype(np.float32)
        theta = np.einsum("ij,jn->in", inverse, self.latent - mean)
        momentum = rng.standard_normal(self.latent.shape, dtype=np.float32)
        before = self.value - _half(theta * theta) - _half(momentum * momentum)
        half = self._steps / 2
        momentum += half * self._across(self._within(root, self.gradient) - theta)
        for leap in range(LEAPS):
            theta += np.einsum("ijn,jn->in", self._factor, self._steps * momentum)
            latent = mean + np.einsum("ij,jn->in", root, theta)
            if leap < LEAPS - 1:
                momentum += self._steps * self._across(self._within(root, self.gradient_at(latent)) - theta)
        value, gradient = self.likelihood_at(latent)
        momentum += half * self._across(self._within(root, gradient) - theta)
        log_ratio = value - _half(theta * theta) - _half(momentum * momentum) - before
        self._log_ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)  # a step that overflowed is refused
        accept = self._log_ratio > -rng.standard_exponential(self._steps.shape, dtype=np.float32)
        self.place(
            np.where(accept, latent, self.latent),
            np.where(accept, value, self.value),
            np.where(accept, gradient, self.gradient),
        )
        return int(np.count_nonzero(accept)) / accept.size

    def place(self, latent: SingleArray, value: SingleArray, gradient: SingleArray) -> None:
        """Put everybody elsewhere, where the likelihood is known."""
        self.latent, self.value, self.gradient = latent, value, gradient

    def adapt(self, speed: float) -> None:
        """Step sizes towards the wanted acceptance (Robbins & Monro 1951); speed: how fast."""
        chance = np.exp(np.minimum(self._log_ratio, 0))
        self._steps *= np.exp((chance - np.float32(ACCEPTANCE)) * np.float32(speed))

    def _within(self, root: SingleArray, slopes: SingleArray) -> SingleArray:
        """Slopes in θ."""
        turned: SingleArray = np.einsum("ji,jn->in", root, slopes)
        return turned

    def _across(self, slopes: SingleArray) -> SingleArray:
        """Slopes in the coordinates of the momentum."""
        turned: SingleArray = np.einsum("jin,jn->in", self._factor, slopes)
        return turned

    def likelihood_at(self, latent: SingleArray) -> tuple[SingleArray, SingleArray]:
        """(people,) log-likelihood at latent coefficients, and (columns, people) its gradient."""
        coefficients, slopes = self._link(latent)
        value, gradient = self._likelihood.value_and_gradient(coefficients)
        if slopes is not None:
            gradient *= slopes
        return value, gradient

    def gradient_at(self, latent: SingleArray) -> SingleArray:
        """(columns, people) the gradient at latent coefficients, of the log-likelihood."""
        coefficients, slopes = self._link(latent)
        gradient = self._likelihood.gradient(coefficients)
        if slopes is not None:
            gradient *= slopes
        return gradient

    def _link(self, latent: SingleArray) -> tuple[SingleArray, SingleArray | None]:
        """(columns, people) coefficients of latent ones, and their slopes; None where no column has a sign."""
        if not self._held.size:
            return latent, None
        coefficients, slopes = latent.copy(), np.ones_like(latent)
        sizes, slopes[self._held] = softplus(self._signs * latent[self._held])
        coefficients[self._held] = self._signs * sizes
        return coefficients, slopes


def _half(products: SingleArray) -> SingleArray:
    """(people,) half of the sum over columns."""
    sums: SingleArray = products.sum(axis=0)
    return sums / np.float32(2)
