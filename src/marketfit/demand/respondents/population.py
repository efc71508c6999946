"""A normal population of tastes beside people who answer at random: a quick, robust sketch of who was asked.

It serves to judge respondents, not markets: draws are importance-weighted (Train 2008: EM for mixed logit), and the
share of random answers is estimated along, so that robots do not bend the picture of people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, SingleArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.models.mnl import fit_mnl

DRAWS = 800
ROUNDS = 20
AVERAGED = 5  # last rounds whose estimates are averaged: each has the noise of its own draws
LAST_DRAWS = 2000
MOST_PEOPLE = 1500  # that the population is estimated on
_CELLS = 1 << 24  # numbers of a block of people: 64 MB
_FIRST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Population:
    """Tastes N(mean, covariance) of those who answer in earnest. draws: (LAST_DRAWS, columns) of them.

    random: estimated share of people who answer at random. people: behind the estimate.
    """

    coding: Coding
    mean: FloatArray
    covariance: FloatArray
    draws: FloatArray
    random: float
    people: int


@dataclass(frozen=True, eq=False)
class Block:
    """Some people and their tasks. logs: (tasks, alternatives, draws) log-probabilities, −∞ where there is none.

    first, tasks: (people,) where each begins among the tasks, and how many they have. chosen, sizes: (tasks,).
    """

    people: IntArray
    first: IntArray
    tasks: IntArray
    chosen: IntArray
    sizes: IntArray
    logs: SingleArray

    @property
    def said(self) -> SingleArray:
        """(tasks, draws) log-probability of what was chosen."""
        return self.logs[np.arange(self.chosen.size), self.chosen]


def blocks(data: ChoiceData, coding: Coding, draws: FloatArray, people: BoolArray | None = None) -> Iterator[Block]:
    """The people (all, or those of a mask) in blocks of bounded memory.

    draws: (draws, columns) of coefficients.
    """
    assert data.respondent is not None, "people are known"
    starts = np.flatnonzero(np.diff(data.respondent, prepend=-1))
    counts = np.diff(np.append(starts, data.tasks))
    chosen_people = np.flatnonzero(np.ones(starts.size, dtype=np.bool_) if people is None else people)
    cells = counts * int(data.sizes.max()) * draws.shape[0]
    begin = 0
    while begin < chosen_people.size:
        sizes = np.cumsum(cells[chosen_people[begin:]])
        end = begin + max(1, int(np.searchsorted(sizes, _CELLS)))
        some = chosen_people[begin:end]
        tasks = np.concatenate([np.arange(starts[one], starts[one] + counts[one]) for one in some.tolist()])
        yield _block(data.take(tasks), coding, draws, some, counts[some])
        begin = end


def _block(part: ChoiceData, coding: Coding, draws: FloatArray, people: IntArray, counts: IntArray) -> Block:
    worth = (coding.design(part).matrix @ draws.T).astype(np.float32)
    widest = int(part.sizes.max())
    place = np.arange(part.rows) - np.repeat(part.starts, part.sizes)
    logs = np.full((part.tasks, widest, draws.shape[0]), -np.inf, dtype=np.float32)
    logs[part.task_of_row, place] = worth
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return Block(people, first, counts, part.chosen - part.starts, part.sizes, logs)


def estimate_population(
    data: ChoiceData, *, rng: np.random.Generator, progress: Callable[[float], None] = lambda _done: None
) -> Population:
    """EM over the mean, the covariance and the share of random answers.

    data: with respondents. Raises DataError as `fit_mnl` does.
    """
    start = fit_mnl(data, errors="classical")
    mean, covariance = start.estimates.copy(), np.diag(0.25 * start.estimates**2 + 1e-4)
    count = data.respondents
    some = np.zeros(count, dtype=np.bool_)
    some[rng.permutation(count)[:MOST_PEOPLE]] = True
    random = _FIRST_SHARE
    late: list[tuple[FloatArray, FloatArray, float]] = []
    for number in range(ROUNDS):
        # New draws in every round: with the same ones, the covariance would follow their accidents.
        draws = _draws(mean, covariance, DRAWS, rng)
        mean, covariance, random = _round(data, start.coding, draws, random, some)
        late = [*late[1 - AVERAGED :], (mean, covariance, random)]
        progress((number + 1) / ROUNDS)
    mean = np.mean([found[0] for found in late], axis=0)
    covariance = np.mean([found[1] for found in late], axis=0)
    random = float(np.mean([found[2] for found in late]))
    draws = _draws(mean, covariance, LAST_DRAWS, rng)
    return Population(start.coding, mean, covariance, draws, random, int(some.sum()))


def _draws(mean: FloatArray, covariance: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    deviates = rng.standard_normal((count // 2, mean.size))
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(mean.size))
    return np.asarray(mean + np.concatenate([deviates, -deviates]) @ root.T)


def _round(
    data: ChoiceData, coding: Coding, draws: FloatArray, random: float, some: BoolArray
) -> tuple[FloatArray, FloatArray, float]:
    """One E and M step: everybody's tastes weigh as much as they seem to answer in earnest."""
    total = np.zeros(draws.shape[0])  # summed weight of each draw
    earnest, people = 0.0, 0
    for block in blocks(data, coding, draws, some):
        logs = np.add.reduceat(block.said, block.first, axis=0).astype(np.float64)
        marginal = special.logsumexp(logs, axis=1) - np.log(draws.shape[0])
        by_chance = -np.add.reduceat(np.log(block.sizes), block.first)
        odds = np.log((1 - random) / random) + marginal - by_chance
        weight = special.expit(odds)
        total += weight @ special.softmax(logs, axis=1)
        earnest += float(weight.sum())
        people += block.people.size
    share = total / total.sum()
    mean = share @ draws
    away = draws - mean
    covariance = (share[:, None] * away).T @ away
    return mean, covariance, float(np.clip(1 - earnest / people, 1e-3, 0.9))
