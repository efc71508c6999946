"""One Markov chain: everybody's coefficients by Metropolis, then the population by Gibbs (Train 2009, section 12.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, SingleArray
from marketfit.demand.models.hierarchical.interweave import Interweaver
from marketfit.demand.models.hierarchical.likelihood import PeopleLikelihood
from marketfit.demand.models.hierarchical.people import PeopleSampler
from marketfit.demand.models.hierarchical.population import Population

START_SPREAD = 0.5
"""How far apart chains begin, so that it shows when they do not forget where."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What every chain draws from, in units in which the columns vary by 1 within tasks.

    signs: (columns,) −1, 1, or 0 where a coefficient is free. start: (columns,) latent mean near which chains begin.
    weights: (people,) how many people each stands for.
    """

    likelihood: PeopleLikelihood
    signs: IntArray
    start: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class Length:
    """How long a chain runs, and how many draws it keeps: evenly spaced after burn-in, however long it is."""

    iterations: int
    burn_in: int
    population_draws: int
    people_draws: int

    @property
    def kept(self) -> tuple[list[int], list[int]]:
        """The iterations whose draws of the population, and of people, are kept."""
        return self._spaced(self.population_draws), self._spaced(self.people_draws)

    def _spaced(self, draws: int) -> list[int]:
        after = self.iterations - self.burn_in
        count = min(draws, after)
        return [self.burn_in + (index + 1) * after // count - 1 for index in range(count)]


@dataclass(frozen=True, eq=False)
class ChainDraws:
    """What a chain leaves behind.

    means (draws, columns) and covariances (draws, columns, columns) of the latent coefficients of the population that
    people stand for by their weights.
    people: (draws, columns, people) coefficients; people_mean: (columns, people), over all iterations after burn-in.
    acceptance: the share of accepted proposals after burn-in.
    """

    means: FloatArray
    covariances: FloatArray
    people: SingleArray
    people_mean: FloatArray
    acceptance: float


@np.errstate(over="ignore", invalid="ignore")  # a proposal that overflows is refused
def run_chain(posterior: Posterior, length: Length, seed: int, tick: Callable[[], None]) -> ChainDraws:
    """Run a chain. Proposals adapt during burn-in only: from then on the chain has the posterior as its limit.

    tick: called after every iteration; what it raises ends the chain.
    """
    rng, aside = (np.random.Generator(np.random.SFC64(start)) for start in (seed, [seed, 1]))
    columns, people = posterior.start.size, posterior.likelihood.people
    population = Population.around(posterior.start + START_SPREAD * rng.standard_normal(columns))
    scatter = rng.standard_normal((columns, people)) / 2
    start = (population.mean[:, None] + scatter).astype(np.float32)
    sampler = PeopleSampler(posterior.likelihood, posterior.signs, start)
    interweaver = Interweaver(columns, posterior.likelihood.tasks / people)
    everybody, market = np.ones(people), population
    alike = bool((posterior.weights == 1).all())
    recorder = _Recorder(length, columns, people)
    for iteration in range(length.iterations):
        warm = iteration < length.burn_in
        if warm and sampler.look(iteration):
            interweaver.look(sampler, population)
        if warm and sampler.shape(population, iteration):
            interweaver.shape()
        moved = sampler.move(population, rng)
        population = population.redrawn(sampler.latent.astype(np.float64), everybody, rng)
        speed = min(1.0, 20 / (iteration + 10))
        if interweaver.due(iteration):
            population = interweaver.move(sampler, population, rng)
            if warm:
                interweaver.adapt(speed)
        # People lean on those who were asked; whom these stand for is drawn beside, and says nothing back. Were people
        # to lean on the market, there would be no density that moves of everybody could keep: chains would get stuck.
        market = population if alike else market.redrawn(sampler.latent.astype(np.float64), posterior.weights, aside)
        if warm:
            sampler.adapt(speed)
        else:
            recorder.record(iteration, market, sampler.coefficients(), moved)
        tick()
    return recorder.draws()


class _Recorder:
    """Sums and thinned draws; their size does not depend on the number of iterations."""

    def __init__(self, length: Length, columns: int, people: int) -> None:
        population_at, people_at = length.kept
        self._population_at = {iteration: place for place, iteration in enumerate(population_at)}
        self._people_at = {iteration: place for place, iteration in enumerate(people_at)}
        self._means = np.empty((len(population_at), columns))
        self._covariances = np.empty((len(population_at), columns, columns))
        self._people = np.empty((len(people_at), columns, people), dtype=np.float32)
        self._total = np.zeros((columns, people))
        self._moved = 0.0
        self._count = 0

    def record(self, iteration: int, population: Population, coefficients: SingleArray, moved: float) -> None:
        self._total += coefficients
        self._moved += moved
        self._count += 1
        if (place := self._population_at.get(iteration)) is not None:
            self._means[place] = population.mean
            self._covariances[place] = population.covariance
        if (place := self._people_at.get(iteration)) is not None:
            self._people[place] = coefficients

    def draws(self) -> ChainDraws:
        mean, acceptance = self._total / self._count, self._moved / self._count
        return ChainDraws(self._means, self._covariances, self._people, mean, acceptance)
