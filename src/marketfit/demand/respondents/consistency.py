"""Do the answers of a person hang together? The likelihood of the odd and of the even tasks, against random answers.

With p(·) = ∫ Π p(task | β) dN(β) under the population of tastes that hierarchical Bayes finds, the score of a half h of
the tasks is log p(all) + ½ log p(h) − ½ log p(other half), less the same for answers at random: the likelihood of all
tasks, those of the half counting most. Being joint, it asks whether each half follows from the other. The cut-off is
simulated on the same tasks: at the most 94.5 % of those who answer them at random score below it, and fewer where else
more than 5 % of simulated people in earnest would fail both halves: a short survey catches less. Hardly anybody in
earnest takes one position every time, so whoever does is held against the full 94.5 %: one half is enough to confirm
it, and few people can be lost. (The idea is Orme's
2019, "Consistency cutoffs to identify bad respondents in CBC, ACBC and MaxDiff"; the fit to the answers that tastes
were estimated from, as used there, flatters those who answer at random.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng, SingleArray, frozen
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.models.hierarchical.fit import fit_hb
from marketfit.demand.respondents.blocks import Block, blocks
from marketfit.errors import DataError, Problem

CUT = 0.945  # chosen on the survey of benchmarks/research_quality.py, whose rates are therefore those of a fit
LEVELS = np.linspace(0.0, CUT, 64)
LOST = 0.05
"""Share of people in earnest who may fall below both cut-offs at the most."""
"""A higher level catches more robots and loses more people: benchmarks/research_quality.py measures both."""
SIMULATED = 20  # random answerers on the tasks of each person; those of all with as many tasks make a cut-off
FEWEST_TASKS = 4  # with fewer, a half has a single task, and nothing is said
ITERATIONS = 1000  # of hierarchical Bayes: a sketch of the population is enough
POPULATIONS, PEOPLE = 800, 10  # draws of the population, and people from each


@dataclass(frozen=True, eq=False)
class Consistency:
    """Scores of respondents in the order of `respondent_labels`; NaN for those with fewer than 4 tasks.

    odd, even: (respondents,) log-likelihood above that of random answers, in nats, that half counting most.
    odd_cut, even_cut: (respondents,) what most simulated random answerers stay below, for as many tasks, and few people
    in earnest. odd_full, even_full: (respondents,) the same with no regard to people in earnest, for those against whom
    something else speaks already.
    """

    odd: FloatArray
    even: FloatArray
    odd_cut: FloatArray
    even_cut: FloatArray
    odd_full: FloatArray
    even_full: FloatArray

    def held_against(self, suspects: BoolArray) -> Consistency:
        """The same scores, with the full cut-offs for `suspects` (respondents,)."""
        return replace(
            self,
            odd_cut=frozen(np.where(suspects, self.odd_full, self.odd_cut)),
            even_cut=frozen(np.where(suspects, self.even_full, self.even_cut)),
        )


def consistency(
    data: ChoiceData,
    *,
    population: ChoiceData | None = None,
    signs: Mapping[str, int] | None = None,
    rng: Rng = 0,
    progress: Callable[[float], None] = lambda _done: None,
) -> Consistency:
    """Score every respondent.

    population: the answers that tastes are estimated from (default: all). signs: as in `fit_hb`.
    Raises DataError when the data do not say who answered, and as `fit_hb` does.
    """
    if data.respondent is None:
        found, do = "the choice data do not say who answered", "name the respondent column"
        raise DataError([Problem("respondents", found, "a respondent for every task", do)])
    generator = np.random.default_rng(rng)
    model = fit_hb(
        population or data,
        signs=signs,
        iterations=ITERATIONS,
        rng=generator,
        progress=lambda done: progress(0.6 * done),
    )
    drawn = model.utility_draws(POPULATIONS, generator).values[:, :PEOPLE]
    tastes = drawn.reshape(-1, drawn.shape[2])
    own = np.full((data.respondents, 2), np.nan)
    random = np.full((data.respondents, SIMULATED, 2), np.nan)
    earnest = np.full((data.respondents, SIMULATED, 2), np.nan)
    tasks = np.zeros(data.respondents, dtype=np.int64)
    for block in blocks(data, model.coding, tastes):
        tasks[block.people] = block.tasks
        for place, person in enumerate(block.people.tolist()):
            if block.tasks[place] >= FEWEST_TASKS:
                scores = _scores(block, place, generator)
                own[person] = scores[0]
                random[person], earnest[person] = scores[1 : 1 + SIMULATED], scores[1 + SIMULATED :]
        progress(0.6 + 0.4 * (int(block.people[-1]) + 1) / data.respondents)
    cuts = _cuts(random, earnest, tasks)
    return Consistency(*(frozen(column) for column in (*own.T, *cuts.T)))


def _cuts(random: FloatArray, earnest: FloatArray, tasks: IntArray) -> FloatArray:
    """(respondents, 4) cut-offs of both halves, then the full ones, from all simulated people with as many tasks.

    random, earnest: (respondents, SIMULATED, 2) scores of simulated people on everybody's tasks.
    """
    cuts = np.full((tasks.size, 4), np.nan)
    for count in np.unique(tasks[tasks >= FEWEST_TASKS]).tolist():
        mine = tasks == count
        levels = np.quantile(random[mine].reshape(-1, 2), LEVELS, axis=0)
        fail = (earnest[mine].reshape(-1, 1, 2) < levels).all(axis=2).mean(axis=0)
        fits = np.flatnonzero(fail <= LOST)
        cuts[mine, :2] = levels[fits[-1]] if fits.size else -np.inf
        cuts[mine, 2:] = levels[-1]
    return cuts


def _scores(block: Block, place: int, rng: np.random.Generator) -> FloatArray:
    """(1 + 2 × SIMULATED, 2) scores of both halves: the person, those who answer at random, those in earnest."""
    tasks = np.arange(block.first[place], block.first[place] + block.tasks[place])
    sizes = block.sizes[tasks]
    guesses = (rng.random((SIMULATED, tasks.size)) * sizes).astype(np.int64)
    picks = np.concatenate([block.chosen[tasks][None], guesses, _earnest(block, tasks, rng)])
    halves = [_summed(block.logs, tasks[half::2], picks[:, half::2]) for half in (0, 1)]
    draws = np.log(block.logs.shape[2])
    alone = [_log_sum(logs) - draws + np.log(sizes[half::2]).sum() for half, logs in enumerate(halves)]
    joint = _log_sum(halves[0] + halves[1]) - draws + np.log(sizes).sum()
    return np.stack([joint + (alone[half] - alone[1 - half]) / 2 for half in (0, 1)], axis=1)


def _earnest(block: Block, tasks: IntArray, rng: np.random.Generator) -> IntArray:
    """(SIMULATED, tasks) choices of people with tastes from the population, by the logit."""
    someone = rng.integers(block.logs.shape[2], size=SIMULATED)
    # Chances add up along the alternatives: (tasks, alternatives, people).
    chances = np.exp(block.logs[tasks][:, :, someone].astype(np.float64)).cumsum(axis=1)
    picked: IntArray = (chances < rng.random((tasks.size, 1, SIMULATED)) * chances[:, -1:]).sum(axis=1).T
    return np.minimum(picked, block.sizes[tasks] - 1)


def _summed(logs: SingleArray, tasks: IntArray, picks: IntArray) -> FloatArray:
    """(people, draws) log-likelihood of picks (people, tasks)."""
    total = np.zeros((picks.shape[0], logs.shape[2]))
    for column, task in enumerate(tasks.tolist()):
        total += logs[task][picks[:, column]]
    return total


def _log_sum(logs: FloatArray) -> FloatArray:
    """(people,) log of the sum of exponentials over draws; the largest is taken out."""
    highest = logs.max(axis=1, keepdims=True)
    sums: FloatArray = highest[:, 0] + np.log(np.exp(logs - highest).sum(axis=1))
    return sums
