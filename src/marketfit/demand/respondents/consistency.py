"""Do the answers of a person hang together? The likelihood of each half of their tasks, given the other half.

For a person with odd tasks o and even tasks e, the score of the odd half is log p(o | e) − log p(o at random), where
p(o | e) = ∫ p(o | β) p(β | e) dβ under the population's tastes, and random answers choose all alternatives alike. The
cut-off is simulated on the person's own tasks: 95 % of those who answer them at random score below it (the idea of
Orme 2019, "Consistency cutoffs to identify bad respondents in CBC, ACBC and MaxDiff", with held-out likelihood in place
of the fit to the same answers, which overfits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray, IntArray, Rng, SingleArray, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.respondents.population import Block, blocks, estimate_population
from marketfit.errors import DataError, Problem

CUT = 0.95
SIMULATED = 200  # random answerers for each person
FEWEST_TASKS = 4  # with fewer, a half has a single task, and nothing is said


@dataclass(frozen=True, eq=False)
class Consistency:
    """Scores of respondents in the order of `respondent_labels`; NaN for those with fewer than 4 tasks.

    odd, even: (respondents,) log-likelihood of that half above that of random answers, in nats, given the other half.
    odd_cut, even_cut: (respondents,) what 95 % of simulated random answerers stay below on the same tasks.
    random: estimated share of people who answer at random.
    """

    odd: FloatArray
    even: FloatArray
    odd_cut: FloatArray
    even_cut: FloatArray
    random: float


def consistency(
    data: ChoiceData, *, rng: Rng = 0, progress: Callable[[float], None] = lambda _done: None
) -> Consistency:
    """Score every respondent. Raises DataError when the data do not say who answered."""
    if data.respondent is None:
        found, do = "the choice data do not say who answered", "name the respondent column"
        raise DataError([Problem("respondents", found, "a respondent for every task", do)])
    generator = np.random.default_rng(rng)
    population = estimate_population(data, rng=generator, progress=lambda done: progress(0.5 * done))
    table = np.full((4, data.respondents), np.nan)
    done = 0
    for block in blocks(data, population.coding, population.draws):
        for place, person in enumerate(block.people.tolist()):
            if block.tasks[place] >= FEWEST_TASKS:
                table[:, person] = _score(block, place, generator)
        done += block.people.size
        progress(0.5 + 0.5 * done / data.respondents)
    odd, even, odd_cut, even_cut = (frozen(row) for row in table)
    return Consistency(odd, even, odd_cut, even_cut, population.random)


def _score(block: Block, place: int, rng: np.random.Generator) -> FloatArray:
    """(4,) odd, even and their cut-offs for one person."""
    tasks = np.arange(block.first[place], block.first[place] + block.tasks[place])
    sizes = block.sizes[tasks]
    picks = np.concatenate(
        [block.chosen[tasks][None], (rng.random((SIMULATED, tasks.size)) * sizes).astype(np.int64)]
    )  # the person first, then those who answer at random
    halves = [_summed(block.logs, tasks[half::2], picks[:, half::2]) for half in (0, 1)]
    joint = special.logsumexp(halves[0] + halves[1], axis=1)
    found = []
    for half in (0, 1):
        by_chance = float(np.log(sizes[half::2]).sum())
        found.append(joint - special.logsumexp(halves[1 - half], axis=1) + by_chance)
    cuts = [np.quantile(scores[1:], CUT) for scores in found]
    return np.array([found[0][0], found[1][0], *cuts])


def _summed(logs: SingleArray, tasks: IntArray, picks: IntArray) -> FloatArray:
    """(people, draws) log-likelihood of picks (people, tasks)."""
    total = np.zeros((picks.shape[0], logs.shape[2]))
    for column, task in enumerate(tasks.tolist()):
        total += logs[task][picks[:, column]]
    return total
